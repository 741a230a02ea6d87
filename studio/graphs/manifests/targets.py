"""Finding the node that a manifest means, also after the graph was exported anew.

An export may renumber every node, but keeps classes and titles. So a node counts as the one that
was meant if its id, class and title agree; else the one node with that class and title; else the
id with that class, whose title was changed; else the only node of that class.
"""

from __future__ import annotations

from typing import Final

from studio.errors import TargetMissing
from studio.graphs.graph import Graph, is_link, title_of
from studio.graphs.manifests.manifest import Target
from studio.graphs.problems import clip

_MAX_LISTED: Final = 5


def find(graph: Graph, target: Target, owner: str) -> str:
    """The id of the node that a target means.

    Args:
        owner: the input or output that the target belongs to, for the message.

    Raises:
        TargetMissing: there is none, or several could be meant.
    """
    node = graph.get(target.node)
    same_class = node is not None and target.class_type in (None, node["class_type"])
    if node is not None and same_class and target.title in (None, title_of(node)):
        return target.node
    if target.class_type is None:
        raise _missing(target, owner, "is not there")
    peers = [each for each, node in graph.items() if node["class_type"] == target.class_type]
    named = [each for each in peers if title_of(graph[each]) == target.title]
    if target.title is not None and len(named) == 1:
        return named[0]
    if same_class and not named:
        return target.node
    if len(peers) == 1 and not named:
        return peers[0]
    several = named or peers
    if not several:
        raise _missing(target, owner, "is not there")
    listed = ", ".join(clip(each, 40) for each in several[:_MAX_LISTED])
    raise _missing(target, owner, f"could be each of these: {listed}")


def find_input(graph: Graph, target: Target, owner: str) -> tuple[str, str]:
    """The node and the input that a value goes to.

    Raises:
        TargetMissing: see ``find``; or the node has no such input, or gets it from another node.
    """
    node_id = find(graph, target, owner)
    assert target.input is not None
    inputs = graph[node_id]["inputs"]
    if target.input not in inputs:
        raise _missing(target, owner, f"has no input “{clip(target.input, 60)}”")
    if is_link(inputs[target.input]):
        raise _missing(target, owner, f"gets “{clip(target.input, 60)}” from another node")
    return node_id, target.input


def _missing(target: Target, owner: str, what: str) -> TargetMissing:
    facts = [part for part in (target.class_type, target.title and f"“{target.title}”") if part]
    name = f"{target.node} ({', '.join(facts)})" if facts else target.node
    return TargetMissing(
        f"The target of “{clip(owner, 60)}”, node {clip(name, 200)}, {what}.",
        details={
            "input": owner,
            "target": {
                "node": target.node,
                "class": target.class_type,
                "title": target.title,
                "input": target.input,
            },
        },
    )
