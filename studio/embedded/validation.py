"""Checks a graph before it is queued, and words the refusal as ComfyUI does."""

from __future__ import annotations

import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from studio.embedded.declarations import NodeClass
from studio.embedded.folders import Folders

Graph = dict[str, Any]
Problem = dict[str, Any]

MALFORMED = (
    AttributeError,
    IndexError,
    KeyError,
    RecursionError,
    TypeError,
    ValueError,
)
_LONG_LIST = 20
_CASTS: dict[str, type] = {"INT": int, "FLOAT": float, "STRING": str, "BOOLEAN": bool}


@dataclass(frozen=True)
class Verdict:
    """What validation found: the outputs that can run, and what is wrong with the others.

    ``error`` is set when nothing can run.
    """

    outputs: list[str] = field(default_factory=list)
    error: Problem | None = None
    node_errors: dict[str, Any] = field(default_factory=dict)


def validate(
    graph: Graph,
    registry: Mapping[str, NodeClass],
    folders: Folders,
    targets: Iterable[str] | None = None,
) -> Verdict:
    """Check a graph in API format and convert its plain values to the declared types in place.

    ``targets`` limits the output nodes that count. Raises one of MALFORMED for a graph that is
    not shaped like a graph at all.
    """
    outputs = []
    for node_id, node in graph.items():
        if "class_type" not in node:
            return Verdict(error=_unknown_class(node_id, node, None))
        if node["class_type"] not in registry:
            return Verdict(error=_unknown_class(node_id, node, node["class_type"]))
        if registry[node["class_type"]].output_node and (targets is None or node_id in targets):
            outputs.append(node_id)
    if not outputs:
        return Verdict(error=_problem("prompt_no_outputs", "Prompt has no outputs", ""))
    return _Check(graph, registry, folders).judge(outputs)


def _unknown_class(node_id: str, node: Mapping[str, Any], class_type: str | None) -> Problem:
    title = node.get("_meta", {}).get("title", class_type)
    if class_type is None:
        message = (
            f"Node '{title or f'ID #{node_id}'}' has no class_type. "
            "The workflow may be corrupted or a custom node is missing."
        )
    else:
        message = f"Node '{title}' not found. The custom node may not be installed."
    extra = {"node_id": node_id, "class_type": class_type, "node_title": title}
    return _problem("missing_node_type", message, f"Node ID '#{node_id}'", extra)


def _problem(
    kind: str, message: str, details: str, extra_info: dict[str, Any] | None = None
) -> Problem:
    return {
        "type": kind,
        "message": message,
        "details": details,
        "extra_info": extra_info or {},
    }


@dataclass
class _Finding:
    valid: bool
    problems: list[Problem]


class _Check:
    """One validation of one graph."""

    def __init__(self, graph: Graph, registry: Mapping[str, NodeClass], folders: Folders) -> None:
        self._graph = graph
        self._registry = registry
        self._folders = folders
        self._findings: dict[str, _Finding] = {}

    def judge(self, outputs: list[str]) -> Verdict:
        good: list[str] = []
        failures: list[Problem] = []
        node_errors: dict[str, Any] = {}
        for output in outputs:
            try:
                finding = self._examine(output, [])
            except MALFORMED as failure:
                finding = _Finding(False, [_exception_problem(failure)])
                self._findings[output] = finding
            if finding.valid:
                good.append(output)
                continue
            failures += finding.problems
            self._blame(output, node_errors)
        if good:
            return Verdict(good, None, node_errors)
        details = "\n".join(f"{each['message']}: {each['details']}" for each in failures)
        error = _problem(
            "prompt_outputs_failed_validation", "Prompt outputs failed validation", details
        )
        return Verdict([], error, node_errors)

    def _blame(self, output: str, node_errors: dict[str, Any]) -> None:
        """List every node that is known to be wrong, as standing in the way of ``output``.

        ComfyUI lists the nodes found wrong for an earlier output again for each later one.
        """
        for node_id, finding in self._findings.items():
            if finding.valid or not finding.problems:
                continue
            entry = node_errors.setdefault(
                node_id,
                {
                    "errors": finding.problems,
                    "dependent_outputs": [],
                    "class_type": self._graph[node_id]["class_type"],
                },
            )
            entry["dependent_outputs"].append(output)

    def _examine(self, node_id: str, path: list[str]) -> _Finding:
        if node_id in self._findings:
            return self._findings[node_id]
        if node_id in path:
            return self._report_cycle([*path[path.index(node_id) :], node_id])
        node = self._graph[node_id]
        inputs, node_class = node["inputs"], self._registry[node["class_type"]]
        problems: list[Problem] = []
        valid = True
        for declared in node_class.inputs:
            if declared.name not in inputs:
                if not declared.optional:
                    problems.append(_missing(declared.name))
                continue
            spec = node_class.spec(declared, self._folders)
            value = inputs[declared.name]
            if isinstance(value, list):
                valid &= self._examine_link(node_id, declared.name, spec, path, problems)
            else:
                skip_range = declared.name in node_class.checked
                problem = _convert(inputs, declared.name, spec) or (
                    None
                    if skip_range
                    else _out_of_range(inputs[declared.name], declared.name, spec)
                )
                if problem is not None:
                    problems.append(problem)
        problems += self._run_check(node_class, inputs)
        earlier = self._findings.get(node_id, _Finding(True, []))
        finding = _Finding(
            earlier.valid and valid and not problems,
            earlier.problems + [each for each in problems if each not in earlier.problems],
        )
        self._findings[node_id] = finding
        return finding

    def _report_cycle(self, cycle: list[str]) -> _Finding:
        nodes = list(dict.fromkeys(cycle))
        details = " -> ".join(f"{each} ({self._graph[each]['class_type']})" for each in cycle)
        for node_id in nodes:
            extra = {"node_id": node_id, "cycle_nodes": nodes}
            problem = _problem("dependency_cycle", "Dependency cycle detected", details, extra)
            self._findings[node_id] = _Finding(False, [problem])
        return self._findings[cycle[0]]

    def _examine_link(
        self,
        node_id: str,
        name: str,
        spec: tuple[Any, dict[str, Any]],
        path: list[str],
        problems: list[Problem],
    ) -> bool:
        """Follow a link; add its own problems to ``problems`` and return whether it leads well."""
        link = self._graph[node_id]["inputs"][name]
        if len(link) != 2:
            message = "Bad linked input, must be a length-2 list of [node_id, slot_index]"
            problems.append(_input_problem("bad_linked_input", message, name, name, spec, link))
            return True
        source = self._graph[link[0]]
        received = self._registry[source["class_type"]].outputs[link[1]]
        if not _fits(received, spec[0]):
            details = f"{name}, received_type({received}) mismatch input_type({spec[0]})"
            extra = {
                "input_name": name,
                "input_config": spec,
                "received_type": received,
                "linked_node": link,
            }
            message = "Return type mismatch between linked nodes"
            problems.append(_problem("return_type_mismatch", message, details, extra))
            return True
        try:
            return self._examine(link[0], [*path, node_id]).valid
        except MALFORMED as error:
            extra = {"input_name": name, "input_config": spec, "linked_node": link}
            problem = _exception_problem(error, inner=extra)
            self._findings[link[0]] = _Finding(False, [problem])
            return False

    def _run_check(self, node_class: NodeClass, inputs: dict[str, Any]) -> list[Problem]:
        if node_class.check is None:
            return []
        values = {
            name: None if isinstance(inputs[name], list) else inputs[name]
            for name in node_class.checked
            if name in inputs
        }
        answer = node_class.check(self._folders, **values)
        if answer is True:
            return []
        reason = "" if answer is False else f" - {answer}"
        message = "Custom validation failed for node"
        return [
            _problem("custom_validation_failed", message, f"{name}{reason}", {"input_name": name})
            for name in values
        ]


