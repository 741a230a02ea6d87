"""The models that a saved workflow says it needs: each node may list name, URL, folder and hash."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

MAX_DEPTH: Final = 8
MAX_URL: Final = 2000
_FOLDER: Final = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?:/[A-Za-z0-9][A-Za-z0-9_-]{0,63}){0,3}"
)
_SHA256: Final = re.compile(r"[0-9a-fA-F]{64}")


def declared_models(ui: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """By file name: ``url``, ``directory`` and ``sha256``, as far as a file says them rightly."""
    found: dict[str, dict[str, str]] = {}
    for node in _nodes(ui, MAX_DEPTH):
        properties = node.get("properties")
        models = properties.get("models") if isinstance(properties, dict) else None
        for model in models if isinstance(models, list) else ():
            if isinstance(model, dict) and isinstance(model.get("name"), str):
                found.setdefault(model["name"], {}).update(_facts(model))
    return found


def _facts(model: Mapping[str, Any]) -> dict[str, str]:
    url, directory, digest = model.get("url"), model.get("directory"), model.get("hash")
    facts = {}
    if isinstance(url, str) and url.startswith("https://") and len(url) <= MAX_URL:
        facts["url"] = url
    if isinstance(directory, str) and _FOLDER.fullmatch(directory):
        facts["directory"] = directory
    kind = str(model.get("hash_type", "SHA256")).upper()
    if isinstance(digest, str) and kind == "SHA256" and _SHA256.fullmatch(digest):
        facts["sha256"] = digest.lower()
    return facts


def _nodes(ui: Mapping[str, Any], depth: int) -> Iterator[dict[str, Any]]:
    nodes = ui.get("nodes")
    for node in nodes if isinstance(nodes, list) else ():
        if isinstance(node, dict):
            yield node
    definitions = ui.get("definitions")
    subgraphs = definitions.get("subgraphs") if isinstance(definitions, dict) else None
    for subgraph in subgraphs if isinstance(subgraphs, list) and depth else ():
        if isinstance(subgraph, dict):
            yield from _nodes(subgraph, depth - 1)
