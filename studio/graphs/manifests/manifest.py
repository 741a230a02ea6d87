"""A manifest: what a workflow is called, what it asks for, and where each answer goes.

The shape is ``workflows/manifest.schema.json``; what a schema cannot say is checked here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path as FilePath
from typing import Any, Final

import jsonschema

from studio.graphs.manifests.document import Document, Path, problem, refused
from studio.graphs.problems import clip

SCHEMA_FILE: Final = FilePath(__file__).resolve().parents[3] / "workflows/manifest.schema.json"
SCHEMA: Final[dict[str, Any]] = json.loads(SCHEMA_FILE.read_bytes())
_VALIDATOR: Final = jsonschema.Draft202012Validator(SCHEMA)
STAGE_SEPARATOR: Final = ":"
"""Between a stage's name and a node's own id, as ComfyUI writes the nodes of a subgraph."""
_MAX_PROBLEMS: Final = 20
RESERVED: Final = frozenset({"item", "index", "number", "count", "and", "or", "true", "false"})
"""Names that mean something in expressions."""


class InputType(StrEnum):
    TEXT = "text"
    INT = "int"
    FLOAT = "float"
    BOOLEAN = "boolean"
    SEED = "seed"
    SELECT = "select"
    IMAGE = "image"
    MASK = "mask"
    VIDEO = "video"
    AUDIO = "audio"
    FILE = "file"
    CHECKPOINT = "checkpoint"
    VAE = "vae"
    LORAS = "loras"
    RESOLUTION = "resolution"
    SCENES = "scenes"


FILE_TYPES: Final = frozenset(
    {InputType.IMAGE, InputType.MASK, InputType.VIDEO, InputType.AUDIO, InputType.FILE}
)
NUMBER_TYPES: Final = frozenset({InputType.INT, InputType.FLOAT, InputType.SEED})
CHOICE_TYPES: Final = frozenset({InputType.SELECT, InputType.CHECKPOINT, InputType.VAE})
_DEFAULTS: Final[Mapping[InputType, tuple[type, ...]]] = {
    InputType.TEXT: (str,),
    InputType.INT: (int, float),
    InputType.FLOAT: (int, float),
    InputType.SEED: (int,),
    InputType.BOOLEAN: (bool,),
    InputType.RESOLUTION: (dict,),
    InputType.LORAS: (list,),
    InputType.SCENES: (list,),
    **dict.fromkeys(CHOICE_TYPES, (str, int, float, bool)),
    **dict.fromkeys(FILE_TYPES, (dict, list)),
}
"""What a default may be; whatever is something else would fail whoever runs the workflow."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a value goes. Found by id, class and title together; see ``targets.find``."""

    node: str
    class_type: str | None = None
    title: str | None = None
    input: str | None = None
    part: str | None = None
    phase: str | None = None
    """``high`` or ``low``: which half of LoRA pairs."""
    model_output: int | None = None
    clip_output: int | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that a workflow asks for."""

    id: str
    name: str
    type: InputType
    required: bool
    default: Any
    least: float | None
    most: float | None
    multiple: bool
    options: tuple[Any, ...]
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a dynamic workflow."""

    name: str
    file: str
    when: str | None
    switch: str | None
    cases: Mapping[str, str]
    default: str | None
    repeat: int | str | None
    chain: Mapping[str, str]
    wiring: Mapping[str, tuple[str, ...]]
    """Import: the exports that it may be, in order."""

    @property
    def files(self) -> list[str]:
        """Every block that the stage may be made of."""
        if self.switch is None:
            return [self.file]
        return [*self.cases.values(), *([self.default] if self.default else [])]


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest that was checked. ``source`` is its JSON form."""

    id: str
    name: str
    inputs: tuple[Input, ...]
    stages: tuple[Stage, ...]
    source: dict[str, Any]

    @property
    def dynamic(self) -> bool:
        return bool(self.stages)

    def input(self, input_id: str) -> Input | None:
        return next((each for each in self.inputs if each.id == input_id), None)


def stored_manifest(data: dict[str, Any]) -> Manifest:
    """The manifest of a version, which was checked when it was stored."""
    return _manifest(data)


def read_manifest(document: Document | object) -> Manifest:
    """The manifest in a document or in plain data.

    Raises:
        InvalidManifest: every problem (20 at most), with its path and, from a text, its line.
    """
    if not isinstance(document, Document):
        document = Document(document)
    found: list[dict[str, Any]] = []
    for path, message in _problems(document.data):
        found.append(problem(document.line(path), path, message))
        if len(found) == _MAX_PROBLEMS:
            break
    if found:
        raise refused(found)
    return _manifest(document.data)


def _problems(data: object) -> Iterator[tuple[Path, str]]:
    clean = True
    for error in _VALIDATOR.iter_errors(data):
        clean = False
        yield _explain(error)
    if clean:
        assert isinstance(data, dict)
        yield from _contradictions(data)


def _explain(error: jsonschema.ValidationError) -> tuple[Path, str]:
    path: Path = tuple(error.absolute_path)
    wanted: Any = error.validator_value
    instance: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = error.schema["properties"] if isinstance(error.schema, dict) else {}
            unknown = sorted(str(key) for key in instance if key not in known)
            return (*path, unknown[0]), f"There is no key “{clip(unknown[0], 60)}” here."
        case "required":
            missing = next(name for name in wanted if name not in instance)
            return path, f"“{missing}” is missing."
        case "type":
            kinds = wanted if isinstance(wanted, str) else " or ".join(wanted)
            return path, f"This must be {kinds}, not {clip(error.instance, 40)}."
        case "enum" | "const":
            allowed = wanted if isinstance(wanted, list) else [wanted]
            listed = ", ".join(str(each) for each in allowed)
            return path, f"“{clip(error.instance, 40)}” is none of: {listed}."
        case "pattern" | "not":
            return path, f"“{clip(error.instance, 60)}” is not a name that is allowed here."
        case "dependentRequired":
            return path, "cases and default need switch, and chain needs repeat."
        case _:
            limit = f" ({error.validator}: {clip(wanted, 40)})" if error.validator else ""
            return path, f"{clip(error.instance, 40)} is not allowed here{limit}."


def _contradictions(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    ids: set[str] = set()
    for index, each in enumerate(data.get("inputs", ())):
        path: Path = ("inputs", index)
        if each["id"] in ids or each["id"] in RESERVED:
            why = "is reserved" if each["id"] in RESERVED else "is the id of two inputs"
            yield (*path, "id"), f"“{each['id']}” {why}."
        ids.add(each["id"])
        yield from _input_contradictions(path, each)
        if each["type"] == InputType.SCENES and not data.get("pipeline"):
            yield path, "Scenes need a pipeline with a stage that repeats over them."
        if not data.get("pipeline") and not each.get("targets"):
            yield path, "An input without targets would change nothing."
    yield from _repeated_targets(data)
    stages: set[str] = set()
    for index, stage in enumerate(data.get("pipeline", ())):
        path = ("pipeline", index)
        if stage["block"] in stages:
            yield (*path, "block"), f"“{stage['block']}” is the name of two stages."
        for name, value in stage.get("with", {}).items():
            for source in _sources(value):
                if source.partition(".")[0] not in stages:
                    yield (*path, "with", name), f"No stage before this one makes “{source}”."
        stages.add(stage["block"])
        if "switch" in stage and not stage.get("cases"):
            yield path, "switch needs cases."
        if "switch" in stage and stage["switch"] not in ids:
            yield (*path, "switch"), f"No input has the id “{stage['switch']}”."


def _repeated_targets(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """A node of a stage that repeats is there several times: no target can mean it."""
    repeated = {stage["block"] for stage in data.get("pipeline", ()) if "repeat" in stage}
    for index, each in enumerate(data.get("inputs", ())):
        for number, target in enumerate(each.get("targets", ())):
            name = target["node"].partition(STAGE_SEPARATOR)[0]
            if name in repeated:
                path: Path = ("inputs", index, "targets", number, "node")
                yield path, f"The stage “{name}” repeats; write {{{{{each['id']}}}}} in its block."


def _input_contradictions(path: Path, each: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    kind = InputType(each["type"])
    least, most = each.get("min"), each.get("max")
    if least is not None and most is not None and least > most:
        yield (*path, "min"), f"min ({least}) is above max ({most})."
    if each.get("multiple") and kind not in FILE_TYPES:
        yield (*path, "multiple"), "Only files can be several."
    if each.get("options") and kind not in (*CHOICE_TYPES, InputType.INT, InputType.FLOAT):
        yield (*path, "options"), f"An input of type {kind.value} has no options."
    if each.get("presets") and kind is not InputType.RESOLUTION:
        yield (*path, "presets"), "Only a resolution has presets."
    default = each.get("default")
    offered = [option["value"] for option in each.get("options", ())]
    if default is not None and type(default) not in _DEFAULTS[kind]:
        why = f"“{clip(default, 40)}” is no value of an input of type {kind.value}."
        yield (*path, "default"), why
    elif default is not None and offered and default not in offered:
        yield (*path, "default"), f"“{clip(default, 40)}” is none of the options."
    for index, target in enumerate(each.get("targets", ())):
        where = (*path, "targets", index)
        if kind is InputType.LORAS:
            if "input" in target:
                yield (*where, "input"), "LoRAs are loaded onto a node, not into one of its inputs."
        elif "input" not in target:
            yield where, "“input” is missing."
        elif kind is InputType.RESOLUTION and part_of(target) is None:
            yield where, "“part” must say whether the width or the height goes here."


def part_of(target: Mapping[str, Any]) -> str | None:
    """Which side of a resolution a target takes."""
    part = target.get("part") or target.get("input")
    return part if part in ("width", "height") else None


def _manifest(data: dict[str, Any]) -> Manifest:
    return Manifest(
        id=data["id"],
        name=data["name"],
        inputs=tuple(_input(each) for each in data.get("inputs", ())),
        stages=tuple(_stage(each) for each in data.get("pipeline", ())),
        source=data,
    )


def _input(data: dict[str, Any]) -> Input:
    return Input(
        id=data["id"],
        name=data["name"],
        type=InputType(data["type"]),
        required=data.get("required", False),
        default=data.get("default"),
        least=data.get("min"),
        most=data.get("max"),
        multiple=data.get("multiple", False),
        options=tuple(option["value"] for option in data.get("options", ())),
        targets=tuple(_target(each) for each in data.get("targets", ())),
    )


def _target(data: dict[str, Any]) -> Target:
    outputs = data.get("outputs", {})
    return Target(
        node=data["node"],
        class_type=data.get("class"),
        title=data.get("title"),
        input=data.get("input"),
        part=part_of(data),
        phase=data.get("pass"),
        model_output=outputs.get("model"),
        clip_output=outputs.get("clip"),
    )


def _sources(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _stage(data: dict[str, Any]) -> Stage:
    return Stage(
        name=data["block"],
        file=data.get("file", f"{data['block']}.json"),
        when=data.get("when"),
        switch=data.get("switch"),
        cases=data.get("cases", {}),
        default=data.get("default"),
        repeat=data.get("repeat"),
        chain=data.get("chain", {}),
        wiring={name: _sources(value) for name, value in data.get("with", {}).items()},
    )