def _fits(received: str, wanted: Any) -> bool:
    if received == wanted or "*" in (received, wanted):
        return True
    if not isinstance(wanted, str):
        return False
    return bool({each.strip() for each in received.split(",")} & set(wanted.split(",")))


def _convert(inputs: dict[str, Any], name: str, spec: tuple[Any, dict[str, Any]]) -> Problem | None:
    value = inputs[name]
    if isinstance(value, dict) and "__value__" in value:
        value = inputs[name] = value["__value__"]
    cast = _CASTS.get(spec[0]) if isinstance(spec[0], str) else None
    if cast is None:
        return None
    try:
        inputs[name] = cast(value)
    except (TypeError, ValueError, OverflowError) as error:
        message = f"Failed to convert an input value to a {spec[0]} value"
        problem = _input_problem(
            "invalid_input_type", message, f"{name}, {value}, {error}", name, spec, value
        )
        problem["extra_info"]["exception_message"] = str(error)
        return problem
    return None


def _out_of_range(value: Any, name: str, spec: tuple[Any, dict[str, Any]]) -> Problem | None:
    kind, options = spec
    if "min" in options and value < options["min"]:
        message = f"Value {value} smaller than min of {options['min']}"
        return _input_problem("value_smaller_than_min", message, name, name, spec, value)
    if "max" in options and value > options["max"]:
        message = f"Value {value} bigger than max of {options['max']}"
        return _input_problem("value_bigger_than_max", message, name, name, spec, value)
    if isinstance(kind, list) or kind == "COMBO":
        allowed = kind if isinstance(kind, list) else options.get("options", [])
        if value not in allowed:
            long = len(allowed) > _LONG_LIST
            listed = f"(list of length {len(allowed)})" if long else str(allowed)
            details = f"{name}: {value!r} not in {listed}"
            config = None if long else spec
            return _input_problem(
                "value_not_in_list", "Value not in list", details, name, config, value
            )
    return None


def _missing(name: str) -> Problem:
    message = "Required input is missing"
    return _problem("required_input_missing", message, name, {"input_name": name})


def _input_problem(
    kind: str, message: str, details: str, name: str, config: Any, value: Any
) -> Problem:
    extra = {"input_name": name, "input_config": config, "received_value": value}
    return _problem(kind, message, details, extra)


def _exception_problem(error: BaseException, inner: dict[str, Any] | None = None) -> Problem:
    extra = {
        "exception_type": type(error).__qualname__,
        "traceback": traceback.format_tb(error.__traceback__),
    }
    if inner is None:
        message = "Exception when validating node"
        return _problem("exception_during_validation", message, str(error), extra)
    message = "Exception when validating inner node"
    extra = inner | {"exception_message": str(error)} | extra
    return _problem("exception_during_inner_validation", message, str(error), extra)
