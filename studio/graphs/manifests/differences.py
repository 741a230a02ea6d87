"""What changed between two versions of a workflow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from studio.graphs.graph import Graph, title_of

MAX_LISTED: Final = 500
_MAX_VALUE: Final = 500
_KEYED: Final = frozenset({"inputs"})


def differences(
    before: tuple[Mapping[str, Any], Mapping[str, Any]],
    after: tuple[Mapping[str, Any], Mapping[str, Any]],
) -> dict[str, Any]:
    """Inputs, facts, nodes and values that were added, removed or changed.

    Each list holds 500 entries at most; ``truncated`` says that there are more. Values that are
    long texts are cut.

    Args:
        before, after: manifest and graph of a version.
    """
    old_nodes, new_nodes = dict(_nodes(before[1])), dict(_nodes(after[1]))
    found: dict[str, Any] = {
        "facts": _facts(before[0], after[0]),
        "inputs": _inputs(before[0], after[0]),
        "nodes": {
            "added": [_node(each, new_nodes) for each in new_nodes.keys() - old_nodes.keys()],
            "removed": [_node(each, old_nodes) for each in old_nodes.keys() - new_nodes.keys()],
            "changed": [
                {**_node(each, new_nodes), "class_before": old_nodes[each]["class_type"]}
                for each in old_nodes.keys() & new_nodes.keys()
                if old_nodes[each]["class_type"] != new_nodes[each]["class_type"]
            ],
        },
        "values": list(_values(old_nodes, new_nodes)),
    }
    lists = [found["facts"], found["values"], *found["inputs"].values(), *found["nodes"].values()]
    truncated = False
    for each in lists:
        each.sort(key=lambda entry: [str(value) for value in entry.values()])
        truncated = truncated or len(each) > MAX_LISTED
        del each[MAX_LISTED:]
    return {**found, "truncated": truncated}


def _nodes(graph: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Nodes by id; those of blocks by file and id."""
    blocks = graph.get("blocks")
    if isinstance(blocks, dict) and "class_type" not in blocks:
        for file, block in blocks.items():
            for node_id, node in block["nodes"].items():
                yield f"{file}:{node_id}", node
    else:
        yield from graph.items()


def _node(node_id: str, nodes: Graph) -> dict[str, Any]:
    node = nodes[node_id]
    return {"id": node_id, "class": node["class_type"], "title": title_of(node)}


def _facts(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"fact": key, "from": _short(before.get(key)), "to": _short(after.get(key))}
        for key in before.keys() | after.keys()
        if key not in _KEYED and before.get(key) != after.get(key)
    ]


def _inputs(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    old = {each["id"]: each for each in before.get("inputs", ())}
    new = {each["id"]: each for each in after.get("inputs", ())}
    return {
        "added": [{"id": each, "name": new[each]["name"]} for each in new.keys() - old.keys()],
        "removed": [{"id": each, "name": old[each]["name"]} for each in old.keys() - new.keys()],
        "changed": [
            {
                "id": each,
                "changes": [
                    {
                        "key": key,
                        "from": _short(old[each].get(key)),
                        "to": _short(new[each].get(key)),
                    }
                    for key in sorted(old[each].keys() | new[each].keys())
                    if old[each].get(key) != new[each].get(key)
                ],
            }
            for each in old.keys() & new.keys()
            if old[each] != new[each]
        ],
    }


def _values(before: Graph, after: Graph) -> Iterator[dict[str, Any]]:
    for node_id in before.keys() & after.keys():
        old, new = before[node_id]["inputs"], after[node_id]["inputs"]
        for name in old.keys() | new.keys():
            if old.get(name) != new.get(name) or (name in old) != (name in new):
                yield {
                    **_node(node_id, after),
                    "input": name,
                    "from": _short(old.get(name)),
                    "to": _short(new.get(name)),
                }


def _short(value: Any) -> Any:
    """A value fit for a list of changes: long ones as the beginning of their text."""
    text = value if isinstance(value, str) else repr(value)
    return value if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"
