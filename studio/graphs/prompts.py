"""The human text of a graph, for search: what was asked for, not how."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from studio.graphs.declarations import Declaration, ObjectInfo
from studio.graphs.graph import Graph, is_link

MAX_LENGTH: Final = 10_000

_PROMPT_INPUTS: Final = frozenset(
    {
        "caption",
        "clip_g",
        "clip_l",
        "llama",
        "lyrics",
        "negative",
        "negative_prompt",
        "positive",
        "positive_prompt",
        "prompt",
        "prompt_text",
        "t5xxl",
        "tags",
        "text",
        "text_g",
        "text_l",
        "text_prompt",
        "user_prompt",
    }
)
_NOT_PROSE: Final = frozenset(
    {
        "delimiter",
        "expression",
        "filename_prefix",
        "find",
        "fragment_shader",
        "json_string",
        "prefix",
        "regex_pattern",
        "replace",
        "substring",
        "system_prompt",
        "tracks",
    }
)
_TEXT_SOURCES: Final = ("Primitive", "String", "Text")
_TEXT_VALUES: Final = frozenset({"value", "string", "text", "string_a", "string_b"})

Declared = Mapping[str, Mapping[str, Declaration]]


def prompt_text(graph: Graph, info: ObjectInfo | None, declared: Declared) -> str:
    """The distinct texts of a graph, one a line, positive before negative, at most 10,000 chars.

    ``declared`` has the declarations by node id and input name for the classes that ``info``
    knows.
    """
    return "\n".join(itertools.chain(*prompt_texts(graph, info, declared)))[:MAX_LENGTH]


def prompt_texts(
    graph: Graph, info: ObjectInfo | None, declared: Declared
) -> tuple[list[str], list[str]]:
    """The distinct texts of a graph that say what is wanted, and those that say what is not."""
    wanted: dict[str, None] = {}
    unwanted: dict[str, None] = {}
    seen_wanted: set[str] = set()
    seen_unwanted: set[str] = set()
    negative = _upstream(graph, "negative") - _upstream(graph, "positive")
    for node_id, node in graph.items():
        for name, value in node["inputs"].items():
            if not isinstance(value, (str, list)):
                continue
            last = name.rpartition(".")[2]
            if not _is_prompt(last, declared.get(node_id), name):
                continue
            is_unwanted = node_id in negative or last.startswith("negative")
            target = unwanted if is_unwanted else wanted
            if isinstance(value, str):
                target[value.strip()] = None
            elif is_link(value):
                seen = seen_unwanted if is_unwanted else seen_wanted
                target |= dict.fromkeys(_texts_behind(graph, info, declared, value, seen))
    return (
        [text for text in wanted if text],
        [text for text in unwanted if text and text not in wanted],
    )


def _is_prompt(last: str, declarations: Mapping[str, Declaration] | None, name: str) -> bool:
    if last in _NOT_PROSE:
        return False
    declaration = declarations.get(name) if declarations is not None else None
    if declaration is None:
        return last in _PROMPT_INPUTS
    is_text = declaration.type == "STRING"
    return is_text and (last in _PROMPT_INPUTS or bool(declaration.options.get("multiline")))


def _texts_behind(
    graph: Graph,
    info: ObjectInfo | None,
    declared: Declared,
    link: list[object],
    seen: set[str],
) -> Iterator[str]:
    """The literals that a chain of primitive and string nodes hands to a linked text input.

    ``seen`` are the nodes whose texts are known already; it grows, so that each node is read
    once however many inputs lead to it.
    """
    pending = [link]
    while pending:
        source, index = pending.pop()
        if not isinstance(source, str) or source in seen or source not in graph:
            continue
        seen.add(source)
        if not _gives_text(graph[source]["class_type"], info, index):
            continue
        declarations = declared.get(source)
        links = []
        for name, value in graph[source]["inputs"].items():
            if name.rpartition(".")[2] in _NOT_PROSE:
                continue
            if is_link(value):
                links.append(value)
            elif isinstance(value, str) and _is_text_value(name, declarations):
                yield value.strip()
        pending += reversed(links)


def _gives_text(class_type: str, info: ObjectInfo | None, index: object) -> bool:
    class_info = info.get(class_type) if info is not None else None
    if not isinstance(class_info, dict):
        return class_type.startswith(_TEXT_SOURCES)
    outputs = class_info.get("output")
    if not isinstance(outputs, list) or not isinstance(index, int):
        return False
    return 0 <= index < len(outputs) and outputs[index] in ("STRING", "*")


def _is_text_value(name: str, declarations: Mapping[str, Declaration] | None) -> bool:
    if declarations is None:
        return name in _TEXT_VALUES
    declaration = declarations.get(name)
    return declaration is not None and declaration.type == "STRING"


def _upstream(graph: Graph, side: str) -> set[str]:
    """The nodes that feed inputs of one side, without crossing to the other side."""
    other = "positive" if side == "negative" else "negative"
    pending = [
        value[0]
        for node in graph.values()
        for name, value in node["inputs"].items()
        if name.startswith(side) and is_link(value)
    ]
    reached: set[str] = set()
    while pending:
        node_id = pending.pop()
        if node_id in reached or node_id not in graph:
            continue
        reached.add(node_id)
        pending += _links(graph[node_id]["inputs"].items(), other)
    return reached


def _links(inputs: Iterable[tuple[str, object]], without: str) -> Iterator[str]:
    for name, value in inputs:
        if isinstance(value, list) and is_link(value) and not name.startswith(without):
            yield value[0]
