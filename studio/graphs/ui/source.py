"""Reads what a file says about nodes, links and subgraphs, whatever else it says.

Nothing here trusts the file: what has the wrong type counts as absent, and everything that a file
can have many of is counted against one limit.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from studio.graphs.graph import MAX_NODES
from studio.graphs.problems import clip
from studio.graphs.ui.model import Input, Link, LinkId, Output, Port

MAX_STEPS: Final = 1_000_000
"""How much work one file may cause; a workflow of a thousand nodes needs some ten thousand."""
MAX_SLOTS: Final = 1000
MAX_DEPTH: Final = 100


@dataclass(frozen=True, slots=True)
class UiProblem:
    """Something in the file that could not be converted as it stands."""

    node_id: str | None
    message: str
    code: str


class Refused(Exception):
    """The file cannot be converted at all."""

    def __init__(self, code: str, message: str, node_id: str | None = None) -> None:
        super().__init__(message)
        self.problem = UiProblem(node_id, message, code)


@dataclass(slots=True)
class Work:
    """What was spent on this file, and what was found wrong with it."""

    problems: list[UiProblem] = field(default_factory=list)
    steps: int = 0
    nodes: int = 0

    def spend(self, steps: int = 1) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise Refused("too_complex", "The workflow is too large or too entangled to convert.")

    def count_node(self) -> None:
        self.nodes += 1
        if self.nodes > MAX_NODES:
            message = f"The workflow has more than {MAX_NODES} nodes, those in subgraphs included."
            raise Refused("too_many_nodes", message)

    def report(self, code: str, node_id: str | None, message: str) -> None:
        problem = UiProblem(node_id and clip(node_id, 200), message, code)
        if len(self.problems) < MAX_NODES and problem not in self.problems[-20:]:
            self.problems.append(problem)


@dataclass(slots=True)
class RawGraph:
    """One graph of the file, with ids as text; node ids in subgraphs are unique in the file."""

    id: str
    nodes: dict[str, Mapping[str, Any]]
    links: dict[LinkId, Link]
    inputs: list[Port]
    outputs: list[Port]
    proxies: dict[str, list[list[str]]] = field(default_factory=dict)
    """By node, which widgets inside an older editor showed on a subgraph's node."""


def mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def text(value: object) -> str:
    return value if isinstance(value, str) else ""


def integer(value: object, otherwise: int = -1) -> int:
    if isinstance(value, bool):
        return otherwise
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return otherwise


def identity(value: object) -> str | None:
    """An id as text; numbers and texts are both used."""
    if isinstance(value, str):
        return value or None
    number = integer(value, -(2**60))
    return None if number == -(2**60) or abs(number) > 2**53 else str(number)


def link_id(value: object) -> LinkId | None:
    if isinstance(value, str):
        return value
    number = integer(value, -(2**60))
    return None if number == -(2**60) else number


def slot_type(value: object) -> str:
    return value if isinstance(value, str) and value else "*"


def read_graph(work: Work, graph_id: str, data: Mapping[str, Any]) -> RawGraph:
    nodes: dict[str, Mapping[str, Any]] = {}
    for entry in listed(data.get("nodes")):
        work.spend()
        found = mapping(entry)
        node_id = identity(found.get("id"))
        if node_id is None or not isinstance(found.get("type"), str):
            work.report("damaged_node", node_id, "A node without an id or a type was left out.")
        elif node_id in nodes:
            work.report(
                "duplicate_node", node_id, "Two nodes have this id; the second is left out."
            )
        else:
            nodes[node_id] = found
    links: dict[LinkId, Link] = {}
    stored = data.get("links")
    for entry in stored.values() if isinstance(stored, Mapping) else listed(stored):
        work.spend()
        link = _read_link(entry)
        if link is not None:
            links[link.id] = link
    return RawGraph(
        graph_id,
        nodes,
        links,
        list(_read_ports(work, data.get("inputs"), links)),
        list(_read_ports(work, data.get("outputs"), links)),
    )


def read_inputs(work: Work, node: Mapping[str, Any]) -> list[Input]:
    found = []
    for entry in listed(node.get("inputs"))[:MAX_SLOTS]:
        work.spend()
        slot = mapping(entry)
        widget = mapping(slot.get("widget")).get("name")
        found.append(
            Input(
                text(slot.get("name")),
                slot_type(slot.get("type")),
                link_id(slot.get("link")),
                widget if isinstance(widget, str) else None,
            )
        )
    return found


def read_outputs(work: Work, node: Mapping[str, Any]) -> list[Output]:
    found = []
    for entry in listed(node.get("outputs"))[:MAX_SLOTS]:
        slot = mapping(entry)
        links = [each for each in map(link_id, listed(slot.get("links"))) if each is not None]
        work.spend(1 + len(links))
        found.append(Output(text(slot.get("name")), slot_type(slot.get("type")), links))
    return found


def definitions(work: Work, data: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The subgraphs of a file by id, those that are kept inside others included."""
    found: dict[str, Mapping[str, Any]] = {}
    waiting = [data]
    while waiting:
        inside = mapping(waiting.pop().get("definitions"))
        for entry in listed(inside.get("subgraphs")):
            work.spend()
            subgraph = mapping(entry)
            subgraph_id = identity(subgraph.get("id"))
            if subgraph_id is not None and subgraph_id not in found:
                found[subgraph_id] = subgraph
                waiting.append(subgraph)
    return found


def _read_link(entry: object) -> Link | None:
    if isinstance(entry, list) and len(entry) >= 5:
        parts = entry[:5]
    else:
        found = mapping(entry)
        keys = ("id", "origin_id", "origin_slot", "target_id", "target_slot")
        parts = [found.get(key) for key in keys]
    own, origin, target = link_id(parts[0]), identity(parts[1]), identity(parts[3])
    if own is None or origin is None or target is None:
        return None
    return Link(own, origin, integer(parts[2]), target, integer(parts[4]))


def _read_ports(work: Work, entries: object, links: Mapping[LinkId, Link]) -> Iterator[Port]:
    for entry in listed(entries)[:MAX_SLOTS]:
        found = mapping(entry)
        ids = listed(found.get("linkIds"))
        work.spend(1 + len(ids))
        known = [each for each in map(link_id, ids) if each is not None and each in links]
        yield Port(text(found.get("name")), slot_type(found.get("type")), known)
