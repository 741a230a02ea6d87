"""The form of a preset as strangers see it, and what they sent, turned into an order.

A visitor gives values for the inputs that the link's maker opened, and answers to the questions in
the preset's texts. All else is the preset's own, and is not told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final

from studio.errors import InvalidValue, Unprocessable
from studio.graphs.filling import DYNAMIC_TYPES
from studio.graphs.manifests.manifest import CHOICE_TYPES, FILE_TYPES, InputType, stored_manifest
from studio.graphs.manifests.values import is_empty, wrong
from studio.graphs.questions import Question
from studio.graphs.wildcards import list_names
from studio.models import Identity
from studio.services.presets import PresetService
from studio.services.tokens import digest
from studio.services.workflow_library import WorkflowLibrary
from studio.store.presets import Preset
from studio.store.shares import Share

OFFERED: Final = frozenset(
    {
        InputType.TEXT, InputType.INT, InputType.FLOAT, InputType.BOOLEAN, InputType.SEED,
        InputType.SELECT, InputType.IMAGE, InputType.MASK, InputType.VIDEO, InputType.AUDIO,
        InputType.RESOLUTION, InputType.LORAS,
    }
)  # fmt: skip
"""Not models: their names are nobody's business, and one may be an address to fetch from. Of LoRAs
visitors see names without folders where a link's maker opens that, and add some to the preset's."""
MAX_LORAS: Final = 4
_MAX_STRENGTH: Final = 2.0
_TOLD: Final = (
    "id", "name", "type", "required", "placeholder", "help", "multiline", "multiple", "min", "max",
    "step", "options", "presets",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Opening:
    """An input that a link may open, and whether it does unless somebody says otherwise."""

    id: str
    name: str
    type: str
    default: bool
    needed: bool
    """Nobody else gives it a value, so a link must open it."""


@dataclass(frozen=True, slots=True)
class SharedForm:
    """What a visitor is asked."""

    name: str
    description: str
    fields: Sequence[Mapping[str, Any]]
    questions: Sequence[Question]


class ShareForms:
    """Forms of presets, as the maker of a link sees them."""

    def __init__(self, *, presets: PresetService, library: WorkflowLibrary) -> None:
        self._presets = presets
        self._library = library

    async def openings(self, identity: Identity, preset_id: str) -> Sequence[Opening]:
        """What a link to this preset could ask for.

        Raises:
            NotFound: there is no such preset or workflow for the caller.
            Unprocessable: it needs what no stranger can be asked for.
        """
        preset, asked, fields = await self._look(identity, preset_id)
        found = []
        for field in fields:
            is_set = not is_empty(preset.values.get(field["id"], field.get("default")))
            needed = bool(field.get("required")) and not is_set and field["type"] != "seed"
            if field["type"] not in OFFERED:
                if needed and field["type"] not in CHOICE_TYPES:
                    raise Unprocessable(
                        f"“{field['name']}” has no value in this preset, and cannot be asked for "
                        "on a shared page. Give it one in the preset first.",
                        details={"field": "target", "input": field["id"]},
                    )
                continue
            if field["id"] in {question.where.split(".")[0] for question in asked}:
                continue
            wanted = field["type"] in FILE_TYPES or (field["type"] == "text" and not asked)
            opened = needed or (wanted and not field.get("advanced"))
            found.append(Opening(field["id"], field["name"], field["type"], opened, needed))
        return found

    async def form(self, identity: Identity, share: Share) -> SharedForm:
        """What a link's visitors are asked."""
        preset, asked, fields = await self._look(identity, share.target)
        shown = _shown(preset, share, fields)
        return SharedForm(preset.name, preset.description, shown, asked)

    async def values(
        self, identity: Identity, share: Share, given: Mapping[str, Any], files: Mapping[str, str]
    ) -> dict[str, Any]:
        """A visitor's values as an order has them.

        Args:
            files: assets by the ids of the files that this very visitor sent.

        Raises:
            InvalidValue: an input is not open, or its value is not theirs to choose.
        """
        preset, _, whole = await self._look(identity, share.target)
        fields = {field["id"]: field for field in _shown(preset, share, whole)}
        kept = {field["id"]: field for field in whole}
        found: dict[str, Any] = {}
        for name, value in given.items():
            if name not in fields:
                raise wrong(name, "This is nothing that can be chosen here.")
            field = fields[name]
            if field["type"] in FILE_TYPES:
                found[name] = _files(field, value, files)
            elif field["type"] == InputType.LORAS:
                own = preset.values.get(name, kept[name].get("default")) or []
                found[name] = [*own, *_loras(kept[name], value)]
            elif field["type"] in CHOICE_TYPES and value not in _options(field):
                raise wrong(name, f"“{field['name']}” must be one of its options.")
            elif field["type"] in DYNAMIC_TYPES and value == field["default"]:
                # What the page filled in is the preset's own text, which may use its lists.
                continue
            elif field["type"] in DYNAMIC_TYPES and isinstance(value, str) and list_names(value):
                raise wrong(name, "Words between double underscores cannot be used here.")
            else:
                found[name] = value
        return {name: value for name, value in found.items() if not is_empty(value)}

    async def _look(
        self, identity: Identity, preset_id: str
    ) -> tuple[Preset, Sequence[Question], Sequence[Mapping[str, Any]]]:
        view = await self._presets.get(identity, preset_id)
        preset = view.preset
        workflow = await self._library.get(identity, preset.workflow_id, preset.workflow_version)
        known = {each.id for each in stored_manifest(workflow.version.manifest).inputs}
        fields = [field for field in self._library.form(workflow) if field["id"] in known]
        return preset, view.questions, fields


