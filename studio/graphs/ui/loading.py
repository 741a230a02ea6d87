"""Loads a whole file into live graphs, in the order in which the editor does it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from studio.graphs.graph import is_number
from studio.graphs.ui import group_nodes, growing, nodes, source, subgraphs, widgets
from studio.graphs.ui.migration import Migration
from studio.graphs.ui.model import ABSENT, Graph, Link, Node
from studio.graphs.ui.source import RawGraph, Work, listed, mapping


def load(work: Work, ui: Mapping[str, Any], object_info: Mapping[str, Any]) -> Graph:
    """The root graph of a file; subgraphs hang on the nodes that stand for them."""
    root = source.read_graph(work, "", ui)
    raw = {
        each_id: source.read_graph(work, each_id, data)
        for each_id, data in source.definitions(work, ui).items()
    }
    last = (ui.get("last_node_id"), mapping(ui.get("state")).get("lastNodeId"))
    taken = subgraphs.make_ids_unique(root, raw, max(source.integer(each, 0) for each in last))
    group_nodes.expand(work, ui, root, raw, object_info, taken)
    graphs = {
        each.id: Graph(each.id, links=each.links, inputs=each.inputs, outputs=each.outputs)
        for each in (root, *raw.values())
    }
    migration = Migration(work)
    for each in (*subgraphs.inner_first(raw), root):
        _build(work, each, graphs, object_info, migration)
    for graph in graphs.values():
        _number_targets(work, graph)
    for graph in graphs.values():
        for node in graph.nodes.values():
            nodes.drop_stale_inputs(node)
    for graph in graphs.values():
        _fill(graph)
    return graphs[""]


def _build(
    work: Work,
    raw: RawGraph,
    graphs: Mapping[str, Graph],
    object_info: Mapping[str, Any],
    migration: Migration,
) -> None:
    graph = graphs[raw.id]
    for node_id, data in raw.nodes.items():
        node = nodes.create(work, graph, node_id, data, object_info)
        subgraph = graphs.get(node.type) if node.type else None
        if subgraph is not None:
            node.subgraph, node.info, node.virtual = subgraph, None, True
            node.inputs, node.outputs, node.widgets = [], [], []
            subgraph.hosts.append(node)
        graph.nodes[node_id] = node
    for node in graph.nodes.values():
        if node.subgraph is not None:
            subgraphs.configure_host(work, node, node.subgraph)
        else:
            nodes.configure(work, node)
    _merge_links(graph)
    for node in graph.nodes.values():
        migration.apply(node, raw.proxies.get(node.id, []))


def _merge_links(graph: Graph) -> None:
    """Of several links between the same two slots, keeps the one that the target knows."""
    groups: dict[tuple[str, int, str, int], list[Link]] = {}
    for link in graph.links.values():
        key = (link.origin, link.origin_slot, link.target, link.target_slot)
        groups.setdefault(key, []).append(link)
    for group in groups.values():
        if len(group) < 2:
            continue
        target = graph.nodes.get(group[0].target)
        slots = target.inputs if target else []
        known = {slot.link for slot in slots}
        kept = next((link for link in group if link.id in known), group[0])
        gone = {link.id for link in group if link is not kept}
        for link_id in gone:
            del graph.links[link_id]
        origin = graph.nodes.get(kept.origin)
        for output in origin.outputs if origin else ():
            output.links = [each for each in output.links if each not in gone]
        for slot in slots:
            slot.link = kept.id if slot.link in gone else slot.link
        for port in (*graph.inputs, *graph.outputs):
            port.links = [kept.id if each in gone else each for each in port.links]


def _number_targets(work: Work, graph: Graph) -> None:
    """Slots follow the class, which may have changed since the file was saved; links follow."""
    for node in graph.nodes.values():
        for index, slot in enumerate(node.inputs):
            work.spend()
            link = graph.link(slot.link)
            if link is not None:
                link.target_slot = index


def _fill(graph: Graph) -> None:
    for node in graph.nodes.values():
        if node.type == nodes.PRIMITIVE and node.subgraph is None:
            _fill_primitive(graph, node)
    for node in graph.nodes.values():
        if node.info is not None:
            nodes.fill_choices(node)
        for widget in node.widgets if node.subgraph else ():
            if widget.kind == "combo" and widget.value in (None, ABSENT) and widget.cell.choices:
                widget.cell.value = widget.cell.choices[0]


def _fill_primitive(graph: Graph, node: Node) -> None:
    """A primitive node has the widget of what it is linked to first, with its own saved value."""
    targets = list(primitive_targets(graph, node))
    if not targets:
        return
    target, slot_name = targets[0]
    widget = target.widget(slot_name)
    if widget is None:
        return
    saved = listed(node.source.get("widgets_values"))
    value = saved[0] if saved else widget.value
    for each, name in targets:
        found = each.widget(name)
        if found and found.spec and found.spec.widget_type in ("INT", "FLOAT") and is_number(value):
            value = widgets.within(found.spec, value)
    node.widgets.clear()
    own = node.add_widget("value", widget.kind, value, spec=widget.spec)
    own.cell.value = widgets.corrected(own, value)


def primitive_targets(graph: Graph, node: Node) -> Iterable[tuple[Node, str]]:
    """The nodes and widgets that a primitive node writes its value into."""
    for link_id in node.outputs[0].links if node.outputs else ():
        link = graph.link(link_id)
        target = graph.nodes.get(link.target) if link else None
        if link and target and 0 <= link.target_slot < len(target.inputs):
            name = target.inputs[link.target_slot].widget
            if name and target.widget(name) is not None:
                yield target, name


def write_primitives(graph: Graph) -> None:
    """Writes the value of every primitive node into the widgets it is linked to."""
    for node in graph.nodes.values():
        if node.type != nodes.PRIMITIVE or not node.widgets:
            continue
        for target, name in primitive_targets(graph, node):
            widget = target.widget(name)
            if widget is None:
                continue
            if target.subgraph is not None:
                widget.cell.value = node.widgets[0].value
            else:
                growing.assign(target, widget, node.widgets[0].value)
                widget.cell.value = widgets.corrected(widget, widget.cell.value)
