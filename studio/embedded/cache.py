"""Remembers what nodes yielded, so that an unchanged part of a graph does not run again."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from studio.embedded.declarations import NodeClass
from studio.embedded.folders import Folders


@dataclass(frozen=True)
class Entry:
    """What a node yielded: its values, and what clients were shown under which node's id."""

    values: tuple[Any, ...]
    shown: Mapping[str, Any] | None


class Cache:
    """Entries by key. A key says what would be computed, not which node asked."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def get(self, key: str) -> Entry | None:
        """Return the entry of that key."""
        return self._entries.get(key)

    def put(self, key: str, entry: Entry) -> None:
        """Remember an entry."""
        self._entries[key] = entry

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget every entry whose key is not among ``keys``."""
        for key in [key for key in self._entries if key not in keys]:
            del self._entries[key]

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())


def is_link(value: Any) -> bool:
    """Say whether an input's value is a link ``[node_id, slot]``."""
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and isinstance(value[1], (int, float))
    )


def compute_keys(
    graph: Mapping[str, Any], registry: Mapping[str, NodeClass], folders: Folders
) -> dict[str, str]:
    """Return the cache key of every node.

    A key covers the class, all inputs (unknown ones too), everything upstream, and the content
    of files that are read. Node ids do not count. A node that depends on something missing or
    on itself gets a key that is never seen again.
    """
    keys: dict[str, str] = {}
    open_ids: set[str] = set()

    def key_of(node_id: str) -> str:
        if node_id in keys:
            return keys[node_id]
        node = graph.get(node_id)
        if node is None or node_id in open_ids:
            return uuid.uuid4().hex
        open_ids.add(node_id)
        inputs = node.get("inputs", {})
        parts = [
            [name, "link", key_of(value[0]), value[1]] if is_link(value) else [name, value]
            for name, value in sorted(inputs.items())
        ]
        mark = _fingerprint(registry[node["class_type"]], inputs, folders)
        signature = json.dumps([node["class_type"], mark, parts], sort_keys=True)
        keys[node_id] = hashlib.sha256(signature.encode()).hexdigest()
        open_ids.discard(node_id)
        return keys[node_id]

    for node_id in graph:
        key_of(node_id)
    return keys


def _fingerprint(node_class: NodeClass, inputs: Mapping[str, Any], folders: Folders) -> str:
    if node_class.fingerprint is None:
        return ""
    try:
        return node_class.fingerprint(folders, **inputs)
    except (AttributeError, OSError, TypeError, ValueError):
        return uuid.uuid4().hex