def _shown(
    preset: Preset, share: Share, fields: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """The inputs that a link opens, with what visitors are told of them."""
    shown = []
    for field in fields:
        if field["id"] not in share.fields or field["type"] not in OFFERED:
            continue
        told = {name: field[name] for name in _TOLD if name in field}
        value = preset.values.get(field["id"], field.get("default"))
        is_file = field["type"] in FILE_TYPES
        told["default"] = None if is_file else value
        # The preset's own file is used where the visitor brings none; whose it is, is not told.
        told["required"] = bool(field.get("required")) and not (is_file and not is_empty(value))
        if field["type"] == InputType.LORAS:
            if not field.get("options"):
                continue
            told |= {"options": _lora_options(field), "default": None, "required": False}
        shown.append(told)
    return shown


def _lora_options(field: Mapping[str, Any]) -> list[dict[str, str]]:
    """LoRAs by names without folders; which file it is, only Studio knows."""
    return [
        {"value": _lora_id(file), "label": PurePosixPath(file.replace("\\", "/")).stem}
        for file in (str(option["value"]) for option in field["options"])
    ]


def _lora_id(file: str) -> str:
    return digest(file)[:16]


def _loras(field: Mapping[str, Any], value: object) -> list[dict[str, Any]]:
    """Chosen LoRAs as an order has them: files of the field's own list with bounded strengths."""
    if value is None:
        return []
    files = {_lora_id(str(option["value"])): option["value"] for option in field["options"]}
    if not isinstance(value, list) or len(value) > MAX_LORAS:
        raise wrong(field["id"], f"“{field['name']}” takes a list of at most {MAX_LORAS}.")
    found = []
    for each in value:
        given = each if isinstance(each, dict) and each.keys() <= {"lora", "strength"} else {}
        name, strength = given.get("lora"), given.get("strength", 1.0)
        if not isinstance(name, str) or name not in files:
            raise wrong(field["id"], f"“{field['name']}” must be some of its options.")
        if type(strength) not in (int, float) or not abs(strength) <= _MAX_STRENGTH:
            most = f"{_MAX_STRENGTH:g}"
            raise wrong(
                field["id"], f"Strengths of “{field['name']}” lie between -{most} and {most}."
            )
        found.append({"file": files[name], "strength": float(strength)})
    return found


def _options(field: Mapping[str, Any]) -> list[Any]:
    return [option["value"] for option in field.get("options", ())]


def _files(field: Mapping[str, Any], value: object, files: Mapping[str, str]) -> Any:
    """The assets behind files; a visitor can name none but those that they sent."""
    if is_empty(value):
        return None
    if not field.get("multiple"):
        return _file(field, value, files)
    if not isinstance(value, list):
        raise wrong(field["id"], f"“{field['name']}” must be a list of files.")
    return [_file(field, each, files) for each in value]


def _file(field: Mapping[str, Any], value: object, files: Mapping[str, str]) -> dict[str, str]:
    file_id = value.get("file") if isinstance(value, dict) and len(value) == 1 else None
    if not isinstance(file_id, str) or file_id not in files:
        raise _unknown(field)
    return {"asset": files[file_id]}


def _unknown(field: Mapping[str, Any]) -> InvalidValue:
    return wrong(field["id"], f"The file for “{field['name']}” did not arrive. Choose it again.")
