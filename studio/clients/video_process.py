"""One look into a video or sound, as a process of its own: ``probe`` or ``frame``.

Decoders are a million lines of C that untrusted bytes reach. Here they may crash, hang or ask for
all memory: that ends this process, and nobody else notices. It imports nothing of Studio and is
started by its path.
"""

from __future__ import annotations

import io
import json
import resource
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import av
from PIL import Image

MEMORY_BYTES: Final = 3 * 1024**3
CPU_S: Final = 30
MAX_PIXELS: Final = 64 * 1024 * 1024
_MICROSECONDS: Final = 1_000_000
_QUALITY: Final = 80
_NOT_THE_START: Final = 0.1
"""How far into a video its poster is: many begin with black."""


def main(arguments: Sequence[str]) -> int:
    """``probe FORMAT PATH`` writes JSON, ``frame FORMAT PATH SIDE`` a WebP picture."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    mode, demuxer, path = arguments[:3]
    try:
        # A file, not a name: no protocol is asked, and no other file is opened.
        with Path(path).open("rb") as file, av.open(file, format=demuxer) as container:
            if mode == "probe":
                data = json.dumps(probe(container)).encode()
            else:
                data = frame(container, int(arguments[3]))
    except (av.FFmpegError, OSError, ValueError, LookupError, MemoryError) as error:
        sys.stderr.write(f"{type(error).__name__}\n")
        return 1
    sys.stdout.buffer.write(data)
    return 0


def probe(container: Any) -> dict[str, int | None]:
    """Width, height and duration by the headers."""
    stream = next(iter(container.streams.video), None)
    length = container.duration
    return {
        "width": stream.codec_context.width if stream is not None else None,
        "height": stream.codec_context.height if stream is not None else None,
        "duration_ms": None if length is None else max(0, length // (_MICROSECONDS // 1000)),
    }


def frame(container: Any, side: int) -> bytes:
    """A frame from near the beginning, at most ``side`` pixels a side, upright, as WebP."""
    stream = container.streams.video[0]
    context = stream.codec_context
    if context.width * context.height > MAX_PIXELS:
        raise ValueError("too many pixels to decode")
    context.thread_count = 1
    if container.duration:
        container.seek(int(container.duration * _NOT_THE_START))
    shown = next(container.decode(stream))
    picture: Image.Image = shown.to_image()
    picture.thumbnail((side, side), Image.Resampling.LANCZOS)
    if shown.rotation:
        picture = picture.rotate(shown.rotation, expand=True)
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=_QUALITY, method=4)
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
