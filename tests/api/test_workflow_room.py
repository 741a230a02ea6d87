"""How many workflows and presets somebody may have, and how their trash is emptied."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from studio.settings import DAY_MS
from studio.store import presets, workflow_room
from studio.store.blobs import BlobStore
from tests.api.house import House
from tests.api.people import member_in, refusal
from tests.api.presets import good
from tests.api.presets import save as save_preset
from tests.api.workflow_client import MANIFEST, create, names, save
from tests.fakes.housekeeping import rules_over


@pytest.fixture
async def owner(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with house.client() as client:
        yield client


def named(name: str) -> dict[str, object]:
    return {**MANIFEST, "name": name}


async def trashed(client: httpx.AsyncClient) -> set[str]:
    return await names(client, "?trashed=1")


async def test_what_was_in_the_trash_for_thirty_days_goes_by_itself_and_the_rest_stays(
    house: House, owner: httpx.AsyncClient
) -> None:
    old, late = [await create(owner, manifest=named(name)) for name in ("Old", "Late")]
    preset, later_preset = await save_preset(owner), await save_preset(owner)
    await owner.delete(f"/api/workflows/{old['id']}")
    await owner.delete(f"/api/presets/{preset['id']}")
    # One of a folder is hidden by it, and would come back at the next start.
    await owner.delete("/api/workflows/contact-sheet")
    house.clock.advance(29 * DAY_MS / 1000)
    await owner.delete(f"/api/workflows/{late['id']}")
    await owner.delete(f"/api/presets/{later_preset['id']}")
    house.clock.advance(2 * DAY_MS / 1000)
    assert await trashed(owner) == {"Old", "Late", "Contact sheet"}
    blobs = BlobStore(house.folder / "assets")
    await rules_over(house.db, blobs, house.folder, house.clock).apply()
    assert await trashed(owner) == {"Late", "Contact sheet"}
    lying = good(await owner.get("/api/presets?trashed=1"))["items"]
    assert [each["id"] for each in lying] == [later_preset["id"]]
    gone = await owner.post(f"/api/workflows/{old['id']}/restore-from-trash")
    assert refusal(gone) == (404, "not_found")
    assert (await owner.get(f"/api/workflows/{old['id']}/versions")).status_code == 404


async def test_a_full_trash_is_emptied_in_one_round(house: House, owner: httpx.AsyncClient) -> None:
    for _ in range(45):
        preset = await save_preset(owner)
        await owner.delete(f"/api/presets/{preset['id']}")
    house.clock.advance(31 * DAY_MS / 1000)
    blobs = BlobStore(house.folder / "assets")
    await rules_over(house.db, blobs, house.folder, house.clock).apply()
    assert good(await owner.get("/api/presets?trashed=1"))["total"] == 0


async def test_nobody_has_more_workflows_than_there_may_be(
    house: House, owner: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow_room, "MAX_WORKFLOWS", 2)
    async with member_in(house, "mia") as mia:
        first = await create(mia)
        await create(mia)
        body = {"manifest": MANIFEST, "graph": first["graph"]}
        assert refusal(await mia.post("/api/workflows", json=body)) == (409, "conflict")
        copy = await mia.post("/api/workflows/contact-sheet/copy", json={})
        assert refusal(copy) == (409, "conflict")
        await create(owner)
        await mia.delete(f"/api/workflows/{first['id']}")
        await create(mia, manifest=named("Third"))
        assert await trashed(mia) == set()
        assert "Third" in await names(mia)


async def test_versions_are_counted_and_weighed(
    owner: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow_room, "MAX_VERSIONS", 2)
    workflow = await create(owner)
    workflow = good(await save(owner, workflow))
    assert refusal(await save(owner, workflow)) == (409, "conflict")
    monkeypatch.setattr(workflow_room, "MAX_VERSIONS", 9)
    monkeypatch.setattr(workflow_room, "MAX_BYTES", 100)
    assert refusal(await save(owner, workflow)) == (409, "conflict")
    assert good(await owner.get(f"/api/workflows/{workflow['id']}"))["head"] == 2


async def test_presets_in_the_trash_do_not_keep_new_ones_out(
    owner: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presets, "MAX_PRESETS", 2)
    first, second = await save_preset(owner), await save_preset(owner)
    await owner.delete(f"/api/presets/{first['id']}")
    third = await save_preset(owner)
    assert (await owner.get(f"/api/presets/{first['id']}")).status_code == 404
    listed = good(await owner.get("/api/presets"))["items"]
    assert {each["id"] for each in listed} == {second["id"], third["id"]}
    answer = await owner.post(f"/api/presets/{second['id']}/duplicate", json={})
    assert refusal(answer) == (409, "conflict")
