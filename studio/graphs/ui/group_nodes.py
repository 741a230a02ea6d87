"""Turns group nodes into subgraphs, as the editor does once it has opened a file that has some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from studio.graphs.ui import growing, nodes
from studio.graphs.ui.group_kinds import (
    PREFIXES,
    REROUTE,
    GroupKind,
    kind_name,
    read_kinds,
    slot_name,
)
from studio.graphs.ui.model import (
    ABSENT,
    FROM_OUTSIDE,
    TO_OUTSIDE,
    Graph,
    Input,
    Link,
    LinkId,
    Node,
    Port,
    Widget,
)
from studio.graphs.ui.source import RawGraph, Work, listed, read_inputs, read_outputs, text

_STEPS: Final = 20
"""What a node costs to make, in steps."""
_SUBGRAPH: Final = "group node {}"
"""The id of the subgraph that a group node becomes, by the id of the node that stands for it."""


def expand(
    work: Work,
    ui: Mapping[str, Any],
    root: RawGraph,
    raw: dict[str, RawGraph],
    object_info: Mapping[str, Any],
    last_node: int,
) -> None:
    """Replaces every group node whose kind the file describes, in the root and in all subgraphs.

    A kind with a class that the engine lacks stays as it is: what its inputs are called, and where
    its values belong, only the class could tell.

    Args:
        raw: the subgraphs by id, to which those of the group nodes are added.
        last_node: the highest id that is taken.
    """
    kinds = read_kinds(work, ui, object_info)
    if not kinds:
        return
    known = dict(object_info)
    for name, kind in kinds.items():
        known |= {f"{prefix}{name}": kind.info for prefix in PREFIXES}
    taken = _Ids(last_node)
    graphs = [root, *raw.values()]
    for graph in graphs:
        for node_id, data in list(graph.nodes.items()):
            found = kinds.get(kind_name(text(data.get("type"))) or "")
            if found is not None:
                inside = _Instance(work, graph, node_id, data, found, known, taken).replace()
                raw[inside.id] = inside
                # A group may have been made of others.
                graphs.append(inside)


class _Ids:
    def __init__(self, last: int) -> None:
        self._last = last

    def next(self) -> str:
        self._last += 1
        return str(self._last)


class _Instance:
    """One group node on its way to be a subgraph."""

    def __init__(
        self,
        work: Work,
        outside: RawGraph,
        node_id: str,
        data: Mapping[str, Any],
        kind: GroupKind,
        known: Mapping[str, Any],
        taken: _Ids,
    ) -> None:
        work.spend(_STEPS * len(kind.nodes) + len(kind.links))
        self._work = work
        self._outside = outside
        self._node_id = node_id
        self._data = data
        self._kind = kind
        self._known = known
        self._ids = [taken.next() for _ in kind.nodes]
        self._host_id = taken.next()
        self._inputs = [read_inputs(work, node) for node in kind.nodes]
        self._outputs: list[dict[int, list[LinkId]]] = [{} for _ in kind.nodes]
        self._links: dict[LinkId, Link] = {}
        for slots in self._inputs:
            for slot in slots:
                slot.link = None

    def replace(self) -> RawGraph:
        """Puts the node that stands for the subgraph in its place; returns the subgraph."""
        for origin, output, target, index in self._kind.links:
            slot = self._slot(target, slot_name(self._kind, target, index))
            self._connect(origin, output, target, slot)
        inputs, shown = self._ports_in()
        outputs = self._ports_out()
        inside = RawGraph(_SUBGRAPH.format(self._host_id), {}, self._links, inputs, outputs)
        inside.nodes |= self._nodes()
        graph = self._outside
        del graph.nodes[self._node_id]
        graph.nodes[self._host_id] = {
            **self._data,
            "id": self._host_id,
            "type": inside.id,
            "inputs": shown,
            "widgets_values": [],
        }
        for link in graph.links.values():
            self._work.spend()
            link.origin = self._host_id if link.origin == self._node_id else link.origin
            link.target = self._host_id if link.target == self._node_id else link.target
        return inside

    def _slot(self, place: int, name: str, widget: str | None = None) -> Input:
        """An input inside, which the group may not have noted while nothing led there."""
        slots = self._inputs[place]
        self._work.spend(len(slots))
        if text(self._kind.nodes[place].get("type")) == REROUTE and slots:
            return slots[0]
        found = next((slot for slot in slots if slot.name == name), None)
        if found is None:
            found = Input(name, "*", widget=widget)
            slots.append(found)
        return found

    def _connect(self, origin: int, output: int, target: int, slot: Input) -> None:
        slot.link = len(self._links) + 1
        at = self._inputs[target].index(slot)
        self._links[slot.link] = Link(slot.link, self._ids[origin], output, self._ids[target], at)
        self._outputs[origin].setdefault(output, []).append(slot.link)

    def _ports_in(self) -> tuple[list[Port], list[dict[str, Any]]]:
        """An input of the subgraph for each that something outside leads to."""
        ports: list[Port] = []
        shown: list[dict[str, Any]] = []
        for outer in read_inputs(self._work, self._data):
            within = self._kind.slots.get(outer.name)
            widget = self._kind.widgets.get(outer.name) if within is None else None
            place, name = within or widget or (-1, "")
            if outer.link is None or outer.link not in self._outside.links or place < 0:
                continue
            slot = self._slot(place, name, name if widget else None)
            slot.link = len(self._links) + 1
            at = self._inputs[place].index(slot)
            self._links[slot.link] = Link(slot.link, FROM_OUTSIDE, len(ports), self._ids[place], at)
            ports.append(Port(outer.name, outer.type, [slot.link]))
            shown.append({"name": outer.name, "type": outer.type, "link": outer.link})
        return ports, shown

    def _ports_out(self) -> list[Port]:
        ports: list[Port] = []
        for place, output, kind in self._kind.outputs:
            link_id = len(self._links) + 1
            self._links[link_id] = Link(link_id, self._ids[place], output, TO_OUTSIDE, len(ports))
            self._outputs[place].setdefault(output, []).append(link_id)
            ports.append(Port(str(len(ports)), kind, [link_id]))
        return ports

    def _nodes(self) -> dict[str, Mapping[str, Any]]:
        host = self._live(self._node_id, self._data)
        own = {widget.name: widget for widget in reversed(host.widgets)}
        shown: list[dict[str, Widget]] = [{} for _ in self._kind.nodes]
        for outer, (place, name) in self._kind.widgets.items():
            if outer in own:
                shown[place][name] = own[outer]
        found: dict[str, Mapping[str, Any]] = {}
        for place, node in enumerate(self._kind.nodes):
            inputs = [
                {"name": slot.name, "type": slot.type, "link": slot.link}
                | ({"widget": {"name": slot.widget}} if slot.widget else {})
                for slot in self._inputs[place]
            ]
            found[self._ids[place]] = {
                **node,
                "id": self._ids[place],
                "inputs": inputs,
                "outputs": self._outputs_of(place),
                "widgets_values": self._values(place, node, shown[place]),
            }
        return found

    def _outputs_of(self, place: int) -> list[dict[str, Any]]:
        links = self._outputs[place]
        stored = read_outputs(self._work, self._kind.nodes[place])
        count = max(len(stored), max(links, default=-1) + 1)
        self._work.spend(count)
        known = [(slot.name, slot.type) for slot in stored] + [("", "*")] * (count - len(stored))
        return [
            {"name": name, "type": kind, "links": links.get(index, [])}
            for index, (name, kind) in enumerate(known)
        ]

    def _values(self, place: int, node: Mapping[str, Any], shown: Mapping[str, Widget]) -> object:
        """The values that a node inside has: its own, and over them those of the group node."""
        if node.get("type") == nodes.PRIMITIVE:
            value = shown.get("value")
            saved = listed(node.get("widgets_values"))
            return [value.value, *saved[1:]] if value is not None else saved
        if not shown:
            return node.get("widgets_values")
        inner = self._live(self._ids[place], node)
        for name, widget in shown.items():
            own = inner.widget(name)
            if own is not None and widget.value is not ABSENT:
                growing.assign(inner, own, widget.value)
        values = [widget.cell.value for widget in inner.widgets if widget.saved]
        return [None if value is ABSENT else value for value in values]

    def _live(self, node_id: str, data: Mapping[str, Any]) -> Node:
        """A node with the values that were saved for it, apart from every graph."""
        node = nodes.create(self._work, Graph(""), node_id, data, self._known)
        nodes.configure(self._work, node)
        return node
