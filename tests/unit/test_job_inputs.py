"""A job is accepted together with what it reads, or not at all."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from studio.errors import MissingAsset
from studio.models import Asset, NewJob
from studio.store.jobs import JobStore
from tests.fakes.asset_app import ANN, Library
from tests.unit.asset_library import library as library
from tests.unit.asset_library import upload
from tests.unit.services.test_follower import JOB


async def insert(library: Library, asset: Asset) -> None:
    extra = {"inputs": [["7", ["image"], asset.id, "x.png"]]}
    job = replace(JOB, created_at=library.clock.now_ms(), extra=extra)
    await JobStore(library.db, library.store).insert(
        NewJob(job, b"{}", input_ids=[asset.id]), "once"
    )


async def test_a_file_deleted_while_its_job_was_sent_in_is_missing_and_nothing_is_stored(
    library: Library,
) -> None:
    asset = await upload(library, b"input")
    deleted, inserted = await asyncio.gather(
        library.store.delete(asset.id, ANN.user_id), insert(library, asset), return_exceptions=True
    )
    assert deleted is None
    assert isinstance(inserted, MissingAsset)
    assert inserted.details is not None
    [entry] = inserted.details["node_errors"]["7"]
    assert (entry["field"], entry["reason"]) == ("image", "missing_asset")
    assert await JobStore(library.db, library.store).unfinished() == []
    await insert(library, await upload(library, b"its key was not used up"))


async def test_a_file_that_expired_or_went_to_the_trash_is_missing(library: Library) -> None:
    expired = await upload(library, b"short", expires_in=60)
    trashed = await upload(library, b"trashed")
    await library.db.write(
        lambda connection: connection.execute(
            "UPDATE assets SET trashed_at = 1 WHERE id = ?", (trashed.id,)
        )
    )
    library.clock.advance(61)
    for asset in (expired, trashed):
        with pytest.raises(MissingAsset):
            await insert(library, asset)
