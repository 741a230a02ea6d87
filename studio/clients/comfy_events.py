"""The WebSocket side of one engine: one socket, typed events, every job's frames on it."""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
import orjson

from studio.clients.comfy import ComfyClient, loads

log = logging.getLogger(__name__)

MAX_FRAME_BYTES: Final = 64 << 20
_STATES: Final = ('{"type": "progress_state"', '{"type":"progress_state"')
_PREVIEW, _PREVIEW_WITH_METADATA = 1, 4
_OTHER_KINDS: Final = (2, 3)
"""Raw pictures and progress texts, which nobody here reads."""
_IMAGE_TYPES: Final = {1: "image/jpeg", 2: "image/png"}


@dataclass(frozen=True, slots=True)
class EngineEvent:
    """One JSON frame: ComfyUI's ``type`` and ``data``."""

    type: str
    data: dict[str, Any]

    @property
    def prompt_id(self) -> str | None:
        value = self.data.get("prompt_id")
        return value if isinstance(value, str) else None


@dataclass(frozen=True, slots=True)
class PreviewFrame:
    """One binary preview; ``prompt_id`` and ``node_id`` are known only with metadata."""

    content_type: str
    data: bytes
    prompt_id: str | None = None
    node_id: str | None = None


class EngineSocket:
    """An open WebSocket to an engine under a client id of ours.

    An engine addresses a job's frames to the client id that submitted it, and a socket that closes
    late takes its successor's registration with it: so close the old socket, and wait for that,
    before opening a new one under the same id.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self.wants_states = False
        """Whether anybody needs ``progress_state``, large frames that mostly repeat the others."""
        self.dropped_frames = 0

    @classmethod
    async def open(cls, client: ComfyClient, client_id: str) -> EngineSocket:
        """Connect and introduce ourselves, so that previews carry their job's id.

        Raises:
            EngineUnreachable: no socket.
        """
        socket = await client.connect_socket(client_id, max_frame_bytes=MAX_FRAME_BYTES)
        await socket.send_str('{"type":"feature_flags","data":{"supports_preview_metadata":true}}')
        return cls(socket)

    async def read(self, receive: Callable[[EngineEvent | PreviewFrame], None]) -> None:
        """Hand every frame to ``receive`` until the socket closes."""
        while True:
            message = await self._socket.receive()
            try:
                if message.type is aiohttp.WSMsgType.TEXT:
                    if not self.wants_states and message.data.startswith(_STATES):
                        continue
                    event: EngineEvent | PreviewFrame | None = _event(message.data)
                elif message.type is aiohttp.WSMsgType.BINARY:
                    event = _preview(message.data)
                else:
                    break
                if event is not None:
                    receive(event)
            except _Unreadable:
                self._drop()
            except (AttributeError, KeyError, TypeError, ValueError):
                log.warning("an engine frame has unexpected content", exc_info=True)
                self._drop()

    async def close(self) -> None:
        await self._socket.close()

    def _drop(self) -> None:
        self.dropped_frames += 1
        log.warning("an engine frame is not understood; %d so far", self.dropped_frames)


def read_frame(frame: str | bytes) -> EngineEvent | PreviewFrame | None:
    """What a frame of an engine's says; ``None`` for one that nobody reads, or understands."""
    try:
        return _event(frame) if isinstance(frame, str) else _preview(frame)
    except _Unreadable:
        return None


class _Unreadable(Exception):
    """A frame is not what ComfyUI sends."""


def _event(text: str) -> EngineEvent:
    try:
        content = loads(text)
        kind, data = content["type"], content.get("data") or {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _Unreadable from error
    if not (isinstance(kind, str) and isinstance(data, dict)):
        raise _Unreadable
    return EngineEvent(kind, data)


def _preview(frame: bytes) -> PreviewFrame | None:
    try:
        (kind,) = struct.unpack_from(">I", frame)
        if kind == _PREVIEW:
            (image_type,) = struct.unpack_from(">I", frame, 4)
            return PreviewFrame(_IMAGE_TYPES.get(image_type, "image/jpeg"), frame[8:])
        if kind == _PREVIEW_WITH_METADATA:
            (length,) = struct.unpack_from(">I", frame, 4)
            metadata = orjson.loads(frame[8 : 8 + length])
            return PreviewFrame(
                metadata.get("image_type", "image/jpeg"),
                frame[8 + length :],
                metadata.get("prompt_id"),
                metadata.get("display_node_id") or metadata.get("node_id"),
            )
    except (struct.error, orjson.JSONDecodeError, AttributeError) as error:
        raise _Unreadable from error
    if kind in _OTHER_KINDS:
        return None
    raise _Unreadable
