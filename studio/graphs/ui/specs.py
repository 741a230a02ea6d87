"""What a class declares about its inputs, in the order in which the editor builds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

_AUDIO_PLAYERS: Final = frozenset(
    {
        "LoadAudio",
        "SaveAudio",
        "PreviewAudio",
        "SaveAudioMP3",
        "SaveAudioOpus",
        "SaveAudioAdvanced",
    }
)
_UPLOADS: Final = ("image_upload", "video_upload", "animated_image_upload")


@dataclass(frozen=True, slots=True)
class Spec:
    """One declared input."""

    name: str
    type: str
    optional: bool
    options: Mapping[str, Any]

    def named(self, name: str, *, optional: bool | None = None) -> Spec:
        return replace(self, name=name, optional=self.optional if optional is None else optional)

    @property
    def widget_type(self) -> str:
        shown = self.options.get("widgetType")
        return shown if isinstance(shown, str) and shown else self.type

    @property
    def choices(self) -> list[Any]:
        listed = self.options.get("options")
        return listed if isinstance(listed, list) else []

    @property
    def force_input(self) -> bool:
        return bool(self.options.get("forceInput"))


def read(name: str, declared: object, *, optional: bool) -> Spec | None:
    """A declaration as ``/object_info`` has it, or None when it is malformed."""
    if not isinstance(declared, (list, tuple)) or not declared:
        return None
    options = declared[1] if len(declared) > 1 and isinstance(declared[1], Mapping) else {}
    kind = declared[0]
    if isinstance(kind, list):
        return Spec(name, "COMBO", optional, {**options, "options": kind})
    return Spec(name, kind, optional, options) if isinstance(kind, str) else None


def sections(declared: object) -> Iterator[Spec]:
    """The required and then the optional inputs of a class or of a part of one."""
    if not isinstance(declared, Mapping):
        return
    for section in ("required", "optional"):
        inputs = declared.get(section)
        for name, each in inputs.items() if isinstance(inputs, Mapping) else ():
            spec = read(name, each, optional=section == "optional")
            if spec is not None:
                yield spec


def of_class(class_type: str, info: Mapping[str, Any]) -> dict[str, Spec]:
    """Every input of a class by name, with those that the editor itself adds."""
    found = {spec.name: spec for spec in sections(info.get("input"))}
    for spec in _editor_inputs(class_type, found):
        found[spec.name] = spec
    return found


def in_order(info: Mapping[str, Any], specs: Mapping[str, Spec]) -> list[Spec]:
    """The inputs in the order of slots and widgets: ``input_order`` first, then what is left."""
    order = info.get("input_order")
    if not isinstance(order, Mapping):
        return list(specs.values())
    found: dict[str, Spec] = {}
    for section in ("required", "optional"):
        names = order.get(section)
        for name in names if isinstance(names, list) else ():
            spec = specs.get(name) if isinstance(name, str) else None
            if spec is not None and spec.optional == (section == "optional"):
                found[spec.name] = spec
    return [*found.values(), *(spec for name, spec in specs.items() if name not in found)]


def _editor_inputs(class_type: str, found: Mapping[str, Spec]) -> Iterator[Spec]:
    """Buttons and viewers that the editor adds; most take a place among the saved values."""
    for spec in found.values():
        if spec.optional or spec.type != "COMBO":
            continue
        if any(spec.options.get(key) is True for key in _UPLOADS):
            yield Spec("upload", "IMAGEUPLOAD", False, {})
            break
    if class_type in _AUDIO_PLAYERS:
        yield Spec("audioUI", "AUDIO_UI", False, {})
    audio = found.get("audio")
    if audio and not audio.optional and audio.options.get("audio_upload") is True:
        yield Spec("upload", "AUDIOUPLOAD", False, {})
    if class_type in ("Preview3D", "SaveGLB"):
        yield Spec("image", "PREVIEW_3D", False, {})
    if class_type == "Load3DAdvanced":
        yield Spec("viewport_state", "LOAD_3D_ADVANCED", False, {})
