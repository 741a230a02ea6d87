"""Changes to single values of a graph, as typed on a command line: ``6.text=a red fox``."""

from __future__ import annotations

import json
import math
from typing import Any

from studio.errors import InvalidRequest
from studio.graphs.graph import Graph, is_number, title_of
from studio.graphs.problems import clip

_TRUE = frozenset({"true", "1", "yes", "on"})
_FALSE = frozenset({"false", "0", "no", "off"})


def set_value(graph: Graph, assignment: str) -> Graph:
    """A copy of ``graph`` with one input set.

    ``assignment`` is ``<node>.<input>=<value>``, where the node is an id, a title or a class
    name. The value is read as the type that the input has now; for a link, a list, an object or
    null it is JSON, or else plain text.

    Raises:
        InvalidRequest: there is no such node or input (the message lists those that are there),
            the name fits several nodes, or the value does not fit.
    """
    target, equals, text = assignment.partition("=")
    if not equals or "." not in target:
        raise InvalidRequest(f"Write it as node.input=value, not “{clip(assignment)}”.")
    node_id, name = _find(graph, target.strip())
    inputs = graph[node_id]["inputs"]
    value = _read(f"{node_id}.{name}", text, inputs[name])
    return {**graph, node_id: {**graph[node_id], "inputs": {**inputs, name: value}}}


def _find(graph: Graph, target: str) -> tuple[str, str]:
    named: list[str] = []
    input_name = ""
    # Titles and the inputs of dynamic nodes may contain dots themselves: try every one.
    for position, character in enumerate(target):
        if character != ".":
            continue
        found = _nodes_named(graph, target[:position])
        name = target[position + 1 :]
        fitting = [node_id for node_id in found if name in graph[node_id]["inputs"]]
        if len(fitting) == 1:
            return fitting[0], name
        if fitting:
            raise InvalidRequest(
                f"“{clip(target[:position])}” fits several nodes: {_listed(fitting)}. Use the id."
            )
        if found:
            named, input_name = found, name
    if named:
        inputs = dict.fromkeys(name for node_id in named for name in graph[node_id]["inputs"])
        raise InvalidRequest(
            f"Node {_listed(named)} has no input “{clip(input_name)}”. "
            f"It has: {_listed(inputs) or 'none'}."
        )
    nodes = [
        f"{node_id} ({title_of(node) or node['class_type']})" for node_id, node in graph.items()
    ]
    node_name = target.partition(".")[0]
    raise InvalidRequest(f"There is no node “{clip(node_name)}”. There are: {_listed(nodes)}.")


def _nodes_named(graph: Graph, name: str) -> list[str]:
    if name in graph:
        return [name]
    titled = [node_id for node_id, node in graph.items() if title_of(node) == name]
    return titled or [node_id for node_id, node in graph.items() if node["class_type"] == name]


def _listed(names: Any) -> str:
    shown = [clip(name, 60) for name in names]
    return ", ".join(shown[:30]) + (", …" if len(shown) > 30 else "")


def _read(field: str, text: str, present: object) -> object:
    if isinstance(present, str):
        return text
    if isinstance(present, bool):
        return _read_bool(field, text)
    if is_number(present):
        return _read_number(field, text, whole=isinstance(present, int))
    try:
        return json.loads(text)
    except ValueError:
        return text


def _read_bool(field: str, text: str) -> bool:
    word = text.strip().lower()
    if word in _TRUE:
        return True
    if word in _FALSE:
        return False
    raise InvalidRequest(f"{clip(field)} is true or false, not “{clip(text)}”.")


def _read_number(field: str, text: str, *, whole: bool) -> int | float:
    try:
        number = int(text) if whole else float(text)
        finite = math.isfinite(number)
    except (ValueError, OverflowError):
        finite = False
        number = 0
    if not finite:
        kind = "a whole number" if whole else "a number"
        raise InvalidRequest(f"{clip(field)} is {kind}, not “{clip(text)}”.")
    return number
