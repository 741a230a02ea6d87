"""How a node class is declared, and how ``/object_info`` shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from studio.embedded.folders import Folders

MAX_RESOLUTION = 16384

InputType = str | list[str]


@dataclass(frozen=True)
class Input:
    """One input of a node class.

    ``type`` is a socket or widget type, or the list of allowed values; ``listing`` makes that
    list from the engine's folders instead, each time it is asked for.
    """

    name: str
    type: InputType
    options: Mapping[str, Any] = field(default_factory=dict)
    optional: bool = False
    listing: Callable[[Folders], list[str]] | None = None

    def current_type(self, folders: Folders) -> InputType:
        """Return the type with the values that are allowed at this moment."""
        return self.listing(folders) if self.listing is not None else self.type


@dataclass(frozen=True)
class Result:
    """What one run of a node yields: its output values and what clients are shown."""

    values: tuple[Any, ...]
    ui: Mapping[str, list[Any]] | None = None


@dataclass(frozen=True, kw_only=True)
class NodeClass:
    """One class of node.

    ``run(context, **inputs)`` does the work. ``fingerprint(folders, **inputs)`` adds to the
    cache key what the inputs alone do not say; ``check(folders, **inputs)`` answers True or a
    reason for the inputs named in ``checked``. ``modern`` picks the second of the two shapes
    that ComfyUI uses in ``/object_info``.
    """

    name: str
    display_name: str
    category: str
    run: Callable[..., Result]
    inputs: tuple[Input, ...] = ()
    outputs: tuple[str, ...] = ()
    output_names: tuple[str, ...] | None = None
    module: str = "nodes"
    modern: bool = False
    output_node: bool = False
    keeps_metadata: bool = False
    description: str = ""
    deprecated: bool = False
    experimental: bool = False
    essentials: str | None = None
    fingerprint: Callable[..., str] | None = None
    check: Callable[..., bool | str] | None = None
    checked: tuple[str, ...] = ()

    def input(self, name: str) -> Input | None:
        """Return the declared input of that name."""
        return next((each for each in self.inputs if each.name == name), None)

    def spec(self, declared: Input, folders: Folders) -> tuple[InputType, dict[str, Any]]:
        """Return an input's type and options as this class's shape of ``/object_info`` has them."""
        current = declared.current_type(folders)
        if self.modern and isinstance(current, list):
            return "COMBO", {"multiselect": False, "options": current, **declared.options}
        return current, dict(declared.options)

    def info(self, folders: Folders) -> dict[str, Any]:
        """Return this class's entry of ``/object_info``."""
        groups = self._input_groups(folders)
        info: dict[str, Any] = {
            "input": groups,
            "input_order": {group: list(entries) for group, entries in groups.items()},
            "is_input_list": False,
            "output": list(self.outputs),
            "output_is_list": [False] * len(self.outputs),
            "output_name": list(self.output_names or self.outputs),
            "name": self.name,
            "display_name": self.display_name,
            "description": self.description,
            "python_module": self.module,
            "category": self.category,
            "output_node": self.output_node,
            "has_intermediate_output": False,
        }
        return info | (self._modern_info() if self.modern else self._classic_info())

    def _input_groups(self, folders: Folders) -> dict[str, dict[str, Any]]:
        groups: dict[str, dict[str, Any]] = {"required": {}}
        for each in self.inputs:
            group = groups.setdefault("optional" if each.optional else "required", {})
            kind, options = self.spec(each, folders)
            bare = not (self.modern or options or kind == "*")
            group[each.name] = [kind] if bare else [kind, options]
        if self.keeps_metadata:
            kinds = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
            groups["hidden"] = {
                name: [kind] if self.modern else kind for name, kind in kinds.items()
            }
        return groups

    def _modern_info(self) -> dict[str, Any]:
        return {
            "output_tooltips": [None] * len(self.outputs),
            "output_matchtypes": None,
            "deprecated": self.deprecated,
            "experimental": self.experimental,
            "dev_only": False,
            "api_node": False,
            "price_badge": None,
            "search_aliases": None,
            "essentials_category": self.essentials,
        }

    def _classic_info(self) -> dict[str, Any]:
        info: dict[str, Any] = {"search_aliases": []}
        if self.deprecated:
            info["deprecated"] = True
        if self.experimental:
            info["experimental"] = True
        if self.essentials is not None:
            info["essentials_category"] = self.essentials
        return info


def socket(name: str, kind: str, *, optional: bool = False) -> Input:
    """Declare an input that only a link can fill."""
    return Input(name, kind, optional=optional)


def integer(
    name: str,
    default: int | None,
    minimum: int,
    maximum: int,
    step: int | None = 1,
    **options: Any,
) -> Input:
    """Declare a whole number with its default and range."""
    return Input(name, "INT", _ranged(default, minimum, maximum, step) | options)


def number(
    name: str,
    default: float | None,
    minimum: float,
    maximum: float,
    step: float | None = 0.01,
    **options: Any,
) -> Input:
    """Declare a number with its default and range."""
    return Input(name, "FLOAT", _ranged(default, minimum, maximum, step) | options)


def text(name: str, **options: Any) -> Input:
    """Declare a free text."""
    return Input(name, "STRING", options)


def flag(name: str, **options: Any) -> Input:
    """Declare a yes or no."""
    return Input(name, "BOOLEAN", options)


def choice(name: str, values: Sequence[str], **options: Any) -> Input:
    """Declare a value out of a list."""
    return Input(name, list(values), options)


def _ranged(
    default: float | None, minimum: float, maximum: float, step: float | None
) -> dict[str, Any]:
    options: dict[str, Any] = {"default": default, "min": minimum, "max": maximum, "step": step}
    return {key: value for key, value in options.items() if value is not None}
