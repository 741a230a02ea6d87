"""Widgets that an older editor showed on a subgraph's node become inputs of the subgraph.

Such a file lists pairs of inner node and widget name, and the node's values in that order. The
editor rewires each into a real input of the subgraph while it loads, and so does this.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

from studio.graphs.ui import subgraphs
from studio.graphs.ui.model import Graph, Input, Node, Widget
from studio.graphs.ui.nodes import PRIMITIVE
from studio.graphs.ui.source import MAX_DEPTH, Work, listed, text

_MARKER: Final = "proxyBypassedToSubgraphInput"
_PREFIXED: Final = re.compile(r"\s*(\d{1,15})\s*:\s*(.+)", re.DOTALL)


@dataclass(slots=True)
class _Entry:
    node_id: str
    widget: str
    inner_id: str | None
    value: Any
    place: str = ""
    """What is to be done: ``linked``, ``input``, ``primitive``, or nothing."""
    linked: Input | None = None


class Migration:
    """The old lists of one file, taken over node by node."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._rewired: dict[Node, str] = {}
        """Primitive nodes that an input of their subgraph replaced, and its name."""

    def apply(self, host: Node, proxies: list[list[str]]) -> None:
        """Takes over the list of one node that stands for a subgraph."""
        graph = host.subgraph
        if graph is None or not proxies:
            return
        values = listed(host.source.get("widgets_values"))
        entries = []
        for index, proxy in enumerate(proxies):
            value = values[index] if index < len(values) else None
            entries.append(self._entry(host, proxy, value))
        for entry in entries:
            self._classify(host, graph, entry)
        for entry in entries:
            if entry.place == "linked" and entry.linked is not None:
                _set(entry.linked, entry.value)
            elif entry.place == "input":
                self._add_input(host, graph, entry)
        primitives = [entry for entry in entries if entry.place == "primitive"]
        for node_id in dict.fromkeys(entry.node_id for entry in primitives):
            group = [entry for entry in primitives if entry.node_id == node_id]
            self._replace_primitive(host, graph, group)
        for entry in entries:
            if entry.node_id == "-1" and not entry.place and entry.value is not None:
                slot = next((each for each in host.inputs if each.name == entry.widget), None)
                if slot is not None:
                    _set(slot, entry.value)

    def _entry(self, host: Node, proxy: list[str], value: Any) -> _Entry:
        node_id, widget = proxy[:2]
        inner_id = proxy[2] if len(proxy) > 2 else None
        if not self._leads_to_widget(host, node_id, widget):
            # The oldest files name the way through nested subgraphs: "12: 7: seed".
            for _ in range(MAX_DEPTH):
                match = _PREFIXED.fullmatch(widget)
                if match is None:
                    break
                inner_id, widget = match.groups()
        return _Entry(node_id, widget, inner_id, value)

    def _leads_to_widget(self, host: Node, node_id: str, name: str) -> bool:
        for _ in range(MAX_DEPTH):
            node = host.subgraph.nodes.get(node_id) if host.subgraph else None
            if node is None:
                return False
            if node.subgraph is None:
                return node.widget(name) is not None
            source = self._source(node, name)
            if source is None:
                return False
            host, (node_id, name) = node, source
        return False

    def _source(self, host: Node, name: str) -> tuple[str, str] | None:
        """The node and widget inside that an input of a subgraph stands for."""
        self._work.spend(len(host.inputs))
        slot = next((each for each in host.inputs if each.name == name), None)
        return self._behind(host, slot) if slot else None

    def _behind(self, host: Node, slot: Input) -> tuple[str, str] | None:
        target = subgraphs.first_target(self._work, host, slot.port)
        if target is None:
            return None
        node, inside = target
        if node.subgraph is not None:
            return node.id, inside.name
        widget = node.widget_of(inside)
        return (node.id, widget.name) if widget else None

    def _classify(self, host: Node, graph: Graph, entry: _Entry) -> None:
        wanted = (entry.node_id, entry.widget)
        for slot in host.inputs:
            if self._behind(host, slot) == wanted:
                entry.place, entry.linked = "linked", _only(host, slot.name)
                return
        node = graph.nodes.get(entry.node_id)
        if node is None:
            return
        if node.type == PRIMITIVE:
            name = self._rewired.get(node) or text(node.properties.get(_MARKER))
            linked = next((slot for slot in host.inputs if name and slot.name == name), None)
            if linked is not None:
                entry.place, entry.linked = "linked", _only(host, linked.name)
            elif _targets(graph, node):
                entry.place = "primitive"
        elif not entry.widget.startswith("$$") and self._widget(node, entry) is not None:
            entry.place = "input"

    def _widget(self, node: Node, entry: _Entry) -> Widget | None:
        """The widget that an entry names, on a node that may stand for a subgraph itself."""
        if node.subgraph is not None:
            for slot in node.inputs:
                behind = self._behind(node, slot)
                if entry.inner_id:
                    if behind == (entry.inner_id, entry.widget) and slot.promoted:
                        return slot.promoted
                elif slot.name == entry.widget or (behind and behind[1] == entry.widget):
                    if slot.promoted:
                        return slot.promoted
                    break
        return node.widget(entry.widget)

    def _add_input(self, host: Node, graph: Graph, entry: _Entry) -> None:
        node = graph.nodes[entry.node_id]
        widget = self._widget(node, entry)
        slot = next((each for each in node.inputs if widget and each.widget == widget.name), None)
        if slot is None:
            return
        port = subgraphs.add_port(self._work, graph, entry.widget, slot.type)
        subgraphs.connect_port(self._work, graph, port, node, slot)
        outer = next((each for each in host.inputs if each.port is port), None)
        if outer is not None:
            _set(outer, entry.value)

    def _replace_primitive(self, host: Node, graph: Graph, entries: list[_Entry]) -> None:
        if len({entry.widget for entry in entries}) != 1:
            return
        primitive = graph.nodes[entries[0].node_id]
        targets = _targets(graph, primitive)
        if not targets or not _fit(primitive, targets):
            return
        title = primitive.title
        name = title if title and title != PRIMITIVE else entries[0].widget
        port = subgraphs.add_port(self._work, graph, name, primitive.outputs[0].type)
        for node, slot in targets:
            subgraphs.connect_port(self._work, graph, port, node, slot)
        outer = next((each for each in host.inputs if each.port is port), None)
        value = next((entry.value for entry in entries if entry.value is not None), None)
        if outer is not None:
            _set(outer, value)
        self._rewired[primitive] = port.name


def _only(host: Node, name: str) -> Input | None:
    matches = [slot for slot in host.inputs if slot.name == name]
    return matches[0] if len(matches) == 1 else None


def _set(slot: Input, value: Any) -> None:
    if slot.promoted is not None and value is not None:
        slot.promoted.cell.value = value


def _targets(graph: Graph, primitive: Node) -> list[tuple[Node, Input]]:
    found = []
    for link_id in primitive.outputs[0].links if primitive.outputs else ():
        link = graph.link(link_id)
        node = graph.nodes.get(link.target) if link else None
        if link and node and 0 <= link.target_slot < len(node.inputs):
            found.append((node, node.inputs[link.target_slot]))
    return found


def _fit(primitive: Node, targets: list[tuple[Node, Input]]) -> bool:
    """Whether one input can feed them all: the same type, and the same kind and range of widget."""
    kind = primitive.outputs[0].type
    limits = []
    for node, slot in targets:
        if "*" not in (kind, slot.type) and slot.type != kind:
            return False
        widget = node.widget_of(slot)
        if widget is not None:
            options = widget.spec.options if widget.spec else {}
            limits.append((widget.kind, *(options.get(key) for key in ("min", "max", "step"))))
    return all(limit == limits[0] for limit in limits)
