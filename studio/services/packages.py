"""A finished or running job as one ZIP: its description, inputs and outputs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Container, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any, Final

import orjson

from studio.errors import InvalidRequest
from studio.models import Asset, Job
from studio.paths import safe_relative
from studio.services.assets import AssetService
from studio.store.jobs import JobStore

_CHUNK_BYTES: Final = 1 << 18


class PackageService:
    """Writes packages as a stream: memory does not grow with the files."""

    def __init__(self, *, jobs: JobStore, assets: AssetService) -> None:
        self._jobs = jobs
        self._assets = assets

    async def stream(
        self, job: Job, outputs: Sequence[Asset], description: dict[str, Any]
    ) -> Iterator[bytes]:
        """Chunks of the ZIP; everything is found before the first one.

        Args:
            description: what ``job.json`` says; ``files`` is added, what the other entries are.

        Raises:
            NotFound: the bytes of an input or output are gone.
        """
        files: dict[str, Path] = {}
        listed: list[dict[str, Any]] = []
        inputs = await self._jobs.input_ids(job.id)
        wanted = [("inputs", asset_id) for asset_id in inputs]
        wanted += [("outputs", output.id) for output in outputs if output.trashed_at is None]
        for folder, asset_id in wanted:
            asset, path = await self._assets.open_for_job(asset_id)
            name = entry_name(files, folder, asset)
            files[name] = path
            listed.append({"name": name, "asset_id": asset.id, "hash": asset.hash})
        content = orjson.dumps({**description, "files": listed}, option=orjson.OPT_INDENT_2)
        made_at = datetime.fromtimestamp((job.completed_at or job.created_at) / 1000, UTC)
        return _write(content, files, made_at.timetuple()[:6])


def entry_name(taken: Container[str], folder: str, asset: Asset) -> str:
    """A name inside the ZIP that no unpacker can be led astray by, free among ``taken``."""
    try:
        path = safe_relative(asset.file_path)
    except InvalidRequest:
        # Engines choose the names of outputs, and a custom node is anybody's code.
        path = PurePosixPath(asset.id)
    name, number = f"{folder}/{path}", 1
    while name in taken:
        number += 1
        name = f"{folder}/{path.with_name(f'{path.stem}-{number}{path.suffix}')}"
    return name


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


def _write(
    description: bytes, files: dict[str, Path], date_time: tuple[int, ...]
) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(_entry("job.json", date_time), description)
        for name, path in files.items():
            entry = _entry(name, date_time)
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()


def _entry(name: str, date_time: tuple[int, ...]) -> zipfile.ZipInfo:
    year, month, day, hour, minute, second = date_time
    entry = zipfile.ZipInfo(name, (max(1980, year), month, day, hour, minute, second))
    entry.external_attr = 0o644 << 16
    return entry
