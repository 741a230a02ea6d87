"""A finished or running job as one ZIP: its description, inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from studio.models import Asset, Job
from studio.services.assets import AssetService
from studio.services.zip_stream import EntryNames, zip_stream
from studio.store.jobs import JobStore


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
        files: list[tuple[str, Path]] = []
        names = EntryNames()
        listed: list[dict[str, Any]] = []
        inputs = await self._jobs.input_ids(job.id)
        wanted = [("inputs", asset_id) for asset_id in inputs]
        wanted += [("outputs", output.id) for output in outputs if output.trashed_at is None]
        for folder, asset_id in wanted:
            asset, path = await self._assets.open_for_job(asset_id)
            name = names.take(folder, asset.file_path, asset.id)
            files.append((name, path))
            listed.append({"name": name, "asset_id": asset.id, "hash": asset.hash})
        content = orjson.dumps({**description, "files": listed}, option=orjson.OPT_INDENT_2)
        made_at_ms = job.completed_at or job.created_at
        return zip_stream([("job.json", content)], files, made_at_ms)
