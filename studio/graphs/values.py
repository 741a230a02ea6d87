"""Whether a literal value fits its declaration, with the engine's own tolerance."""

from __future__ import annotations

from typing import Any, Final

from studio.graphs.declarations import (
    Declaration,
    is_file_input,
    is_model_input,
    is_remote_model,
)
from studio.graphs.problems import Problems, clip
from studio.graphs.suggestions import Suggestions

ASSET_TYPE: Final = "core/ASSET"
_WRAPPER: Final = "__value__"
_MAX_LISTED: Final = 20
_MAX_LISTINGS: Final = 50
"""Problems of one graph that list what there is; a graph with thousands of them names only the
fault in the rest, or the answer would be tens of megabytes."""

_EVERY_INPUT: Final = frozenset({"*"})
_SELF_CHECKED: Final = {
    "CustomCombo": _EVERY_INPUT,
    "Load3D": _EVERY_INPUT,
    "Load3DAdvanced": _EVERY_INPUT,
    "ModelAttentionBackend": frozenset({"attention"}),
    "SelectCLIPDevice": frozenset({"device"}),
    "SelectModelDevice": frozenset({"device"}),
    "SelectVAEDevice": frozenset({"device"}),
}
"""Inputs whose class replaces the engine's range and list checks; ``/object_info`` is silent
about it."""


class ValueChecker:
    """Checks the literal values of one graph and reports what is wrong to ``problems``."""

    def __init__(self, problems: Problems, suggestions: Suggestions) -> None:
        self._problems = problems
        self._suggestions = suggestions
        self._listings_left = _MAX_LISTINGS

    def check(
        self,
        node_id: str,
        class_type: str,
        class_info: dict[str, Any],
        declared: Declaration,
        value: object,
    ) -> None:
        """``value`` is anything but a list, which is a link.

        Files and ``core/ASSET`` objects are let through: Studio resolves and stages them.
        """
        if isinstance(value, dict):
            value = value.get(_WRAPPER, value)
            if isinstance(value, dict) and value.get("__type") == ASSET_TYPE:
                return
        if isinstance(declared.type, str) and declared.type in _CONVERSIONS:
            try:
                value = _CONVERSIONS[declared.type](value)
            except (TypeError, ValueError, OverflowError):
                message = (
                    f"{declared.name} must be {_TYPE_NAMES[declared.type]}, not {_show(value)}."
                )
                self._problems.add(
                    node_id, class_type, declared.name, "invalid_input_type", message
                )
                return
        self_checked = _SELF_CHECKED.get(class_type)
        if self_checked and ("*" in self_checked or declared.name in self_checked):
            return
        if declared.is_combo:
            self._check_choice(node_id, class_type, class_info, declared, value)
        elif "min" in declared.options or "max" in declared.options:
            self._check_range(node_id, class_type, declared, value)

    def _check_range(
        self, node_id: str, class_type: str, declared: Declaration, value: Any
    ) -> None:
        least, most = declared.options.get("min"), declared.options.get("max")
        name = declared.name
        try:
            if least is not None and value < least:
                message = f"{name} is {_show(value)}, but must be at least {_show(least)}."
                self._problems.add(node_id, class_type, name, "value_smaller_than_min", message)
            elif most is not None and value > most:
                message = f"{name} is {_show(value)}, but must be at most {_show(most)}."
                self._problems.add(node_id, class_type, name, "value_bigger_than_max", message)
        except TypeError:
            message = f"{name} must be a number, not {_show(value)}."
            self._problems.add(node_id, class_type, name, "invalid_input_type", message)

    def _check_choice(
        self,
        node_id: str,
        class_type: str,
        class_info: dict[str, Any],
        declared: Declaration,
        value: object,
    ) -> None:
        if is_file_input(class_type, declared):
            if not isinstance(value, (str, list)):
                message = f"{declared.name} must be the name of a file, not {_show(value)}."
                self._problems.add(
                    node_id, class_type, declared.name, "invalid_input_type", message
                )
            return
        choices = declared.choices
        if is_annotated(value) or (not choices and "remote" in declared.options):
            return
        many = isinstance(value, list) and declared.options.get("multiselect")
        for item in value if isinstance(value, list) and many else [value]:
            if item in choices:
                continue
            if is_model_input(declared, item):
                if isinstance(item, str) and is_remote_model(item) and not many:
                    # It is fetched before the graph is sent, and has a name in the list then.
                    continue
                self._report_model(node_id, class_type, declared, item)
            elif not _may_check_itself(class_info):
                self._report_choice(node_id, class_type, declared, item)

    def _report_model(
        self, node_id: str, class_type: str, declared: Declaration, value: object
    ) -> None:
        choices = self._take_listing(declared)
        names = [choice for choice in choices if isinstance(choice, str)]
        closest = self._suggestions.closest(value, names, f"{class_type}.{declared.name}")
        message = f"the model {_show(value)} is not installed."
        if names:
            shown = ", ".join(clip(name) for name in names[:_MAX_LISTED])
            more = f" and {len(names) - _MAX_LISTED} more" if len(names) > _MAX_LISTED else ""
            message += f" Installed: {shown}{more}."
        elif not declared.choices:
            message += " No model of this kind is installed."
        if closest:
            message += f" Closest: {', '.join(clip(name) for name in closest)}."
        self._problems.add(
            node_id,
            class_type,
            declared.name,
            "missing_model",
            message,
            value=clip(value, 500),
            installed=names[:_MAX_LISTED],
            closest=closest,
        )

    def _report_choice(
        self, node_id: str, class_type: str, declared: Declaration, value: object
    ) -> None:
        choices = self._take_listing(declared)
        closest = self._suggestions.closest(value, choices, f"{class_type}.{declared.name}")
        message = f"{declared.name} cannot be {_show(value)}."
        if choices:
            shown = ", ".join(clip(choice) for choice in choices[:_MAX_LISTED])
            message += f" It may be: {shown}{', …' if len(choices) > _MAX_LISTED else ''}."
        elif not declared.choices:
            message += " There is nothing to choose from."
        self._problems.add(
            node_id, class_type, declared.name, "value_not_in_list", message, closest=closest
        )

    def _take_listing(self, declared: Declaration) -> list[Any]:
        """The choices to show, or none when this graph has had its share of them."""
        if self._listings_left == 0:
            return []
        self._listings_left -= 1
        return declared.choices


