"""The graph itself: ``{node_id: {"class_type": ..., "inputs": {...}}}``."""

from __future__ import annotations

from typing import Any, Final

from studio.errors import InvalidWorkflow, WorkflowFormatUi
from studio.graphs.problems import Problems, clip

Graph = dict[str, dict[str, Any]]

MAX_NODES: Final = 10_000
MAX_DEPTH: Final = 100
MAX_NODE_ID_LENGTH: Final = 200


def parse(workflow: object) -> Graph:
    """Checks that ``workflow`` has the shape of an API-format graph and returns it as it is.

    Nodes are kept verbatim (``_meta`` and unknown keys too) and nothing is copied; use
    ``execution_copy`` before changing inputs.

    Raises:
        WorkflowFormatUi: it is what the editor saves, not what an engine runs.
        InvalidWorkflow: it is not a graph; ``details["node_errors"]`` names the nodes to blame.
    """
    if not isinstance(workflow, dict):
        raise _refusal("invalid_graph", "A workflow must be a JSON object of nodes.")
    if is_ui_format(workflow) or is_ui_format(workflow.get("workflow")):
        raise WorkflowFormatUi(
            "This is a workflow in the editor's own format. In ComfyUI, choose "
            "“Export (API)” from the workflow menu and send that file; or bring this one to "
            "Workflows in Studio's page, which translates it."
        )
    if not workflow:
        raise _refusal("prompt_no_outputs", "The workflow is empty: it has no nodes.")
    if len(workflow) > MAX_NODES:
        raise _refusal("too_many_nodes", f"The workflow has more than {MAX_NODES} nodes.")
    problems = Problems()
    for node_id, node in workflow.items():
        _check_node(problems, node_id, node)
    problems.raise_if_any()
    return workflow


def is_link(value: object) -> bool:
    """Whether an input's value is a link ``[node_id, output_index]``, as the engine sees it."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], (int, float))
    )


def is_number(value: object) -> bool:
    """Whether a value is a literal number; JSON's booleans are not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def execution_copy(graph: Graph) -> Graph:
    """A copy whose nodes and ``inputs`` may be changed; the values themselves are shared."""
    return {node_id: {**node, "inputs": {**node["inputs"]}} for node_id, node in graph.items()}


def title_of(node: dict[str, Any]) -> str:
    """The title a person gave the node, or an empty string."""
    meta = node.get("_meta")
    title = meta.get("title") if isinstance(meta, dict) else None
    return title if isinstance(title, str) else ""


def _refusal(reason: str, message: str) -> InvalidWorkflow:
    return InvalidWorkflow(message, details={"node_errors": {}, "error_types": [reason]})


def is_ui_format(value: object) -> bool:
    """Whether a value is what the editor saves."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("nodes"), list)
        and ("links" not in value or isinstance(value["links"], (list, dict)))
    )


def _check_node(problems: Problems, node_id: object, node: object) -> None:
    if not isinstance(node_id, str) or not node_id or not node_id.isprintable():
        shown = clip(node_id, 40)
        problems.add(shown, None, None, "invalid_node_id", "a node id must be printable text.")
        return
    if len(node_id) > MAX_NODE_ID_LENGTH:
        message = f"a node id has at most {MAX_NODE_ID_LENGTH} characters."
        problems.add(node_id[:MAX_NODE_ID_LENGTH], None, None, "invalid_node_id", message)
        return
    if not isinstance(node, dict):
        problems.add(node_id, None, None, "invalid_node", "a node must be a JSON object.")
        return
    class_type = node.get("class_type")
    if not isinstance(class_type, str) or not class_type:
        message = "it has no class_type: the file is damaged or not in API format."
        problems.add(node_id, None, "class_type", "missing_node_type", message)
        return
    inputs = node.get("inputs")
    if not isinstance(inputs, dict):
        message = "it has no inputs object."
        problems.add(node_id, class_type, "inputs", "invalid_node", message)
    elif not all(isinstance(name, str) for name in inputs):
        message = "input names must be text."
        problems.add(node_id, class_type, "inputs", "invalid_node", message)
    elif _is_too_deep(node):
        message = f"its values are nested deeper than {MAX_DEPTH} levels."
        problems.add(node_id, class_type, "inputs", "too_deep", message)


def _is_too_deep(node: dict[str, Any]) -> bool:
    level: list[Any] = [value for value in node.values() if isinstance(value, (dict, list))]
    # The graph and the node are two levels already.
    for _ in range(MAX_DEPTH - 2):
        if not level:
            return False
        below: list[Any] = []
        for value in level:
            children = value.values() if isinstance(value, dict) else value
            below += [child for child in children if isinstance(child, (dict, list))]
        level = below
    return bool(level)
