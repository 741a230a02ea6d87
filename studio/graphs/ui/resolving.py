"""Flattens subgraphs and follows links to the nodes that an engine will run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from studio.graphs.problems import clip
from studio.graphs.ui import nodes
from studio.graphs.ui.model import BYPASS, FROM_OUTSIDE, INACTIVE, NEVER, Graph, Link, Node
from studio.graphs.ui.source import MAX_DEPTH, Work


@dataclass(slots=True, eq=False)
class Step:
    """One node at one place: a node of a subgraph is at as many as the subgraph is used."""

    id: str
    """The way to it through the nodes that stand for subgraphs: ``4:12``."""
    node: Node
    outside: Step | None
    """The node that stands for the subgraph this one is in."""


@dataclass(frozen=True, slots=True)
class Value:
    """What an input gets when it leads to a widget of a subgraph's node and not to an output."""

    value: Any


@dataclass(frozen=True, slots=True)
class _Place:
    """A slot on the way from an input to what it gets."""

    step: Step
    slot: int
    outgoing: bool
    wanted: str | None
    """The type of the input that asks, where a node in between hands it on."""


Resolved = tuple[str, int] | Value | None


class Flat:
    """Every place of a file's nodes, by id, in the order in which the editor lists them."""

    def __init__(self, work: Work, root: Graph) -> None:
        self._work = work
        self.steps: dict[str, Step] = {}
        for node in execution_order(work, root):
            step = Step(node.id, node, None)
            self.steps[step.id] = step
            if node.mode not in INACTIVE:
                self._expand(step, {root.id})

    def _expand(self, host: Step, around: set[str]) -> None:
        graph = host.node.subgraph
        if graph is None:
            return
        if graph.id in around or len(around) > MAX_DEPTH:
            code = "subgraph_cycle" if graph.id in around else "too_deep"
            why = "contains itself" if graph.id in around else "is nested too deeply"
            self._work.report(code, host.id, f"The subgraph behind this node {why}.")
            return
        for node in graph.nodes.values():
            self._work.count_node()
            step = Step(f"{host.id}:{node.id}", node, host)
            self.steps[step.id] = step
            self._expand(step, around | {graph.id})

    def resolve(self, step: Step, index: int) -> Resolved:
        """What the input at ``index`` gets; None when nothing, or nothing that can be used."""
        seen: set[tuple[str, int, bool]] = set()
        place = _Place(step, index, False, None)
        while True:
            self._work.spend()
            key = (place.step.id, place.slot, place.outgoing)
            if key in seen:
                name = clip(step.node.inputs[index].name, 60)
                message = f"The links of its input “{name}” form a circle."
                self._work.report("link_cycle", step.id, message)
                return None
            seen.add(key)
            before = self._before_output(place) if place.outgoing else self._before_input(place)
            if not isinstance(before, _Place):
                return before
            place = before

    def _before_input(self, place: _Place) -> _Place | Value | None:
        """Where an input gets its value from: an output, or an input further outside."""
        at, inputs = place.step, place.step.node.inputs
        if not 0 <= place.slot < len(inputs) or inputs[place.slot].link is None:
            return None
        slot = inputs[place.slot]
        link = at.node.graph.link(slot.link)
        if link is not None and at.outside is not None and link.origin == FROM_OUTSIDE:
            return self._outside(at.outside, link.origin_slot)
        origin = self._neighbour(at, link.origin) if link else None
        if link is None or origin is None:
            message = f"What its input “{clip(slot.name, 60)}” is linked to is missing."
            self._work.report("broken_link", at.id, message)
            return None
        return _Place(origin, link.origin_slot, True, place.wanted or slot.type)

    def _outside(self, host: Step, slot: int) -> _Place | Value | None:
        inputs = host.node.inputs
        if not 0 <= slot < len(inputs):
            self._work.report("broken_link", host.id, "An input of this subgraph is missing.")
            return None
        if inputs[slot].link is None:
            shown = inputs[slot].promoted
            return Value(shown.cell.value) if shown else None
        return _Place(host, slot, False, None)

    def _before_output(self, place: _Place) -> _Place | Resolved:
        """Where an output's value comes from; the output itself if its node runs."""
        at, node, slot = place.step, place.step.node, place.slot
        if node.mode == NEVER or slot < 0:
            return None
        if node.mode == BYPASS:
            index = _passing_input(node, slot, place.wanted or "*")
            return None if index is None else _Place(at, index, False, None)
        if node.subgraph is not None:
            return self._inside(place, node.subgraph)
        if not node.virtual:
            return at.id, slot
        if node.type in nodes.GETTERS:
            setter = self._setter(at)
            return _Place(setter, 0, False, place.wanted) if setter else None
        return _Place(at, slot, False, place.wanted)

    def _inside(self, place: _Place, graph: Graph) -> _Place | None:
        host = place.step
        ports = graph.outputs[place.slot : place.slot + 1]
        links = [graph.link(each) for port in ports for each in port.links[:1]]
        if not links or links[0] is None:
            return None
        link = links[0]
        if link.origin == FROM_OUTSIDE:
            # The subgraph hands one of its inputs through.
            return _Place(host, link.origin_slot, False, None)
        inner = self.steps.get(f"{host.id}:{link.origin}")
        if inner is None:
            self._work.report("broken_link", host.id, "An output of this subgraph has no node.")
            return None
        return _Place(inner, link.origin_slot, True, place.wanted)

    def _neighbour(self, at: Step, node_id: str) -> Step | None:
        return self.steps.get(f"{at.outside.id}:{node_id}" if at.outside else node_id)

    def _setter(self, getter: Step) -> Step | None:
        """The Set node of the same name, in the same graph or the nearest one around it."""
        name = nodes.first_text(getter.node)
        graph, around = getter.node.graph, getter
        while name:
            self._work.spend(len(graph.nodes))
            for node in graph.nodes.values():
                if node.type in nodes.SETTERS and nodes.first_text(node) == name:
                    return self._neighbour(around, node.id)
            if around.outside is None:
                break
            around = around.outside
            graph = around.node.graph
        message = f"No Set node gives “{clip(name, 60)}”, which this one asks for."
        self._work.report("no_setter", getter.id, message)
        return None


