"""Subgraphs: unique ids, the nodes that stand for them, and the widgets these show outside."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from itertools import zip_longest
from typing import Final

from studio.graphs.ui import source
from studio.graphs.ui.model import ABSENT, Cell, Graph, Input, Link, Node, Output, Port, Widget
from studio.graphs.ui.source import RawGraph, Work, listed, mapping

QUARANTINE: Final = "proxyWidgetErrorQuarantine"


def make_ids_unique(root: RawGraph, subgraphs: Mapping[str, RawGraph], last_node: int) -> int:
    """Renames nodes of subgraphs whose id another graph of the file uses already.

    Returns:
        The highest id that is taken then.
    """
    used = {node_id for node_id in root.nodes if _number(node_id) is not None}
    last = last_node
    renamed: dict[str, dict[str, str]] = {}
    for subgraph in subgraphs.values():
        names: dict[str, str] = {}
        for node_id in subgraph.nodes:
            if node_id in used:
                last += 1
                while str(last) in used:
                    last += 1
                names[node_id] = str(last)
                used.add(str(last))
            else:
                used.add(node_id)
                last = max(last, _number(node_id) or 0)
        if names:
            renamed[subgraph.id] = names
            subgraph.nodes = {names.get(key, key): node for key, node in subgraph.nodes.items()}
            for link in subgraph.links.values():
                link.origin = names.get(link.origin, link.origin)
                link.target = names.get(link.target, link.target)
    for graph in (root, *subgraphs.values()):
        for node_id, node in graph.nodes.items():
            names = renamed.get(str(node.get("type")), {})
            graph.proxies[node_id] = [
                [names.get(entry[0], entry[0]), *entry[1:]] for entry in _proxies(node)
            ]
    return max(last, *(_number(each) or 0 for each in used), 0)


def inner_first(subgraphs: Mapping[str, RawGraph]) -> list[RawGraph]:
    """The subgraphs so that each comes after those it contains; the given order on a cycle."""
    waiting_for = dict.fromkeys(subgraphs, 0)
    users: dict[str, list[str]] = {each: [] for each in subgraphs}
    for graph in subgraphs.values():
        for kind in {str(node.get("type")) for node in graph.nodes.values()}:
            if kind in subgraphs:
                users[kind].append(graph.id)
                waiting_for[graph.id] += 1
    ready = deque(each for each, count in waiting_for.items() if not count)
    found: list[RawGraph] = []
    while ready:
        done = ready.popleft()
        found.append(subgraphs[done])
        for user in users[done]:
            waiting_for[user] -= 1
            if not waiting_for[user]:
                ready.append(user)
    return found if len(found) == len(subgraphs) else list(subgraphs.values())


def configure_host(work: Work, host: Node, subgraph: Graph) -> None:
    """Gives a node that stands for a subgraph its slots, and the file's links and values."""
    stored = {slot.name: slot for slot in source.read_inputs(work, host.source)}
    for port in subgraph.inputs:
        work.spend()
        found = stored.get(port.name)
        host.inputs.append(Input(port.name, port.type, found.link if found else None, port=port))
    for own, kept in zip_longest(subgraph.outputs, source.read_outputs(work, host.source)):
        if own is not None:
            host.outputs.append(Output(own.name, own.type, kept.links if kept else []))
    for slot in host.inputs:
        show_widget(work, host, slot)
    _set_values(host)


def show_widget(work: Work, host: Node, slot: Input) -> None:
    """Shows the first widget behind an input of the subgraph on the node that stands for it."""
    target = first_target(work, host, slot.port)
    if target is not None and (inside := target[0].widget_of(target[1])) is not None:
        promote(host, slot, inside)


