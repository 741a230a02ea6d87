"""Saying that the embedded engine paints a placeholder and is no model."""

from __future__ import annotations

import os
from typing import Final

from studio.cli.screen import Screen
from studio.cli.session import Session
from studio.graphs.graph import Graph

_EMBEDDED: Final = "embedded"
_PAINTERS: Final = frozenset({"KSampler", "KSamplerAdvanced"})
"""What the embedded engine only pretends to do."""


async def tell_placeholder(session: Session, graph: Graph, screen: Screen) -> None:
    """Say it when ``graph`` paints and no engine but the embedded one is there."""
    if not any(node["class_type"] in _PAINTERS for node in graph.values()):
        return
    _, body = await session.client.ready()
    engines = body.get("engines")
    if isinstance(engines, dict) and list(engines) == [_EMBEDDED]:
        searched = session.private and os.environ.get("STUDIO_ENGINE", "auto") in ("", "auto")
        screen.say(
            f"{'No ComfyUI found: the' if searched else 'The'} embedded engine paints a "
            "placeholder, it is not a model."
        )
