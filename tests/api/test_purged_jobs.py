"""What retention took is gone for everybody, though it was in memory a moment ago."""

from __future__ import annotations

from pathlib import Path

from studio.store.job_stats import JobStatsStore
from studio.store.picture_rules import Spare
from tests.api.graphs import code_of, solid
from tests.api.house import open_house

YEAR_S = 366 * 86_400
NOTHING = Spare(favourites=False, boards=False)


async def test_a_purged_job_is_not_answered_from_memory(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        job = (await owner.post("/api/v2/jobs", json={"workflow": solid()})).json()
        await owner.post(job["urls"]["cancel"])
        assert (await owner.get(job["urls"]["self"])).json()["status"] == "canceled"
        house.clock.advance(YEAR_S)
        await JobStatsStore(house.db).purge(house.clock.now_ms(), 10, NOTHING)
        answer = await owner.get(job["urls"]["self"])
        assert (answer.status_code, code_of(answer)) == (404, "not_found")


async def test_a_live_job_never_expires(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        job = (await owner.post("/api/v2/jobs", json={"workflow": solid()})).json()
        house.clock.advance(YEAR_S)
        await JobStatsStore(house.db).purge(house.clock.now_ms(), 10, NOTHING)
        later = (await owner.get(job["urls"]["self"])).json()
        assert later["status"] == "queued"
        assert later["expires_at"] > job["expires_at"]