def execution_order(work: Work, graph: Graph) -> list[Node]:
    """The nodes of a graph so that each comes after those it depends on; circles come last."""
    missing = {
        node.id: sum(slot.link is not None for slot in node.inputs) for node in graph.nodes.values()
    }
    ordered = [node for node in graph.nodes.values() if not missing[node.id]]
    placed = {node.id for node in ordered}
    visited: set[Link] = set()
    for node in ordered:
        for output in node.outputs:
            for link_id in output.links:
                work.spend()
                link = graph.link(link_id)
                target = graph.nodes.get(link.target) if link else None
                if link is None or link in visited or target is None:
                    continue
                visited.add(link)
                missing[target.id] -= 1
                if not missing[target.id] and target.id not in placed:
                    placed.add(target.id)
                    ordered.append(target)
    return ordered + [node for node in graph.nodes.values() if node.id not in placed]


def _passing_input(node: Node, slot: int, wanted: str) -> int | None:
    """The input that a bypassed node hands on as its output ``slot``."""
    inputs = node.inputs
    if wanted in ("*", ""):
        index = slot if slot < len(inputs) else 0
        return index if inputs else None
    given = node.outputs[slot].type if slot < len(node.outputs) else "*"
    own = inputs[slot] if slot < len(inputs) else None
    if own is not None and connectable(own.type, given) and connectable(own.type, wanted):
        return slot
    exact = next((i for i, each in enumerate(inputs) if each.type == wanted), None)
    if exact is not None:
        return exact
    return next(
        (
            index
            for index, each in enumerate(inputs)
            if connectable(each.type, given) and connectable(each.type, wanted)
        ),
        None,
    )


def connectable(one: str, other: str) -> bool:
    """Whether the editor lets slots of these types be linked; types may list several."""
    if one in ("*", "", "0") or other in ("*", "", "0") or one == other:
        return True
    first, second = one.lower().split(","), other.lower().split(",")
    if "*" in first or "" in first or "*" in second or "" in second:
        return True
    return not set(first).isdisjoint(second)
