"""What a node class declares about its inputs, read from the engine's ``/object_info``.

The shapes differ by the age of the node: ``[["a", "b"], {...}]`` and ``["COMBO", {"options":
[...]}]`` are both a list to choose from, and newer classes have dynamic inputs whose parts
(``format.quality``, ``images.image0``) exist only for the values a graph has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any, Final, NamedTuple

ObjectInfo = Mapping[str, Any]
"""The engine's ``/object_info``: class name to description."""

DYNAMIC_COMBO: Final = "COMFY_DYNAMICCOMBO_V3"
DYNAMIC_SLOT: Final = "COMFY_DYNAMICSLOT_V3"
AUTOGROW: Final = "COMFY_AUTOGROW_V3"
DYNAMIC_PREFIX: Final = "COMFY_"

MODEL_SUFFIXES: Final = (
    ".safetensors",
    ".sft",
    ".ckpt",
    ".pt",
    ".pt2",
    ".pth",
    ".bin",
    ".gguf",
    ".onnx",
    ".engine",
    ".pkl",
)
MODEL_INPUTS: Final = frozenset(
    {"model_name", "model_path", "text_encoder", "existing_lora", "lora", "name", "model"}
)

_HUB_REFERENCE: Final = re.compile(r"hf:[^/\s]+/[^/\s]+/.|civitai:\d")
_NO_OPTIONS: Final[dict[str, Any]] = {}
_MAX_GROWN_INPUTS: Final = 1000

FILE_INPUTS: Final = {
    "LoadImage": "image",
    "LoadImageMask": "image",
    "LoadImageOutput": "image",
    "LoadAudio": "audio",
    "LoadVideo": "file",
    "LoadLatent": "latent",
}
"""Inputs of well-known classes that name a file of the input, output or temp folder."""


class Declaration(NamedTuple):
    """One declared input. ``type`` is a type name, or the list of choices in the oldest style."""

    name: str
    required: bool
    type: str | list[Any]
    options: dict[str, Any]

    @property
    def is_combo(self) -> bool:
        return isinstance(self.type, list) or self.type == "COMBO"

    @property
    def choices(self) -> list[Any]:
        """The values of a combo; empty for other types."""
        if isinstance(self.type, list):
            return self.type
        listed = self.options.get("options")
        return listed if self.type == "COMBO" and isinstance(listed, list) else []


class ClassInfo(dict[str, Any]):
    """What an engine says of one class and goes on saying: read once, asked for every graph."""

    @cached_property
    def declarations(self) -> tuple[Declaration, ...]:
        """Its inputs, dynamic ones as they are declared."""
        return tuple(_declarations(self.get("input"), ""))

    @cached_property
    def is_plain(self) -> bool:
        """Whether none of its inputs are dynamic."""
        return not any(_is_dynamic(declared) for declared in self.declarations)


def declared_inputs(class_info: object, inputs: Mapping[str, Any]) -> list[Declaration]:
    """The declarations that matter for a node with these ``inputs``.

    Every required input, every optional one that the node has, and the parts of dynamic inputs
    that its values bring into being. Malformed declarations are left out.
    """
    found: list[Declaration] = []
    if isinstance(class_info, ClassInfo):
        if class_info.is_plain:
            return [
                declared
                for declared in class_info.declarations
                if declared.required or declared.name in inputs
            ]
        _choose(found, class_info.declarations, inputs)
    elif isinstance(class_info, dict):
        _collect(found, class_info.get("input"), inputs, "")
    return found


def is_file_input(class_type: str, declaration: Declaration) -> bool:
    """Whether the input names a file that a person uploads: Studio stages those itself."""
    if FILE_INPUTS.get(class_type) == declaration.name:
        return True
    options = declaration.options
    return any(key.endswith("_upload") and options[key] for key in options)


def is_model_name(value: object) -> bool:
    """Whether a value names a model file, or says where one is to be fetched from."""
    return isinstance(value, str) and (
        value.lower().endswith(MODEL_SUFFIXES) or is_remote_model(value)
    )


