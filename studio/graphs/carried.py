"""The workflows that a picture, a film or a sound carries."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from studio.graphs.carriers import films, pictures, sounds
from studio.graphs.carriers.limits import Source, Texts

__all__ = ["EmbeddedGraphs", "Source", "embedded_graphs"]


class EmbeddedGraphs(NamedTuple):
    """What a file carries; None for what it does not, or not as a JSON object."""

    prompt: dict[str, Any] | None = None
    """The graph in API format that made it."""
    workflow: dict[str, Any] | None = None
    """The same in the editor's own format."""


_READERS: Final[tuple[tuple[int, bytes, Callable[[Source], Texts]], ...]] = (
    (0, pictures.PNG, pictures.png),
    (8, b"WEBP", pictures.webp),
    (4, b"ftyp", films.mp4),
    (0, b"\x1a\x45\xdf\xa3", films.matroska),
    (0, b"fLaC", sounds.flac),
    (0, b"ID3", sounds.mp3),
)


def embedded_graphs(data: Source) -> EmbeddedGraphs:
    """The workflow and the prompt in the metadata of a file, whatever its name.

    PNG, WebP, MP4, WebM (Matroska), FLAC and MP3 are known. A file that is damaged, or of another
    kind, or that lies about its lengths, carries nothing.
    """
    for at, signature, read in _READERS:
        if data[at : at + len(signature)] == signature:
            return _graphs(read(data))
    return EmbeddedGraphs()


def _graphs(texts: Texts) -> EmbeddedGraphs:
    # Video nodes of well-known packages put both into one comment.
    comment = _object(texts.get("comment")) or {}
    prompt, workflow = (
        _object(texts.get(name)) or _object(comment.get(name)) for name in ("prompt", "workflow")
    )
    return EmbeddedGraphs(prompt, workflow)


def _object(value: object) -> dict[str, Any] | None:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, dict) else None
