from __future__ import annotations

import sqlite3
from dataclasses import replace

import pytest

from studio.clock import new_id
from studio.errors import AssetInUse, StorageUnavailable
from studio.models import Asset
from studio.store.assets import insert_output
from studio.store.jobs import JobStore
from tests.fakes.asset_app import ANN, Library
from tests.unit.asset_library import add_output, upload
from tests.unit.asset_library import library as library


async def test_an_output_of_a_kept_job_is_held_and_goes_with_it(library: Library) -> None:
    await library.add_job("j1", status="succeeded", done=True)
    asset = await add_output(library, "j1", b"result")
    with pytest.raises(AssetInUse):
        await library.service.delete(ANN, asset.id)
    await library.db.write(
        lambda connection: connection.execute("DELETE FROM jobs WHERE id = 'j1'")
    )
    await library.store.collect_garbage([asset.hash])
    assert library.files() == []


async def test_an_output_is_stored_once_per_place(library: Library) -> None:
    await library.add_job("j1")
    first = await add_output(library, "j1", b"first")
    second = await add_output(library, "j1", b"second")
    assert second == first
    assert len(library.files()) == 1
    assert await library.store.outputs("j1") == (first,)
    again = await library.db.write(
        lambda connection: insert_output(connection, replace(first, id="other"))
    )
    assert again == first


async def test_outputs_are_listed_by_node_and_index(library: Library) -> None:
    for job_id in ("j1", "j2"):
        await library.add_job(job_id)
    expected = []
    for node_id, index in (("10", 0), ("2", 1), ("2", 0)):
        expected.append(
            await add_output(library, "j1", node_id.encode(), node_id=node_id, index=index)
        )
    found = await library.store.outputs_of(["j1", "j2", "none"])
    assert found == {"j1": tuple(reversed(expected)), "j2": (), "none": ()}


async def test_outputs_of_very_many_jobs_are_one_call(library: Library) -> None:
    found = await library.store.outputs_of([f"job {n}" for n in range(2_500)])
    assert len(found) == 2_500


async def test_an_output_whose_commit_failed_keeps_its_bytes_for_the_next_try(
    library: Library,
) -> None:
    await library.add_job("j1")
    staged = await library.service.stage_bytes(b"made once")
    asset = Asset(
        id=new_id(),
        user_id="ann",
        hash=staged.hash,
        size_bytes=staged.size_bytes,
        content_type="text/plain",
        file_path="out.txt",
        created_at=1,
        job_id="j1",
        node_id="9",
        output_index=0,
    )

    def refuse(connection: sqlite3.Connection) -> None:
        library.store.add_output(connection, asset, staged)
        raise StorageUnavailable("not now")

    with pytest.raises(StorageUnavailable):
        await library.db.write(refuse)
    other = await upload(library, b"made once")
    await library.service.delete(ANN, other.id)
    [stored] = await JobStore(library.db, library.store).add_outputs([(asset, staged)])
    assert library.blobs.path(stored.hash).read_bytes() == b"made once"
    await library.db.write(
        lambda connection: connection.execute("DELETE FROM jobs WHERE id = 'j1'")
    )
    await library.store.collect_garbage([stored.hash])
    assert library.files() == []
