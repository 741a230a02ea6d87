"""Whether an engine would run a graph, judged from its ``/object_info`` alone.

The verdicts are ComfyUI's, except that one invalid output node makes the whole graph invalid
(ComfyUI runs the rest and drops it silently). What cannot be judged from ``/object_info`` is left
to the engine: a false refusal would be worse than a late one.
"""

from __future__ import annotations

from typing import Any, Final

from studio.graphs.declarations import (
    DYNAMIC_PREFIX,
    Declaration,
    ObjectInfo,
    declared_inputs,
)
from studio.graphs.graph import Graph, is_link, title_of
from studio.graphs.problems import Problems, clip
from studio.graphs.suggestions import Suggestions
from studio.graphs.values import ValueChecker

_MAX_CYCLES: Final = 10
_MAX_CYCLE_SHOWN: Final = 20
_OPEN_LINKS: Final = {"TripoConversionNode"}
"""Classes that judge the types of their links themselves."""


def validate(graph: Graph, info: ObjectInfo) -> None:
    """Checks a parsed graph against what the engine offers.

    Classes are checked everywhere; links and values only where an output node depends on them,
    as in the engine. File-valued inputs are not compared with the engine's lists.

    Raises:
        InvalidWorkflow: with every problem in ``details["node_errors"]``, the reasons in
            ComfyUI's own words plus ``missing_model`` (which has ``installed`` and ``closest``),
            and the distinct reasons in ``details["error_types"]``.
    """
    _Validation(graph, info).run()


class _Validation:
    def __init__(self, graph: Graph, info: ObjectInfo) -> None:
        self._graph = graph
        self._info = info
        self._problems = Problems()
        self._suggestions = Suggestions()
        self._values = ValueChecker(self._problems, self._suggestions)
        self._cycles = 0

    def run(self) -> None:
        outputs = []
        for node_id, node in self._graph.items():
            class_info = self._info.get(node["class_type"])
            if not isinstance(class_info, dict):
                self._report_class(node_id, node)
            elif class_info.get("output_node"):
                outputs.append(node_id)
        if not outputs and not self._problems:
            self._problems.add_for_graph(
                "prompt_no_outputs",
                "The workflow has no output node, such as Save Image: nothing would be kept.",
            )
        done: set[str] = set()
        for node_id in outputs:
            self._walk(node_id, done)
        self._problems.raise_if_any()

    def _walk(self, start: str, done: set[str]) -> None:
        """Depth first without recursion: a chain may be thousands of nodes long."""
        if start in done:
            return
        done.add(start)
        path: dict[str, None] = {start: None}
        stack = [(start, iter(self._check_node(start)))]
        while stack:
            node_id, upstream = stack[-1]
            for source in upstream:
                if source in path:
                    self._report_cycle(path, source)
                elif source not in done:
                    done.add(source)
                    path[source] = None
                    stack.append((source, iter(self._check_node(source))))
                    break
            else:
                stack.pop()
                del path[node_id]

    def _check_node(self, node_id: str) -> list[str]:
        """Checks one node's inputs and returns the nodes it depends on."""
        node = self._graph[node_id]
        class_type, inputs = node["class_type"], node["inputs"]
        class_info = self._info.get(class_type)
        if not isinstance(class_info, dict):
            return [value[0] for value in inputs.values() if self._leads_somewhere(value)]
        upstream = []
        for declared in declared_inputs(class_info, inputs):
            name = declared.name
            if name not in inputs:
                message = f"{name} is required and missing."
                self._problems.add(node_id, class_type, name, "required_input_missing", message)
                continue
            value = inputs[name]
            if isinstance(value, list):
                if self._check_link(node_id, class_type, declared, value):
                    upstream.append(value[0])
            else:
                self._values.check(node_id, class_type, class_info, declared, value)
        return upstream

    def _leads_somewhere(self, value: object) -> bool:
        return is_link(value) and isinstance(value, list) and value[0] in self._graph

    def _check_link(
        self, node_id: str, class_type: str, declared: Declaration, link: list[Any]
    ) -> bool:
        """Whether the link leads to a node, with its problems reported."""
        name = declared.name

        def refuse(reason: str, message: str) -> None:
            self._problems.add(node_id, class_type, name, reason, message)

        if len(link) != 2 or not isinstance(link[0], str) or not isinstance(link[1], int):
            refuse(
                "bad_linked_input",
                f"{name} is a list, but not a link [node id, output number]. "
                'A list as a value is written {"__value__": [...]}.',
            )
            return False
        source, index = link
        if source not in self._graph:
            refuse(
                "bad_linked_input",
                f"{name} is linked to node {clip(source, 40)}, which is not there.",
            )
            return False
        source_class = self._graph[source]["class_type"]
        source_info = self._info.get(source_class)
        if not isinstance(source_info, dict):
            return True
        outputs = source_info.get("output")
        if not isinstance(outputs, list):
            return True
        if not -len(outputs) <= index < len(outputs):
            refuse(
                "bad_linked_input",
                f"{name} is linked to output {clip(index, 20)} of node {clip(source, 40)} "
                f"({source_class}), which has {len(outputs)}.",
            )
        elif class_type not in _OPEN_LINKS and not _fits(outputs[index], declared.type):
            refuse(
                "return_type_mismatch",
                f"{name} takes {_type_name(declared.type)}, but output {index} of node "
                f"{clip(source, 40)} ({source_class}) gives {_type_name(outputs[index])}.",
            )
        return True

    def _report_class(self, node_id: str, node: dict[str, Any]) -> None:
        class_type = node["class_type"]
        closest = self._suggestions.closest(class_type, self._info, "class")
        message = f"the engine has no node class {clip(class_type)}"
        title = title_of(node)
        if title and title != class_type:
            message += f" (“{clip(title, 60)}”)"
        message += "; a custom node may not be installed."
        if closest:
            message += f" Closest: {', '.join(closest)}."
        self._problems.add(
            node_id, class_type, "class_type", "missing_node_type", message, closest=closest
        )

    def _report_cycle(self, path: dict[str, None], source: str) -> None:
        self._cycles += 1
        if self._cycles > _MAX_CYCLES:
            return
        walked = list(path)
        cycle = walked[walked.index(source) :]
        shown = [*cycle[:_MAX_CYCLE_SHOWN], *(["…"] if len(cycle) > _MAX_CYCLE_SHOWN else [])]
        route = " -> ".join(clip(node_id, 40) for node_id in [*shown, source])
        for node_id in cycle:
            self._problems.add(
                node_id,
                self._graph[node_id]["class_type"],
                None,
                "dependency_cycle",
                f"it depends on itself: {route}.",
            )


def _fits(received: object, wanted: str | list[Any]) -> bool:
    """Whether an output of one type may be linked to an input of another."""
    if received == wanted:
        return True
    if isinstance(received, str) and (received == "*" or received.startswith(DYNAMIC_PREFIX)):
        return True
    if isinstance(wanted, str) and (wanted == "*" or wanted.startswith(DYNAMIC_PREFIX)):
        return True
    if isinstance(received, list) and wanted == "COMBO":
        return True
    if not isinstance(received, str) or not isinstance(wanted, str):
        return False
    offered = {part.strip() for part in received.split(",")}
    accepted = {part.strip() for part in wanted.split(",")}
    return "*" in offered or "*" in accepted or not offered.isdisjoint(accepted)


def _type_name(declared: object) -> str:
    return "one of a list" if isinstance(declared, list) else clip(declared, 60)
