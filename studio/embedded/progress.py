"""How far the nodes of the running prompt are, and the events that say so."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, ImageOps

from studio.embedded.context import Interruption
from studio.embedded.sockets import Hub

_PREVIEW_SIDE = 512
_PREVIEW_QUALITY = 95


class Progress:
    """The progress of one prompt."""

    def __init__(
        self, hub: Hub, interruption: Interruption, prompt_id: str, client_id: str | None
    ) -> None:
        self._hub = hub
        self._interruption = interruption
        self._prompt_id = prompt_id
        self._client_id = client_id
        self._nodes: dict[str, dict[str, Any]] = {}

    def start(self, node_id: str) -> None:
        """Say that a node begins."""
        self._set(node_id, "running", 0.0, 1.0)

    def finish(self, node_id: str) -> None:
        """Say that a node is done."""
        maximum = self._nodes.get(node_id, {}).get("max", 1)
        self._set(node_id, "finished", maximum, maximum)

    def report(self, node_id: str, value: int, total: int, preview: Image.Image | None) -> None:
        """Say how far a node is. Raises Interrupted when the prompt was told to stop."""
        self._interruption.check()
        jpeg = _encode(preview) if preview is not None else None
        with_metadata = self._hub.wants_metadata(self._client_id)
        self._set(node_id, "running", value, total)
        if jpeg is not None and with_metadata:
            self._hub.publish_preview(jpeg, self._identity(node_id), self._client_id)
        progress = {"value": value, "max": total, "prompt_id": self._prompt_id, "node": node_id}
        self._hub.publish("progress", progress, self._client_id)
        if jpeg is not None and not with_metadata:
            self._hub.publish_preview(jpeg, None, self._client_id)

    def _set(self, node_id: str, state: str, value: float, maximum: float) -> None:
        self._nodes[node_id] = {
            "value": value,
            "max": maximum,
            "state": state,
            **self._identity(node_id),
        }
        data = {"prompt_id": self._prompt_id, "nodes": self._nodes}
        self._hub.publish("progress_state", data, self._client_id)

    def _identity(self, node_id: str) -> dict[str, Any]:
        return {
            "node_id": node_id,
            "prompt_id": self._prompt_id,
            "display_node_id": node_id,
            "parent_node_id": None,
            "real_node_id": node_id,
        }


def _encode(preview: Image.Image) -> bytes:
    fitted = ImageOps.contain(preview, (_PREVIEW_SIDE, _PREVIEW_SIDE), Image.Resampling.BILINEAR)
    buffer = BytesIO()
    fitted.save(buffer, format="JPEG", quality=_PREVIEW_QUALITY)
    return buffer.getvalue()
