"""What has to be asked before a preset can run: its questions, and inputs that nobody filled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.bot.talk import Dialogue
from studio.graphs.filling import check
from studio.graphs.graph import is_number
from studio.graphs.manifests.manifest import (
    CHOICE_TYPES,
    FILE_TYPES,
    Input,
    InputType,
    Manifest,
    stored_manifest,
)
from studio.graphs.manifests.values import fits, is_empty
from studio.graphs.questions import literal
from studio.models import Identity
from studio.services.presets import PresetService
from studio.services.workflow_library import WorkflowLibrary
from studio.store.presets import Preset

QUESTION: Final = "q"
INPUT: Final = "i"
_ASKABLE: Final = frozenset(
    {InputType.TEXT, InputType.INT, InputType.FLOAT, InputType.BOOLEAN, InputType.SELECT}
    | FILE_TYPES
)
_FILLED_BY_STUDIO: Final = frozenset({InputType.SEED, InputType.CHECKPOINT, InputType.VAE})


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to ask. ``id`` is ``q:<question>`` or ``i:<input>``; ``options`` are (label,
    value); ``file`` says that only a file answers it."""

    id: str
    text: str
    options: tuple[tuple[str, Any], ...] = ()
    default: str | None = None
    input: Input | None = None

    @property
    def file(self) -> bool:
        return self.input is not None and self.input.type in FILE_TYPES

    @property
    def askable(self) -> bool:
        """Whether a chat can answer it at all."""
        return self.input is None or self.input.type in _ASKABLE


@dataclass(frozen=True, slots=True)
class Plan:
    """A preset, its workflow's inputs, and all that is asked before it can run."""

    preset: Preset
    manifest: Manifest
    steps: tuple[Step, ...]

    def missing(self, dialogue: Dialogue) -> Step | None:
        """What is to be asked next.

        A dialogue that runs unasked takes the default of every question that has one.
        """
        for step in self.steps:
            kind, _, name = step.id.partition(":")
            given = name in (dialogue.answers if kind == QUESTION else dialogue.values)
            if not given and not (dialogue.direct and step.default is not None):
                return step
        return None

    def step(self, step_id: str | None) -> Step | None:
        return next((each for each in self.steps if each.id == step_id), None)

    def seeds(self, *, every: bool) -> list[Input]:
        """The inputs that take a seed; unless ``every``, those that the preset leaves open."""
        return [
            each
            for each in self.manifest.inputs
            if each.type is InputType.SEED
            and (every or self.preset.values.get(each.id, each.default) in (None, "", -1))
        ]

    def file_input(self, content_type: str) -> Input | None:
        """The first input that takes such a file and has none; a required one before others."""
        found = [
            each
            for each in self.manifest.inputs
            if takes(each, content_type) and is_empty(self.preset.values.get(each.id))
        ]
        return next((each for each in found if each.required), found[0] if found else None)

    def put_prompt(self, dialogue: Dialogue, text: str) -> bool:
        """Give a message to what it is most likely meant for: an open question, or the prompt.

        Returns:
            Whether the preset takes words at all.
        """
        for step in self.steps:
            kind, _, name = step.id.partition(":")
            if kind == QUESTION and not step.options:
                dialogue.answers[name] = text
                return True
        texts = [each for each in self.manifest.inputs if each.type is InputType.TEXT]
        missing = {step.id for step in self.steps}
        texts.sort(key=lambda each: f"{INPUT}:{each.id}" not in missing)
        if texts:
            dialogue.values[texts[0].id] = literal(text)
        return bool(texts)


async def open_plan(
    presets: PresetService,
    library: WorkflowLibrary,
    identity: Identity,
    preset_id: str,
    values: Mapping[str, Any],
) -> Plan:
    """What to ask of a preset, with the values that were given in its place.

    Raises:
        NotFound: the caller may not see the preset, it is in the trash, or its workflow is gone.
        InvalidPrompt: one of its texts cannot be read.
    """
    view = await presets.get(identity, preset_id)
    preset = view.preset
    workflow = await library.get(identity, preset.workflow_id, preset.workflow_version)
    manifest = stored_manifest(workflow.version.manifest)
    fields = {field["id"]: field for field in library.form(workflow)}
    given = {**preset.values, **values}
    steps = [
        Step(
            f"{QUESTION}:{each.name}",
            each.text,
            tuple((option, option) for option in each.options),
            each.default,
        )
        for each in check(manifest, given)
    ]
    for each in manifest.inputs:
        field = fields[each.id]
        filled = preset.values.get(each.id)
        if is_empty(filled):
            filled = field.get("default")
        if each.required and is_empty(filled) and each.type not in _FILLED_BY_STUDIO:
            steps.append(Step(f"{INPUT}:{each.id}", each.name, _options(each, field), None, each))
    return Plan(preset, manifest, tuple(steps))


def takes(each: Input, content_type: str) -> bool:
    """Whether an input may be a file of that kind."""
    if each.type is InputType.FILE:
        return True
    kind = InputType.IMAGE if each.type is InputType.MASK else each.type
    return each.type in FILE_TYPES and content_type.startswith(f"{kind.value}/")


def read_answer(step: Step, text: str) -> Any | None:
    """What somebody's words mean for a step, or ``None`` when they do not fit."""
    if step.options:
        wanted = text.strip().casefold()
        return next((value for label, value in step.options if label.casefold() == wanted), None)
    if step.input is None:
        return text
    value: Any = literal(text)
    if step.input.type in (InputType.INT, InputType.FLOAT):
        try:
            value = json.loads(text.strip().replace(",", "."))
            # Rows have no whole numbers of more than 64 bits, and nothing has some of 400 digits.
            real = float(value) if is_number(value) else value
        except (ValueError, OverflowError, RecursionError):
            return None
        if step.input.type is InputType.FLOAT:
            value = real
    return value if fits(step.input, value) else None


def file_value(each: Input, asset_ids: list[str]) -> Any:
    """Files as an input takes them."""
    found = [{"asset": asset_id} for asset_id in asset_ids]
    return found if each.multiple else found[-1]


def _options(each: Input, field: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    if each.type not in CHOICE_TYPES:
        return ()
    return tuple(
        (str(option.get("label") or option["value"]), option["value"])
        for option in field.get("options", ())
    )
