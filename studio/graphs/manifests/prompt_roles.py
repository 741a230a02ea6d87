"""Which text of a graph is the prompt, and which says what should not be there."""

from __future__ import annotations

from collections import deque
from typing import Final

from studio.graphs.graph import Graph, is_link

_OTHER_WAYS: Final = frozenset(
    {"model", "clip", "vae", "latent_image", "samples", "image", "pixels", "control_net"}
)


def prompt_roles(graph: Graph) -> dict[str, str]:
    """``positive`` or ``negative`` for every node that feeds an input of that name alone."""
    reached: dict[str, set[str]] = {}
    for role in ("positive", "negative"):
        starts = [
            node["inputs"][role][0] for node in graph.values() if is_link(node["inputs"].get(role))
        ]
        waiting, seen = deque(starts), set(starts)
        while waiting:
            node_id = waiting.popleft()
            node = graph.get(node_id)
            if node is None:
                continue
            reached.setdefault(node_id, set()).add(role)
            for name, value in node["inputs"].items():
                # What passes both on keeps them apart by name; models and latents are not prompts.
                if not is_link(value) or value[0] in seen or name in _OTHER_WAYS:
                    continue
                if name in ("positive", "negative") and name != role:
                    continue
                seen.add(value[0])
                waiting.append(value[0])
    return {node_id: next(iter(roles)) for node_id, roles in reached.items() if len(roles) == 1}
