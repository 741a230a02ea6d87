"""ZIP files written as a stream: memory does not grow with them, and nothing lies on the disk."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

from studio.errors import InvalidRequest
from studio.paths import safe_relative

_CHUNK_BYTES: Final = 1 << 18
_MISSING: Final = "missing.txt"


class EntryNames:
    """Names inside one ZIP, each given once."""

    def __init__(self) -> None:
        self._taken: set[str] = set()
        self._last: dict[str, int] = {}

    def take(self, folder: str, file_path: str, asset_id: str) -> str:
        """A name for a file that no unpacker can be led astray by."""
        try:
            path = safe_relative(file_path)
        except InvalidRequest:
            # Engines choose the names of outputs, and a custom node is anybody's code.
            path = PurePosixPath(asset_id)
        path = PurePosixPath(folder) / path
        name = str(path)
        # Thousands of outputs may have one name: none of them looks for its place from the start.
        number = self._last.get(name, 1)
        free = name
        while free in self._taken:
            number += 1
            free = str(path.with_name(f"{path.stem}-{number}{path.suffix}"))
        self._last[name] = number
        self._taken.add(free)
        return free


class _Pipe(io.RawIOBase):
    """A write-only file whose bytes are taken away as they come."""

    def __init__(self) -> None:
        self._written = bytearray()
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, data: Any, /) -> int:
        self._written += data
        self._position += len(data)
        return len(data)

    def take(self) -> bytes:
        taken, self._written = bytes(self._written), bytearray()
        return taken


def zip_stream(
    texts: Iterable[tuple[str, bytes]],
    files: Iterable[tuple[str, Path]],
    made_at_ms: int,
    *,
    lost: Iterable[str] = (),
) -> Iterator[bytes]:
    """Chunks of a ZIP with ``texts`` and then ``files``, as (name, content or place).

    What is ``lost``, or goes while this is under way, is named in ``missing.txt`` at its end.
    """
    date_time = datetime.fromtimestamp(made_at_ms / 1000, UTC).timetuple()[:6]
    pipe = _Pipe()
    missing = list(lost)
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        for name, content in texts:
            archive.writestr(_entry(name, date_time), content)
        for name, path in files:
            try:
                source = path.open("rb")
            except OSError:
                missing.append(name)
                continue
            with source, archive.open(_entry(name, date_time), "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield pipe.take()
            yield pipe.take()
        if missing:
            archive.writestr(_entry(_MISSING, date_time), "\n".join(missing))
    yield pipe.take()


def _entry(name: str, date_time: tuple[int, ...]) -> zipfile.ZipInfo:
    year, month, day, hour, minute, second = date_time
    entry = zipfile.ZipInfo(name, (max(1980, year), month, day, hour, minute, second))
    entry.external_attr = 0o644 << 16
    return entry
