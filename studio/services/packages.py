"""A finished or running job as one ZIP: its description, inputs and outputs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from studio.models import Asset, Job
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

        Raises:
            NotFound: the bytes of an input or output are gone.
        """
        files: dict[str, Path] = {}
        for asset_id in await self._jobs.input_ids(job.id):
            asset, path = await self._assets.open_for_job(asset_id)
            files[_free_name(files, "inputs", asset)] = path
        for output in outputs:
            asset, path = await self._assets.open_for_job(output.id)
            files[_free_name(files, "outputs", asset)] = path
        return _write(orjson.dumps(description, option=orjson.OPT_INDENT_2), files)


def _free_name(files: dict[str, Path], folder: str, asset: Asset) -> str:
    name = f"{folder}/{asset.file_path}"
    if name in files:
        path = Path(asset.file_path)
        name = f"{folder}/{path.with_name(f'{path.stem}-{asset.id[:8]}{path.suffix}')}"
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


def _write(description: bytes, files: dict[str, Path]) -> Iterator[bytes]:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("job.json", description)
        for name, path in files.items():
            entry = zipfile.ZipInfo(name)
            with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while chunk := source.read(_CHUNK_BYTES):
                    target.write(chunk)
                    yield pipe.take()
            yield pipe.take()
    yield pipe.take()
