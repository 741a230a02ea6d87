from __future__ import annotations

from dataclasses import replace

import pytest

from studio.errors import AssetInUse
from studio.store.assets import insert_output
from tests.fakes.asset_app import ANN, Library
from tests.unit.asset_library import add_output
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
