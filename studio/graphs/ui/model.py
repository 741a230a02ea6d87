"""The live graph: what the editor holds in memory once it has loaded a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final

from studio.graphs.ui.specs import Spec

NEVER: Final = 2
BYPASS: Final = 4
INACTIVE: Final = (NEVER, BYPASS)

FROM_OUTSIDE: Final = "-10"
"""The node id by which links inside a subgraph name the subgraph's own inputs."""
TO_OUTSIDE: Final = "-20"
"""The same for the subgraph's outputs."""

_VIEWS: Final = ("load3D", "WEBCAM")
"""Widgets that show something and keep no value."""

LinkId = int | str


class Absent(Enum):
    """No value at all, which is not the same as null."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(slots=True, eq=False)
class Cell:
    """One value; widgets of the same node, name and kind share it."""

    kind: str
    value: Any
    choices: list[Any] | None = None


@dataclass(slots=True, eq=False)
class Widget:
    name: str
    cell: Cell
    saved: bool = True
    """Whether it takes a place among the saved values."""
    sent: bool = True
    """Whether its value goes to the engine."""
    spec: Spec | None = None

    @property
    def kind(self) -> str:
        return self.cell.kind

    @property
    def value(self) -> Any:
        kind = self.cell.kind
        if kind in _VIEWS or (self.cell.value is None and kind == "customtext"):
            return ""
        return self.cell.value


@dataclass(slots=True, eq=False)
class Input:
    name: str
    type: str
    link: LinkId | None = None
    widget: str | None = None
    """The name of the widget that this slot feeds."""
    promoted: Widget | None = None
    """For a subgraph's node: the widget inside that this slot shows outside."""
    port: Port | None = None
    """For a subgraph's node: the subgraph's own input behind this slot."""


@dataclass(slots=True, eq=False)
class Output:
    name: str
    type: str
    links: list[LinkId] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Link:
    id: LinkId
    origin: str
    origin_slot: int
    target: str
    target_slot: int


@dataclass(slots=True, eq=False)
class Port:
    """An input or output of a subgraph, seen from inside."""

    name: str
    type: str
    links: list[LinkId] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Node:
    id: str
    type: str
    title: str
    mode: int
    graph: Graph
    source: Mapping[str, Any]
    inputs: list[Input] = field(default_factory=list)
    outputs: list[Output] = field(default_factory=list)
    widgets: list[Widget] = field(default_factory=list)
    cells: dict[str, Cell] = field(default_factory=dict)
    groups: dict[str, Spec] = field(default_factory=dict)
    """The inputs that grow with their connections, by name."""
    info: Mapping[str, Any] | None = None
    """What the engine says about the class; None for what the engine never sees."""
    virtual: bool = False
    subgraph: Graph | None = None

    @property
    def properties(self) -> Mapping[str, Any]:
        found = self.source.get("properties")
        return found if isinstance(found, Mapping) else {}

    def widget(self, name: str | None) -> Widget | None:
        return next((each for each in self.widgets if each.name == name), None)

    def widget_of(self, slot: Input) -> Widget | None:
        if slot.promoted is not None:
            return slot.promoted
        return self.widget(slot.widget) if slot.widget else None

    def add_widget(
        self,
        name: str,
        kind: str,
        value: Any,
        *,
        choices: list[Any] | None = None,
        saved: bool = True,
        sent: bool = True,
        spec: Spec | None = None,
    ) -> Widget:
        cell = self.cells.get(name)
        if cell is None or cell.kind != kind:
            cell = self.cells[name] = Cell(kind, value, choices)
        widget = Widget(name, cell, saved, sent, spec)
        self.widgets.append(widget)
        return widget

    def remove_input(self, index: int) -> None:
        """Takes a slot away, and the link that ended there."""
        slot = self.inputs.pop(index)
        link = self.graph.links.pop(slot.link, None) if slot.link is not None else None
        origin = self.graph.nodes.get(link.origin) if link else None
        if link and origin and 0 <= link.origin_slot < len(origin.outputs):
            links = origin.outputs[link.origin_slot].links
            if link.id in links:
                links.remove(link.id)


@dataclass(slots=True, eq=False)
class Graph:
    id: str
    nodes: dict[str, Node] = field(default_factory=dict)
    links: dict[LinkId, Link] = field(default_factory=dict)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    hosts: list[Node] = field(default_factory=list)
    """The nodes that stand for this subgraph."""
    last_link: int = 0

    def link(self, link_id: LinkId | None) -> Link | None:
        return self.links.get(link_id) if link_id is not None else None
