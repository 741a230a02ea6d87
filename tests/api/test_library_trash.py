"""The trash: out of sight with undo, then for good, from the job in the same commit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.models import JobStatus
from studio.store.job_stats import JobStatsStore
from studio.store.picture_rules import Spare
from tests.api.graphs import code_of, invert, run, solid, submit, wait_for_library
from tests.api.house import open_house
from tests.api.pictures import act, found, indexed, shelf


async def outputs_of(client: httpx.AsyncClient, item: dict[str, Any]) -> list[str]:
    """What both APIs say a job has made."""
    seen = []
    for address in (f"/api/v2/jobs/{item['job_id']}", f"/api/jobs/{item['job_id']}"):
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        seen.append(sorted(output["id"] for output in answer.json()["outputs"]))
    assert seen[0] == seen[1]
    return seen[0]


async def test_the_trash_hides_and_undo_brings_back(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        one, two = await stores.add(outputs=2)
    async with open_house(tmp_path) as house, house.client() as owner:
        [item, _] = await indexed(owner, 2)
        assert (await act(owner, [one, one, "nothing"], "trash")) == {
            "changed": 1,
            "not_found": ["nothing"],
            "refused": [],
        }
        assert await found(owner) == [two]
        assert await found(owner, q="fox") == [two]
        assert await found(owner, trashed="1") == [one]
        assert await outputs_of(owner, item) == [two]
        assert (await act(owner, [one], "trash"))["changed"] == 0
        assert (await act(owner, [one], "restore"))["changed"] == 1
        assert await found(owner) == sorted([one, two])
        assert await outputs_of(owner, item) == sorted([one, two])


def test_a_picture_can_be_judged_and_thrown_away_as_soon_as_its_job_has_ended(
    owner: httpx.Client,
) -> None:
    for number in range(8):
        made = run(owner, solid(color=number + 1))["outputs"][0]["id"]
        rated = owner.patch(f"/api/library/{made}", json={"rating": 4})
        assert rated.status_code == 200, rated.text
        other = run(owner, solid(color=number + 101))["outputs"][0]["id"]
        thrown = owner.post("/api/library/actions", json={"ids": [other], "action": "trash"})
        assert thrown.json() == {"changed": 1, "not_found": [], "refused": []}


async def test_what_is_purged_is_gone_from_the_job_and_from_the_disk(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        one, two = await stores.add(outputs=2)
    async with open_house(tmp_path) as house, house.client() as owner:
        [item, _] = await indexed(owner, 2)
        for name in ("thumbnail", "preview"):
            assert (await owner.get(item[name])).status_code == 200
        refused = await act(owner, [one], "purge")
        assert (refused["changed"], refused["refused"][0]["code"]) == (0, "not_in_trash")
        stored = [path for path in (house.folder / "assets").rglob("*") if path.is_file()]
        await act(owner, [one], "trash")
        assert (await act(owner, [one], "purge"))["changed"] == 1
        assert await outputs_of(owner, item) == [two]
        assert await found(owner, trashed="1") == []
        assert (await owner.get(f"/api/v2/assets/{one}")).status_code == 404
        left = [path for path in (house.folder / "assets").rglob("*") if path.is_file()]
        assert len(left) == len(stored) - 1
        thumbs = [path for path in (house.folder / "thumbs").rglob("*") if path.is_file()]
        assert thumbs == []


async def test_an_output_of_a_kept_job_is_not_deleted_through_v2(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [one] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 1)
        for step in ("trash", "restore"):
            await act(owner, [one], step)
            answer = await owner.delete(f"/api/v2/assets/{one}")
            assert (answer.status_code, code_of(answer)) == (409, "asset_in_use")


def test_what_an_unfinished_job_reads_is_refused_by_name(paused: httpx.Client) -> None:
    paused.post("/api/queue/resume")
    made = run(paused, solid())["outputs"][0]
    wait_for_library(paused, made["id"])
    paused.post("/api/queue/pause")
    reader = submit(paused, invert({"__type": "core/ASSET", "info": {"id": made["id"]}}))
    body = {"ids": [made["id"]], "action": "trash"}
    assert paused.post("/api/library/actions", json=body).json()["changed"] == 1
    answer = paused.post("/api/library/actions", json={**body, "action": "purge"}).json()
    assert answer["changed"] == 0
    assert answer["refused"][0]["id"] == made["id"]
    assert answer["refused"][0]["code"] == "asset_in_use"
    paused.post(f"/api/jobs/{reader['id']}/cancel")
    answer = paused.post("/api/library/actions", json={**body, "action": "purge"}).json()
    assert (answer["changed"], answer["refused"]) == (1, [])


def test_a_job_that_just_ended_does_not_show_what_went_to_the_trash(owner: httpx.Client) -> None:
    job = run(owner, solid())
    made = job["outputs"][0]["id"]
    wait_for_library(owner, made)
    for action, expected in (("trash", []), ("restore", [made]), ("trash", []), ("purge", [])):
        body = {"ids": [made], "action": action}
        assert owner.post("/api/library/actions", json=body).json()["changed"] == 1
        for address in (f"/api/v2/jobs/{job['id']}", f"/api/jobs/{job['id']}"):
            seen = [one["id"] for one in owner.get(address).json()["outputs"]]
            assert seen == expected, (action, address)


async def test_an_upload_goes_the_same_way(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        one = await upload(owner)
        await indexed(owner, 1, source="upload")
        await act(owner, [one], "trash")
        assert await found(owner, source="upload") == []
        assert await found(owner, trashed="1", source="upload") == [one]
        assert (await act(owner, [one], "purge"))["changed"] == 1
        assert (await owner.get(f"/api/v2/assets/{one}")).status_code == 404


async def test_a_deleted_job_takes_its_pictures_out_of_the_library(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [one] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner:
        await indexed(owner, 1)
        board = (await owner.post("/api/boards", json={"name": "Kept"})).json()["id"]
        await act(owner, [one], "add_to_board", board)
        house.clock.advance(366 * 86_400)
        nothing = Spare(favourites=False, boards=False)
        await JobStatsStore(house.db).purge(house.clock.now_ms(), 10, nothing)
        assert await found(owner) == []
        assert (await owner.get("/api/boards")).json()["items"][0]["count"] == 0


async def test_only_jobs_that_ended_are_in_the_library(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        await stores.add()
        await stores.add()
        await stores.db.write(
            lambda connection: connection.execute(
                "UPDATE jobs SET completed_at = NULL, status = ?, priority = -1 WHERE seq = 1",
                (JobStatus.QUEUED.value,),
            )
        )
    async with open_house(tmp_path) as house, house.client() as owner:
        assert [one["id"] for one in await indexed(owner, 1)] == [stores.ids[1]]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": [], "action": "trash"},
        {"ids": ["a"] * 5_001, "action": "trash"},
        {"ids": "a", "action": "trash"},
        {"ids": [1], "action": "trash"},
        {"ids": ["a"], "action": "burn"},
        {"ids": ["a"], "action": "rate", "value": 6},
        {"ids": ["a"], "action": "rate"},
        {"ids": ["a"], "action": "add_to_board"},
        {"ids": ["a"], "action": ["trash"]},
    ],
    ids=lambda body: str(body)[:60],
)
async def test_a_wrong_action_is_refused(tmp_path: Path, body: dict[str, Any]) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        answer = await owner.post("/api/library/actions", json=body)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


async def upload(client: httpx.AsyncClient) -> str:
    answer = await client.post(
        "/api/v2/assets",
        files={"file": ("x", b"some words", "text/plain")},
        data={"content_type": "text/plain", "file_path": "words.txt"},
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])
