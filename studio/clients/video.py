"""What videos and sounds are like, asked of a process that may fail without harm."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

log = logging.getLogger(__name__)

TIMEOUT_S: Final = 30.0
_PROCESS: Final = Path(__file__).with_name("video_process.py")
_DEMUXERS: Final = {
    "video/mp4": "mov",
    "video/quicktime": "mov",
    "video/webm": "matroska",
    "video/x-matroska": "matroska",
    "video/x-msvideo": "avi",
    "video/ogg": "ogg",
    "audio/mp4": "mov",
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/aac": "aac",
}
"""By what the bytes were found to be, never by a guess of the decoder's own: some of the formats
that it knows are lists of further files and addresses."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How large something is, and how long; ``None`` is unknown."""

    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None


class VideoReader:
    """Starts one process at a time, with nothing of Studio's environment."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def probe(self, path: Path, content_type: str) -> Extent:
        """What the headers of a video or sound say; nothing is known of one that is damaged."""
        answer = await self._ask("probe", path, content_type)
        return Extent() if answer is None else Extent(**json.loads(answer))

    async def frame(self, path: Path, content_type: str, side: int) -> bytes | None:
        """A frame of a video as WebP, at most ``side`` pixels a side; ``None`` without one."""
        return await self._ask("frame", path, content_type, str(side))

    async def _ask(self, mode: str, path: Path, content_type: str, *more: str) -> bytes | None:
        demuxer = _DEMUXERS.get(content_type.partition(";")[0])
        if demuxer is None:
            return None
        async with self._one_at_a_time:
            try:
                return await _run(mode, demuxer, str(path), *more)
            except OSError as error:
                log.warning("a video could not be looked at: %s", error)
                return None


async def _run(*arguments: str) -> bytes | None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        str(_PROCESS),
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer, _ = await process.communicate()
    except TimeoutError:
        return None
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    return answer if process.returncode == 0 else None
