"""A library of assets, and what the tests of its parts put into it.

Whoever needs a fixture imports it under its own name (`library as library`): pytest finds it there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.clock import new_id
from studio.graphs.files import FileReference
from studio.models import Asset, Identity, OutputType
from studio.services.upload_fields import UploadFields
from tests.fakes.asset_app import ANN, Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def chunks_of(data: bytes, step: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), step):
        yield data[start : start + step]


async def upload(
    library: Library,
    data: bytes,
    path: str = "a.txt",
    identity: Identity = ANN,
    *,
    expires_in: int | None = None,
    expected_hash: str | None = None,
    declared_type: str | None = None,
    key: str | None = None,
) -> Asset:
    fields = UploadFields(path, declared_type, expected_hash, ("input",), expires_in)
    asset, _ = await library.service.upload(identity, chunks_of(data), fields, idempotency_key=key)
    return asset


async def add_output(
    library: Library, job_id: str, data: bytes, *, node_id: str = "9", index: int = 0
) -> Asset:
    staged = await library.service.stage_bytes(data)
    asset = Asset(
        id=new_id(),
        user_id="ann",
        hash=staged.hash,
        size_bytes=staged.size_bytes,
        content_type="text/plain",
        file_path="out.txt",
        created_at=library.clock.now_ms(),
        job_id=job_id,
        node_id=node_id,
        output_index=index,
        output_type=OutputType.TEXT,
    )
    stored = await library.db.write(
        lambda connection: library.store.add_output(connection, asset, staged)
    )
    await library.store.settle([(asset, staged)], [stored])
    return stored


def reference(
    name: str | None = None, *, asset_id: str | None = None, kind: str = "input", node: str = "1"
) -> FileReference:
    assert kind in ("input", "output", "temp")
    return FileReference(node, ("image",), asset_id, name, kind)  # type: ignore[arg-type]