def is_url(value: str) -> bool:
    return value[:8].lower().startswith(("http://", "https://"))


def is_remote_model(value: str) -> bool:
    """Whether a value says where a model is to be fetched from."""
    return is_url(value) or _HUB_REFERENCE.match(value) is not None


def is_model_input(declaration: Declaration, value: object) -> bool:
    """Whether a combo chooses among model files.

    What is installed decides; with nothing installed, the name of the input and the value do.
    """
    if not declaration.is_combo:
        return False
    if any(is_model_name(choice) for choice in declaration.choices):
        return True
    return has_model_input_name(declaration.name) and is_model_name(value)


def has_model_input_name(name: str) -> bool:
    """Whether an input has a name that loaders use: ``ckpt_name``, ``clip_name2``, ..."""
    last = name.rpartition(".")[2].rstrip("0123456789")
    return last.endswith("_name") or last in MODEL_INPUTS


def _collect(
    found: list[Declaration], sections: object, inputs: Mapping[str, Any], prefix: str
) -> None:
    _choose(found, _declarations(sections, prefix), inputs)


def _declarations(sections: object, prefix: str) -> Iterator[Declaration]:
    if not isinstance(sections, dict):
        return
    for section, required in (("required", True), ("optional", False)):
        declared = sections.get(section)
        if not isinstance(declared, dict):
            continue
        for name, spec in declared.items():
            if not isinstance(spec, list) or not spec or not isinstance(spec[0], (str, list)):
                continue
            has_options = len(spec) > 1 and isinstance(spec[1], dict)
            options = spec[1] if has_options else _NO_OPTIONS
            yield Declaration(prefix + name, required, spec[0], options)


def _is_dynamic(declared: Declaration) -> bool:
    return isinstance(declared.type, str) and declared.type.startswith(DYNAMIC_PREFIX)


def _choose(
    found: list[Declaration], declarations: Iterable[Declaration], inputs: Mapping[str, Any]
) -> None:
    for declared in declarations:
        if _is_dynamic(declared):
            _expand(found, declared, inputs)
        elif declared.required or declared.name in inputs:
            found.append(declared)


def _expand(found: list[Declaration], dynamic: Declaration, inputs: Mapping[str, Any]) -> None:
    prefix = dynamic.name + "."
    if dynamic.type == AUTOGROW:
        _grow(found, dynamic, inputs)
    elif dynamic.type == DYNAMIC_COMBO:
        if dynamic.name not in inputs:
            return
        choices = dynamic.options.get("options")
        for choice in choices if isinstance(choices, list) else []:
            if isinstance(choice, dict) and choice.get("key") == inputs[dynamic.name]:
                _collect(found, choice.get("inputs"), inputs, prefix)
                found.append(dynamic)
                return
    elif dynamic.type == DYNAMIC_SLOT:
        if dynamic.name in inputs:
            _collect(found, dynamic.options.get("inputs"), inputs, prefix)
            found.append(dynamic)
    elif dynamic.required or dynamic.name in inputs:
        found.append(dynamic)


def _grow(found: list[Declaration], dynamic: Declaration, inputs: Mapping[str, Any]) -> None:
    template = dynamic.options.get("template")
    if not isinstance(template, dict):
        return
    least, most = template.get("min", 0), template.get("max", 0)
    if not isinstance(least, int) or not isinstance(most, int):
        return
    names = template.get("names")
    if not isinstance(names, list):
        names = [f"{template.get('prefix', '')}{i}" for i in range(min(most, _MAX_GROWN_INPUTS))]
    sections = template.get("input")
    model: list[Declaration] = []
    # The engine takes the first input of the first section that has any.
    for section in ("required", "optional"):
        if isinstance(sections, dict) and sections.get(section) and not model:
            first = dict(list(sections[section].items())[:1])
            _collect(model, {section: first}, dict.fromkeys(first), "")
    if not model:
        return
    for i, name in enumerate(names):
        full_name = f"{dynamic.name}.{name}"
        required = model[0].required and i < least
        if required or full_name in inputs:
            found.append(Declaration(full_name, required, model[0].type, model[0].options))