def is_annotated(value: object) -> bool:
    """Whether a file name says which of the engine's folders it is in."""
    return isinstance(value, str) and value.endswith(("[input]", "[output]", "[temp]"))


def unwrapped(value: object) -> object:
    """The value inside ``{"__value__": ...}``, how lists are told from links; others as is."""
    return value.get(_WRAPPER, value) if isinstance(value, dict) else value


def _may_check_itself(class_info: dict[str, Any]) -> bool:
    """Custom nodes often accept more than they list, and ``/object_info`` does not say which."""
    module = class_info.get("python_module")
    return isinstance(module, str) and module.startswith("custom_nodes.")


def _show(value: object) -> str:
    return f"“{clip(value)}”" if isinstance(value, str) else clip(value, 40)


def _to_int(value: Any) -> object:
    return int(value)


def _to_float(value: Any) -> object:
    return float(value)


def _to_str(value: object) -> object:
    return str(value)


def _to_bool(value: object) -> object:
    return bool(value)


_CONVERSIONS: Final = {
    "INT": _to_int,
    "FLOAT": _to_float,
    "STRING": _to_str,
    "BOOLEAN": _to_bool,
}
_TYPE_NAMES: Final = {
    "INT": "a whole number",
    "FLOAT": "a number",
    "STRING": "text",
    "BOOLEAN": "true or false",
}
