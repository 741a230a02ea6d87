"""Makes the live nodes of a graph: slots and widgets of their class, values from the file."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import zip_longest
from typing import Any, Final

from studio.graphs.ui import growing, source, specs
from studio.graphs.ui.model import ABSENT, Graph, Input, Node, Output
from studio.graphs.ui.source import Work, listed, text

REROUTES: Final = frozenset({"Reroute", "Reroute (rgthree)"})
PRIMITIVE: Final = "PrimitiveNode"
NOTES: Final = frozenset({"Note", "MarkdownNote"})
SETTERS: Final = frozenset({"SetNode", "easy setNode"})
GETTERS: Final = frozenset({"GetNode", "easy getNode"})
_EDITORS_OWN: Final = NOTES | {"Reroute", PRIMITIVE}
_WITHOUT_EFFECT: Final = frozenset(
    {
        "Bookmark (rgthree)",
        "Fast Actions Button (rgthree)",
        "Fast Bypasser (rgthree)",
        "Fast Groups Bypasser (rgthree)",
        "Fast Groups Muter (rgthree)",
        "Fast Muter (rgthree)",
        "Label (rgthree)",
        "Mute / Bypass Relay (rgthree)",
        "Mute / Bypass Repeater (rgthree)",
        "Node Collector (rgthree)",
        "Note Plus (mtb)",
        "Random Unmuter (rgthree)",
    }
)
"""Nodes of well-known packages that live in the editor alone; an engine never sees them."""
_PASSING: Final = REROUTES | SETTERS | GETTERS
_SAMPLERS: Final = frozenset({("KSampler", "sampler_name"), ("KSamplerAdvanced", "sampler_name")})
_TITLES: Final = {PRIMITIVE: "Primitive"}


def create(
    work: Work, graph: Graph, node_id: str, data: Mapping[str, Any], object_info: Mapping[str, Any]
) -> Node:
    """A node with the slots and widgets that its class has before the file is looked at."""
    work.count_node()
    kind = text(data.get("type"))
    info = None if kind in _EDITORS_OWN else object_info.get(kind)
    node = Node(node_id, kind, "", source.integer(data.get("mode"), 0), graph, data)
    if isinstance(info, Mapping):
        node.info = info
        declared = specs.of_class(kind, info)
        growing.add_inputs(node, specs.in_order(info, declared))
        names = listed(info.get("output_name"))
        for index, declared_type in enumerate(listed(info.get("output"))):
            shown = "COMBO" if isinstance(declared_type, list) else source.slot_type(declared_type)
            name = names[index] if index < len(names) else shown
            # What comes out of such an output depends on what goes in.
            shown = "*" if shown == "COMFY_MATCHTYPE_V3" else shown
            node.outputs.append(Output(text(name), shown))
        node.title = text(info.get("display_name")) or kind
        work.spend(len(node.inputs) + len(node.widgets))
    else:
        node.virtual = kind in _EDITORS_OWN | _PASSING | _WITHOUT_EFFECT
        node.title = _TITLES.get(kind, kind)
    return node


def configure(work: Work, node: Node) -> None:
    """Takes over what the file says about a node of a class, or of none that the engine knows."""
    node.title = text(node.source.get("title")) or node.title
    stored_inputs = source.read_inputs(work, node.source)
    stored_outputs = source.read_outputs(work, node.source)
    if node.info is None:
        node.inputs, node.outputs = stored_inputs, stored_outputs
        return
    values = _values(node)
    _merge_inputs(node, stored_inputs)
    _merge_outputs(node, stored_outputs)
    index = 0
    while index < len(node.inputs):
        if node.inputs[index].link in node.graph.links:
            growing.connected(node, index)
        index += 1
        work.spend()
    set_values(work, node, values)


def set_values(work: Work, node: Node, values: object) -> None:
    """Gives the widgets their saved values: by place, or by name where a node saves names."""
    if isinstance(values, Mapping):
        for widget in list(node.widgets):
            if widget.name in values:
                growing.assign(node, widget, values[widget.name])
        return
    saved = listed(values)
    place = index = 0
    while index < len(node.widgets) and place < len(saved):
        work.spend()
        widget = node.widgets[index]
        index += 1
        if widget.saved:
            growing.assign(node, widget, saved[place])
            place += 1


def drop_stale_inputs(node: Node) -> None:
    """Removes slots whose widget the class no longer has."""
    if node.info is None:
        return
    index = 0
    while index < len(node.inputs):
        slot = node.inputs[index]
        if slot.widget and node.widget(slot.widget) is None:
            node.remove_input(index)
        index += 1


def fill_choices(node: Node) -> None:
    """A list without a chosen value takes its first one; and names that were once different."""
    for widget in list(node.widgets):
        if widget.kind != "combo":
            continue
        value = widget.value
        if (node.type, widget.name) in _SAMPLERS and str(value).startswith("sample_"):
            growing.assign(node, widget, str(value)[7:])
        if (value is None or value is ABSENT) and widget.cell.choices:
            growing.assign(node, widget, widget.cell.choices[0])


def _values(node: Node) -> object:
    """The saved values, without those that older editors kept for inputs that only take links."""
    values = node.source.get("widgets_values")
    if not isinstance(values, list) or node.info is None:
        return values
    names = {widget.name for widget in node.widgets}
    extra: list[bool] = []
    for spec in specs.of_class(node.type, node.info).values():
        if spec.name in names or spec.force_input:
            extra.append(spec.force_input)
            if spec.options.get("control_after_generate"):
                extra.append(False)
    if len(extra) != len(values):
        return values
    return [value for value, dropped in zip(values, extra, strict=True) if not dropped]


def _merge_inputs(node: Node, stored: list[Input]) -> None:
    by_name = {slot.name: slot for slot in stored}
    defined = {slot.name for slot in node.inputs}
    for slot in node.inputs:
        found = by_name.get(slot.name)
        if found is not None:
            slot.link = found.link
    node.inputs += [slot for slot in stored if slot.name not in defined]


def _merge_outputs(node: Node, stored: list[Output]) -> None:
    merged: list[Output] = []
    for own, found in zip_longest(node.outputs, stored):
        if own is None:
            merged.append(found)
        else:
            if found is not None:
                own.links = found.links
            merged.append(own)
    node.outputs = merged


def first_text(node: Node) -> str:
    """The first saved value, where it is text: the name that a Set or Get node has."""
    values = node.source.get("widgets_values")
    if isinstance(values, Mapping):
        values = list(values.values())
    saved = listed(values)
    return text(saved[0]) if saved else ""
