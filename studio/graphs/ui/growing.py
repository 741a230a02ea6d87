"""Inputs that come and go: parts of a dynamic combo, and groups that grow with each connection."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from studio.graphs.ui import specs, widgets
from studio.graphs.ui.model import Input, Node, Widget
from studio.graphs.ui.specs import Spec

_AUTOGROW: Final = "COMFY_AUTOGROW_V3"
_MATCH_TYPE: Final = "COMFY_MATCHTYPE_V3"
_MAX_GROWN: Final = 1000
_ORDINAL: Final = re.compile(r"\d{1,9}$")


def add_inputs(node: Node, declared: list[Spec]) -> None:
    """All slots and widgets of a class: first what only takes links, then what has a widget."""
    for spec in declared:
        _add_socket(node, spec)
    for spec in declared:
        _add_widget(node, spec)


def assign(node: Node, widget: Widget, value: Any) -> None:
    """Gives a widget a value, and a dynamic combo the inputs of what was chosen."""
    widget.cell.value = value
    if widget.spec is not None and widget.spec.type == widgets.DYNAMIC_COMBO:
        _choose(node, widget, value)
    elif node.type == "CustomCombo":
        _offer_options(node, widget, value)


def connected(node: Node, index: int) -> None:
    """A growing group gets its next slot when the one at ``index`` has a link."""
    name, _, _ = node.inputs[index].name.rpartition(".")
    group = node.groups.get(name)
    if group is None:
        return
    ordinal = _ordinal(node.inputs[index].name, group)
    if ordinal is not None:
        _grow(node, group, ordinal + 1)


def _add(node: Node, spec: Spec) -> None:
    _add_socket(node, spec)
    _add_widget(node, spec)


def _add_socket(node: Node, spec: Spec) -> None:
    if widgets.has_widget(spec) and not spec.force_input:
        return
    if spec.type == _AUTOGROW:
        _begin_group(node, spec)
    elif spec.type == _MATCH_TYPE:
        template = spec.options.get("template")
        allowed = template.get("allowed_types") if isinstance(template, Mapping) else None
        if isinstance(allowed, str):
            node.inputs.append(Input(spec.name, allowed))
    else:
        node.inputs.append(Input(spec.name, spec.type))


def _add_widget(node: Node, spec: Spec) -> None:
    if spec.force_input:
        return
    widget = widgets.add(node, spec)
    if widget is None:
        return
    node.inputs.append(Input(spec.name, spec.type, widget=spec.name))
    if spec.type == widgets.DYNAMIC_COMBO:
        _choose(node, widget, widget.value)
    elif node.type == "CustomCombo" and spec.name == "choice":
        node.add_widget("index", "hidden", -1)
        node.add_widget("option1", "string", "")


# Dynamic combos.


def _choose(node: Node, combo: Widget, value: object) -> None:
    prefix = f"{combo.name}."
    before = [slot for slot in node.inputs if slot.name.startswith(prefix)]
    node.inputs[:] = [slot for slot in node.inputs if not slot.name.startswith(prefix)]
    for widget in node.widgets:
        if widget.name.startswith(prefix):
            node.cells.pop(widget.name, None)
    node.widgets[:] = [each for each in node.widgets if not each.name.startswith(prefix)]
    chosen = _part(combo, value)
    if chosen is not None and combo in node.widgets:
        _add_parts(node, combo, chosen)
    for old in before:
        names = [slot.name for slot in node.inputs]
        if old.name not in names:
            node.inputs.append(old)
            node.remove_input(len(node.inputs) - 1)
            continue
        index = names.index(old.name)
        node.inputs[index].link = old.link
        if old.link in node.graph.links:
            connected(node, index)


def _part(combo: Widget, value: object) -> Mapping[str, Any] | None:
    for part in combo.spec.choices if combo.spec else ():
        if isinstance(part, Mapping) and part.get("key") == value:
            return part
    return None


def _add_parts(node: Node, combo: Widget, chosen: Mapping[str, Any]) -> None:
    first_widget, first_input = len(node.widgets), len(node.inputs)
    for spec in specs.sections(chosen.get("inputs")):
        _add(node, spec.named(f"{combo.name}.{spec.name}"))
    widgets_added = node.widgets[first_widget:]
    inputs_added = node.inputs[first_input:]
    del node.widgets[first_widget:], node.inputs[first_input:]
    at = node.widgets.index(combo) + 1
    node.widgets[at:at] = widgets_added
    names = [slot.name for slot in node.inputs]
    at = names.index(combo.name) + 1 if combo.name in names else len(names)
    node.inputs[at:at] = inputs_added


# Growing groups.


def _begin_group(node: Node, spec: Spec) -> None:
    template = spec.options.get("template")
    if not isinstance(template, Mapping):
        return
    node.groups[spec.name] = spec
    for ordinal in range(min(_least(spec) + 1, _MAX_GROWN)):
        _grow(node, spec, ordinal)


def _least(group: Spec) -> int:
    least = group.options["template"].get("min", 1)
    return least if isinstance(least, int) and least > 0 else 0


def _most(group: Spec) -> int:
    template = group.options["template"]
    names = template.get("names")
    most = len(names) if isinstance(names, list) else template.get("max", 100)
    return min(most, _MAX_GROWN) if isinstance(most, int) else 0


def _grow(node: Node, group: Spec, ordinal: int) -> None:
    if ordinal >= _most(group):
        return
    template = group.options["template"]
    models = list(specs.sections(template.get("input")))
    if not models:
        return
    added: list[Input] = []
    for model in models:
        name = _grown_name(group, models, model, ordinal)
        optional = model.optional or ordinal >= _least(group)
        _add(node, model.named(name, optional=optional))
        added.append(node.inputs.pop())
    for slot in added:
        for old in [each for each in node.inputs if each.name == slot.name]:
            if slot.link is None:
                slot.link = old.link
            node.inputs.remove(old)
    before = _grown_name(group, models, models[-1], ordinal - 1) if ordinal else ""
    places = [i for i, each in enumerate(node.inputs) if ordinal and each.name.startswith(before)]
    at = places[-1] + 1 if places else len(node.inputs)
    node.inputs[at:at] = added


def _grown_name(group: Spec, models: list[Spec], model: Spec, ordinal: int) -> str:
    template = group.options["template"]
    names = template.get("names")
    if isinstance(names, list):
        return f"{group.name}.{names[ordinal]}"
    prefix = template.get("prefix") or ""
    return f"{group.name}.{prefix if len(models) == 1 else model.name}{ordinal}"


def _ordinal(name: str, group: Spec) -> int | None:
    own = name[len(group.name) + 1 :]
    names = group.options["template"].get("names")
    if isinstance(names, list):
        return names.index(own) if own in names else None
    match = _ORDINAL.search(own)
    return int(match.group()) if match else None


# The node whose list of choices a person types in.


def _offer_options(node: Node, widget: Widget, value: object) -> None:
    """Another empty line when the last one was filled, one fewer when it was emptied."""
    if not widget.name.startswith("option") or not node.widgets:
        return
    if node.widgets[-1] is widget and value:
        node.add_widget(f"option{len(node.widgets) - 1}", "string", "")
    elif not value and node.widgets[-1].value == "" and node.widgets[-2:-1] == [widget]:
        node.cells.pop(node.widgets.pop().name, None)