def promote(host: Node, slot: Input, inside: Widget) -> None:
    cell = host.cells.get(slot.name)
    if cell is None or cell.kind != inside.kind:
        cell = Cell(inside.kind, inside.value, inside.cell.choices)
        host.cells[slot.name] = cell
    slot.widget = slot.name
    slot.promoted = Widget(slot.name, cell, spec=inside.spec)
    host.widgets = [each.promoted for each in host.inputs if each.promoted is not None]


def first_target(work: Work, host: Node, port: Port | None) -> tuple[Node, Input] | None:
    """The first node and slot inside that an input with a widget, or of a subgraph, leads to."""
    graph = host.subgraph
    for link_id in port.links if port and graph else ():
        link = graph.link(link_id) if graph else None
        node = graph.nodes.get(link.target) if graph and link else None
        if node is None:
            continue
        work.spend(len(node.inputs))
        slot = next((each for each in node.inputs if each.link == link_id), None)
        if slot is not None and (node.subgraph is not None or node.widget_of(slot) is not None):
            return node, slot
    return None


def add_port(work: Work, graph: Graph, name: str, kind: str) -> Port:
    """A new input of a subgraph, and of every node that stands for it."""
    names = {port.name for port in graph.inputs}
    work.spend(len(names))
    unique, count = name, 1
    while unique in names:
        unique, count = f"{name}_{count}", count + 1
    port = Port(unique, kind)
    graph.inputs.append(port)
    for host in graph.hosts:
        work.spend()
        host.inputs.append(Input(unique, kind, port=port))
    return port


def connect_port(work: Work, graph: Graph, port: Port, node: Node, slot: Input) -> None:
    """Links an input of a subgraph to a slot inside, instead of what that slot had."""
    disconnect(graph, slot)
    graph.last_link += 1
    link_id = f"promoted:{graph.last_link}"
    graph.links[link_id] = Link(
        link_id, "-10", graph.inputs.index(port), node.id, node.inputs.index(slot)
    )
    port.links.append(link_id)
    slot.link = link_id
    inside = node.widget_of(slot)
    for host in graph.hosts:
        outer = next((each for each in host.inputs if each.port is port), None)
        work.spend(len(host.inputs))
        if outer is not None and inside is not None:
            promote(host, outer, inside)


def disconnect(graph: Graph, slot: Input) -> None:
    link = graph.links.pop(slot.link, None) if slot.link is not None else None
    slot.link = None
    if link is None:
        return
    if link.origin == "-10":
        for port in graph.inputs:
            if link.id in port.links:
                port.links.remove(link.id)
        return
    origin = graph.nodes.get(link.origin)
    for output in origin.outputs if origin else ():
        if link.id in output.links:
            output.links.remove(link.id)


def _set_values(host: Node) -> None:
    values = listed(host.source.get("widgets_values"))
    kept = _quarantined(host)
    for index, widget in enumerate(host.widgets):
        if index < len(values):
            widget.cell.value = values[index]
        if kept.get(widget.name) is not None:
            widget.cell.value = kept[widget.name]


def _quarantined(host: Node) -> dict[str, object]:
    """Values that an earlier migration of the file kept because it found no place for them."""
    found: dict[str, object] = {}
    for entry in reversed(listed(host.properties.get(QUARANTINE))):
        original = listed(mapping(entry).get("originalEntry"))
        value = mapping(entry).get("hostValue", ABSENT)
        if len(original) >= 2 and original[0] == "-1" and value is not ABSENT:
            found[str(original[1])] = value
    return found


def _proxies(node: Mapping[str, object]) -> list[list[str]]:
    """The widgets that an older editor showed outside: pairs of inner node id and widget name."""
    entries = listed(mapping(node.get("properties")).get("proxyWidgets"))[: source.MAX_SLOTS]
    found = [[str(part) for part in entry] for entry in entries if isinstance(entry, list)]
    return [entry for entry in found if len(entry) in (2, 3)]


def _number(node_id: str) -> int | None:
    return int(node_id) if node_id.isdecimal() and node_id.isascii() and len(node_id) < 16 else None
