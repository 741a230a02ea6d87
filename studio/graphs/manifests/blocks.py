"""Blocks: the pieces that the graph of a dynamic workflow is put together from.

A block is ``{"nodes": {...}, "imports": [names], "exports": {name: {"node", "output"}}}``. Its
nodes are in API format with ids of their own. Text values may hold ``{{expression}}``: alone it
becomes the value itself (an import becomes a link), within other text its text; ``\\{{`` is two
braces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import InvalidWorkflow, UnresolvedName
from studio.graphs.graph import Graph, is_link, is_number, parse
from studio.graphs.manifests.expressions import (
    Expression,
    ExpressionError,
    Scope,
    parse_expression,
)
from studio.graphs.problems import clip

MAX_NAMES: Final = 100
MAX_FILLED: Final = 16 * 1024 * 1024
"""Characters of all texts of one graph that expressions stand in."""
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
# No braces of either kind inside, so that a text of many that are never closed is read once.
_BRACES: Final = re.compile(r"\\\{\{|\{\{([^{}]*(?:(?:\{(?!\{)|\}(?!\}))[^{}]*)*)\}\}")
_OPEN: Final = "{{"
Link = list[Any]


@dataclass(frozen=True, slots=True)
class Block:
    """A block that was checked. ``names`` are those that its values use."""

    file: str
    nodes: Graph
    imports: tuple[str, ...]
    exports: Mapping[str, Link]
    names: frozenset[str]


class Room:
    """How many characters the texts of one graph may still take: a name can stand anywhere."""

    def __init__(self) -> None:
        self._left = MAX_FILLED

    def take(self, count: int) -> None:
        """Raises ``InvalidWorkflow`` once it is used up."""
        self._left -= count
        if self._left < 0:
            raise InvalidWorkflow("With these values the texts of the graph become too long.")


def read_block(file: str, data: object) -> Block:
    """The block in plain data.

    Raises:
        InvalidWorkflow: it is none; the message names the file and what is wrong in it.
    """
    if not isinstance(data, dict) or not data.keys() <= {"nodes", "imports", "exports"}:
        raise block_fault(file, "a block is an object of nodes, imports and exports")
    nodes = parse(data.get("nodes"))
    imports, exports = data.get("imports", []), data.get("exports", {})
    if not isinstance(imports, list) or len(imports) > MAX_NAMES:
        raise block_fault(file, f"imports must be a list of at most {MAX_NAMES} names")
    if not isinstance(exports, dict) or len(exports) > MAX_NAMES:
        raise block_fault(file, f"exports must be an object of at most {MAX_NAMES} names")
    for name in (*imports, *exports):
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise block_fault(file, f"“{clip(name, 60)}” is not a name")
    links = {name: _export(file, nodes, name, value) for name, value in exports.items()}
    names: set[str] = set()
    for node_id, node in nodes.items():
        for value in node["inputs"].values():
            if is_link(value) and value[0] not in nodes:
                raise block_fault(
                    file,
                    f"node {clip(node_id, 40)} is linked to {clip(value[0], 40)}, "
                    "which is not in the block",
                )
            for expression in _expressions(file, node_id, value):
                names |= expression.names
    return Block(file, nodes, tuple(imports), links, frozenset(names))


def fill_block(
    block: Block, prefix: str, scope: Scope, imports: Mapping[str, Link], room: Room
) -> Graph:
    """The block's nodes, named with ``prefix``, every expression replaced by its value.

    Raises:
        UnresolvedName: an expression has no value.
        InvalidWorkflow: there is no room for the texts.
    """
    filler = _Filler(block, prefix, scope, imports, room)
    return {
        prefix + node_id: {
            **node,
            "inputs": {
                name: filler.value(node_id, value) for name, value in node["inputs"].items()
            },
        }
        for node_id, node in block.nodes.items()
    }


def block_fault(file: str, message: str) -> InvalidWorkflow:
    """An ``InvalidWorkflow`` of one block."""
    return InvalidWorkflow(f"Block {clip(file, 80)}: {message}.", details={"block": file})


class _Filler:
    def __init__(
        self, block: Block, prefix: str, scope: Scope, imports: Mapping[str, Link], room: Room
    ) -> None:
        self._block = block
        self._room = room
        self._prefix = prefix
        self._scope = scope
        self._imports = imports

    def value(self, node_id: str, value: Any) -> Any:
        if is_link(value):
            return [self._prefix + value[0], value[1]]
        if isinstance(value, list):
            return [self.value(node_id, item) for item in value]
        if isinstance(value, dict):
            return {key: self.value(node_id, item) for key, item in value.items()}
        if not isinstance(value, str) or _OPEN not in value:
            return value
        whole = _BRACES.fullmatch(value)
        if whole is not None and whole[1] is not None:
            return self._resolve(node_id, whole[1])
        return _BRACES.sub(lambda match: self._text(node_id, match), value)

    def _resolve(self, node_id: str, text: str) -> Any:
        name = text.strip()
        if name in self._imports:
            return list(self._imports[name])
        try:
            value = parse_expression(text).value(self._scope)
        except ExpressionError as error:
            raise self._unresolved(node_id, text, str(error)) from error
        if value is None:
            raise self._unresolved(node_id, text, "it has no value")
        return value

    def _text(self, node_id: str, match: re.Match[str]) -> str:
        if match[1] is None:
            return _OPEN
        value = self._resolve(node_id, match[1])
        if is_number(value):
            return f"{value:g}" if isinstance(value, float) else str(value)
        if not isinstance(value, str):
            raise self._unresolved(node_id, match[1], "only text and numbers go into a text")
        self._room.take(len(value))
        return value

    def _unresolved(self, node_id: str, text: str, why: str) -> UnresolvedName:
        shown = clip(text.strip(), 80)
        return UnresolvedName(
            f"Block {clip(self._block.file, 80)}, node {clip(node_id, 40)}: “{shown}”: {why}.",
            details={"block": self._block.file, "node": node_id, "name": shown},
        )


def _export(file: str, nodes: Graph, name: str, value: object) -> Link:
    if not isinstance(value, dict) or value.keys() != {"node", "output"}:
        raise block_fault(file, f"the export {name} needs a node and an output")
    node, output = value["node"], value["output"]
    if node not in nodes or type(output) is not int or output < 0:
        raise block_fault(file, f"the export {name} is of {clip(node, 40)}, which is not there")
    return [node, output]


def _expressions(file: str, node_id: str, value: Any) -> Iterator[Expression]:
    """Every expression in a value; parse() has bounded how deep it is."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _expressions(file, node_id, item)
    elif isinstance(value, list):
        for item in value:
            yield from _expressions(file, node_id, item)
    elif isinstance(value, str):
        if _OPEN in _BRACES.sub("", value):
            raise block_fault(file, f"node {clip(node_id, 40)}: “{{{{” is never closed by “}}}}”")
        for match in _BRACES.finditer(value):
            if match[1] is None:
                continue
            try:
                yield parse_expression(match[1])
            except ExpressionError as error:
                message = f"node {clip(node_id, 40)}: “{clip(match[1].strip(), 60)}”: {error}"
                raise block_fault(file, message) from error
