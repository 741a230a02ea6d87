"""The library's own housekeeping: what the rules take, and what they spare."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.services.library_rules import GIB, LibraryRules
from studio.services.retention import RetentionService
from studio.store.blobs import BlobStore
from tests.api.graphs import code_of
from tests.api.house import House, open_house
from tests.api.pictures import act, found, indexed, shelf
from tests.fakes.housekeeping import retention_over, rules_over


@dataclass
class Kept:
    """An open house with five pictures, one a day, the oldest first."""

    house: House
    owner: httpx.AsyncClient
    rules: LibraryRules
    retention: RetentionService
    ids: list[str]

    async def set(self, **fields: Any) -> None:
        answer = await self.owner.put("/api/library/rules", json=fields)
        assert answer.status_code == 200, answer.text

    async def preview(self, **fields: Any) -> tuple[list[str], list[str]]:
        answer = await self.owner.post("/api/library/rules/preview", json=fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["trash"]["ids"], answer.json()["purge"]["ids"]


@pytest.fixture
async def kept(tmp_path: Path) -> AsyncIterator[Kept]:
    async with shelf(tmp_path) as stores:
        for days in range(5, 0, -1):
            await stores.add(days_ago=days)
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 5)
        blobs = BlobStore(house.folder / "assets")
        rules = rules_over(house.db, blobs, house.folder, house.clock)
        retention = retention_over(house.db, blobs, house.folder, house.clock)
        yield Kept(house, owner, rules, retention, stores.ids)


async def test_nothing_is_thrown_away_unless_somebody_says_so(kept: Kept) -> None:
    assert (await kept.owner.get("/api/library/rules")).json() == {
        "trash_days": 30,
        "max_age_days": None,
        "max_count": None,
        "min_free_gb": None,
        "spare_favourites": True,
        "spare_boards": True,
    }
    await kept.rules.apply()
    assert await found(kept.owner) == sorted(kept.ids)


async def test_age_moves_to_the_trash_and_the_trash_is_emptied_later(kept: Kept) -> None:
    await kept.set(max_age_days=4, trash_days=1)
    assert await kept.preview() == (kept.ids[:1], [])
    assert await found(kept.owner) == sorted(kept.ids)
    kept.house.clock.advance(60)
    await kept.rules.apply()
    assert await found(kept.owner, trashed="1") == sorted(kept.ids[:2])
    assert (await act(kept.owner, kept.ids[1:2], "restore"))["changed"] == 1
    kept.house.clock.advance(86_400 + 60)
    await kept.set(trash_days=1)
    assert await kept.preview() == ([], kept.ids[:1])
    await kept.rules.apply()
    assert await found(kept.owner) == sorted(kept.ids[1:])
    assert await found(kept.owner, trashed="1") == []


async def test_count_keeps_the_newest(kept: Kept) -> None:
    assert await kept.preview(max_count=3) == (kept.ids[:2], [])
    assert await kept.preview(max_count=5) == ([], [])
    await kept.set(max_count=1)
    await kept.rules.apply()
    assert await found(kept.owner) == kept.ids[4:]


async def test_favourites_and_what_is_on_boards_are_spared(kept: Kept) -> None:
    board = (await kept.owner.post("/api/boards", json={"name": "Keep"})).json()["id"]
    await act(kept.owner, kept.ids[:1], "favourite")
    await act(kept.owner, kept.ids[1:2], "add_to_board", board)
    assert await kept.preview(max_count=1) == (kept.ids[2:4], [])
    assert await kept.preview(max_count=1, spare_boards=False) == (kept.ids[1:4], [])
    everything = {"max_count": 1, "spare_boards": False, "spare_favourites": False}
    assert await kept.preview(**everything) == (kept.ids[:4], [])


async def test_short_space_empties_the_trash_first_but_leaves_an_hour_for_undo(
    kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {one["id"]: one["size_bytes"] for one in await indexed(kept.owner, 5)}
    short_of = sizes[kept.ids[3]] + sizes[kept.ids[0]]

    class Disk:
        free = 10 * GIB - short_of

    monkeypatch.setattr("shutil.disk_usage", lambda _: Disk)
    await act(kept.owner, kept.ids[3:4], "trash")
    kept.house.clock.advance(1)
    assert await kept.preview(min_free_gb=10) == (kept.ids[:1], [])
    kept.house.clock.advance(3_600)
    assert await kept.preview(min_free_gb=10) == (kept.ids[:1], kept.ids[3:4])
    assert await kept.preview(min_free_gb=9) == ([], [])


@pytest.mark.parametrize(
    "body",
    [
        {"trash_days": None},
        {"trash_days": -1},
        {"max_age_days": 0},
        {"max_count": 1.5},
        {"max_count": True},
        {"min_free_gb": "9"},
        {"spare_boards": None},
        {"spare_pets": True},
    ],
    ids=str,
)
async def test_a_wrong_rule_is_refused_by_name(kept: Kept, body: dict[str, Any]) -> None:
    for method, address in (
        ("PUT", "/api/library/rules"),
        ("POST", "/api/library/rules/preview"),
    ):
        answer = await kept.owner.request(method, address, json=body)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")
        assert next(iter(body)) in answer.json()["error"]["message"]
    assert (await kept.owner.get("/api/library/rules")).json()["trash_days"] == 30


async def test_what_the_rules_spare_outlives_the_retention_of_its_job(kept: Kept) -> None:
    board = (await kept.owner.post("/api/boards", json={"name": "Keep"})).json()["id"]
    favourite, thrown_away, on_board, *_ = kept.ids
    await act(kept.owner, [favourite, thrown_away], "favourite")
    await act(kept.owner, [thrown_away], "trash")
    await act(kept.owner, [on_board], "add_to_board", board)
    kept.house.clock.advance(2 * 365 * 86_400)
    await kept.retention.purge()
    assert await found(kept.owner) == sorted([favourite, on_board])
    detail = (await kept.owner.get(f"/api/library/{favourite}")).json()
    assert (await kept.owner.get(f"/api/jobs/{detail['job_id']}")).status_code == 200
    assert (await kept.owner.get(f"/api/v2/assets/{favourite}/content")).status_code == 200
    assert await found(kept.owner, trashed="1") == []
    await kept.set(spare_favourites=False)
    await kept.retention.purge()
    assert await found(kept.owner) == [on_board]
    await act(kept.owner, [on_board], "remove_from_board", board)
    await kept.retention.purge()
    assert await found(kept.owner) == []
