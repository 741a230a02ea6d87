"""Decides in which order the nodes of a graph run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from studio.embedded.cache import is_link
from studio.embedded.declarations import NodeClass


class Schedule:
    """The nodes that still have to run for the wanted outputs.

    A node whose result is cached is left out together with all that only it needs, except
    outputs themselves.
    """

    def __init__(
        self,
        graph: Mapping[str, Any],
        registry: Mapping[str, NodeClass],
        is_cached: Callable[[str], bool],
    ) -> None:
        self._graph = graph
        self._registry = registry
        self._is_cached = is_cached
        self._waiting_for: dict[str, set[str]] = {}
        self._feeds: dict[str, set[str]] = {}

    def add(self, output: str) -> None:
        """Add an output node and all that it needs."""
        stack = [output]
        while stack:
            node_id = stack.pop()
            if node_id in self._waiting_for:
                continue
            sources = [source for source in self.sources(node_id) if not self._is_cached(source)]
            self._waiting_for[node_id] = set(sources)
            for source in sources:
                self._feeds.setdefault(source, set()).add(node_id)
            stack.extend(sources)

    def __bool__(self) -> bool:
        return bool(self._waiting_for)

    def sources(self, node_id: str) -> list[str]:
        """Return the ids of the nodes that a node's declared inputs link to."""
        node = self._graph[node_id]
        node_class = self._registry[node["class_type"]]
        return [
            value[0]
            for name, value in node["inputs"].items()
            if is_link(value) and node_class.input(name) is not None
        ]

    def pick(self) -> str:
        """Return the node to run next: whichever brings an output to the user soonest."""
        ready = [node_id for node_id, sources in self._waiting_for.items() if not sources]
        for distance in range(3):
            for node_id in ready:
                if self._reaches_output(node_id, distance):
                    return node_id
        return ready[0]

    def complete(self, node_id: str) -> None:
        """Take note that a node has run."""
        del self._waiting_for[node_id]
        for fed in self._feeds.pop(node_id, ()):
            self._waiting_for[fed].discard(node_id)

    def needed(self) -> set[str]:
        """Return the ids of the nodes whose values the remaining nodes read."""
        return {source for node_id in self._waiting_for for source in self.sources(node_id)}

    def _reaches_output(self, node_id: str, distance: int) -> bool:
        if distance == 0:
            return self._registry[self._graph[node_id]["class_type"]].output_node
        return any(self._reaches_output(fed, distance - 1) for fed in self._feeds.get(node_id, ()))
