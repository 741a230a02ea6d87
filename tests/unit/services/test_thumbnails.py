"""Thumbnails of files that cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.clock import new_id
from studio.errors import NotFound
from studio.models import Asset
from studio.services.thumbnails import Thumbnails
from studio.store.blobs import BlobStore
from tests.api.graphs import png

HASH = "blake3:" + "ab" * 32


async def test_a_file_that_cannot_be_read_is_tried_once(tmp_path: Path) -> None:
    blobs = BlobStore(tmp_path / "assets")
    thumbnails = Thumbnails(root=tmp_path / "thumbs", blobs=blobs)
    asset = Asset(new_id(), "ann", HASH, 5, "image/png", "fox.png", 0)
    original = blobs.path(HASH)
    original.parent.mkdir(parents=True, exist_ok=True)
    original.write_bytes(b"\x89PNG and nothing else")
    with pytest.raises(NotFound):
        await thumbnails.get(asset, "small")
    # Were it looked at again, it would be found well.
    original.write_bytes(png())
    with pytest.raises(NotFound):
        await thumbnails.get(asset, "small")
