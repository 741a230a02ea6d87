"""What people may use up: counted durably, refused before anything begins, set by the owner."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.clock import iso
from studio.services.language_charges import LanguageCharges
from studio.settings import DAY_MS
from studio.store.quotas import charge_job
from tests.api.graphs import solid, wait_ended
from tests.api.house import House, open_house
from tests.api.people import OWN_PAGE, PASSWORD, me, member_in, owner_in, refusal
from tests.api.studio_process import RunningStudio

JOB = {"workflow": solid()}


async def limit(house: House, client: httpx.AsyncClient, **changes: Any) -> None:
    """Give whoever is in limits of their own."""
    user_id = (await me(client))["id"]
    async with house.client() as owner:
        answer = await owner.patch(f"/api/users/{user_id}/quota", json=changes)
        assert answer.status_code == 200, answer.text


async def standing(client: httpx.AsyncClient) -> dict[str, Any]:
    answer = await client.get("/api/me/quota")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["quota"])


async def upload(client: httpx.AsyncClient, data: bytes, name: str = "a.bin") -> httpx.Response:
    return await client.post(
        "/api/v2/assets",
        data={"file_path": name, "content_type": "application/octet-stream"},
        files={"file": (name, data)},
    )


async def test_guests_have_a_daily_gpu_quota_members_and_the_owner_none(house: House) -> None:
    async with member_in(house, "Gus", "guest") as gus, member_in(house, "Ann") as ann:
        assert (await standing(gus))["gpu_seconds"] == {"used": 0, "limit": 1800, "own": False}
        assert (await standing(gus))["disk_bytes"]["limit"] == 10_000_000_000
        assert (await standing(ann))["gpu_seconds"]["limit"] is None
        assert (await standing(ann))["jobs"] == {"used": 0, "limit": 1000, "own": False}
        async with house.client() as owner:
            assert {each["limit"] for each in (await standing(owner)).values()} == {None}


async def test_too_many_jobs_at_once_are_refused_and_those_accepted_stay(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        await limit(house, ann, jobs=2)
        made = [await ann.post("/api/jobs", json=JOB) for _ in range(2)]
        assert [answer.status_code for answer in made] == [201, 201]
        for route in ("/api/jobs", "/api/v2/jobs"):
            # By the name that Comfy API v2 has for it: its clients know to try again.
            refused = await ann.post(route, json=JOB)
            assert refusal(refused) == (429, "queue_full")
            assert refused.headers["retry-after"] == "5"
            assert refused.json()["error"]["details"] == {
                "quota": "jobs",
                "used": 2,
                "limit": 2,
                "room": 0,
            }
        assert (await standing(ann))["jobs"] == {"used": 2, "limit": 2, "own": True}
        await limit(house, ann, jobs=0)
        for answer in made:
            job = f"/api/jobs/{answer.json()['id']}"
            assert (await ann.get(job)).json()["status"] == "queued"
        job = made[0].json()["id"]
        await limit(house, ann, jobs=2)
        assert (await ann.post(f"/api/jobs/{job}/cancel")).status_code == 200
        assert (await ann.post("/api/jobs", json=JOB)).status_code == 201


async def test_submits_at_once_do_not_share_the_last_place(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        await limit(house, ann, jobs=3)
        answers = await asyncio.gather(*(ann.post("/api/jobs", json=JOB) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [201] * 3 + [429] * 7


async def test_a_used_up_day_ends_at_midnight_and_outlives_a_restart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, member_in(house, "Ann") as ann:
        user_id = (await me(ann))["id"]
        await limit(house, ann, gpu_seconds=60)
        await house.accounts.quotas.charge(user_id, 59.5, "language")
        assert (await ann.post("/api/jobs", json=JOB)).status_code == 201
        await house.accounts.quotas.charge(user_id, 0.5, "language")
        cookies = dict(ann.cookies)
    async with open_house(tmp_path) as house, house.client(None) as ann:
        ann.headers.update({"Sec-Fetch-Site": "same-origin"})
        ann.cookies.update(cookies)
        assert (await standing(ann))["gpu_seconds"] == {"used": 60, "limit": 60, "own": True}
        for route, body in (("/api/jobs", JOB), ("/api/v2/jobs", JOB)):
            refused = await ann.post(route, json=body)
            assert refusal(refused) == (429, "quota_exceeded")
            details = refused.json()["error"]["details"]
            until = iso(house.accounts.quotas.day_ends_at())
            assert details == {"quota": "gpu_seconds", "used": 60, "limit": 60, "until": until}
            left_s = (DAY_MS - house.clock.now_ms() % DAY_MS) / 1000
            assert 0 <= int(refused.headers["retry-after"]) - left_s < 1
        house.clock.advance(left_s)
        assert (await ann.post("/api/jobs", json=JOB)).status_code == 201
        assert (await standing(ann))["gpu_seconds"]["used"] == 0


async def test_what_a_deleted_job_used_is_not_given_back(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        job = (await ann.post("/api/jobs", json=JOB)).json()["id"]

        def end(connection: sqlite3.Connection) -> None:
            for _ in range(2):
                charge_job(connection, job, house.clock.now_ms(), 90_000)
                connection.execute(
                    "UPDATE jobs SET completed_at = ? WHERE id = ?", (house.clock.now_ms(), job)
                )
            connection.execute("DELETE FROM job_recipes WHERE job_id = ?", (job,))
            connection.execute("DELETE FROM jobs WHERE id = ?", (job,))

        await house.db.write(end)
        assert (await standing(ann))["gpu_seconds"]["used"] == 90


async def test_files_have_so_many_bytes_and_the_same_ones_count_once(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        await limit(house, ann, disk_bytes=250_000)
        first = await upload(ann, b"a" * 100_000)
        assert first.status_code == 201, first.text
        assert (await upload(ann, b"a" * 100_000, "again.bin")).status_code in (200, 201)
        assert (await standing(ann))["disk_bytes"]["used"] == 100_000
        assert (await upload(ann, b"b" * 150_000)).status_code == 201
        refused = await upload(ann, b"c")
        assert refusal(refused) == (507, "quota_exceeded")
        assert "retry-after" not in refused.headers
        assert refused.json()["error"]["details"] == {
            "quota": "disk_bytes",
            "used": 250_000,
            "limit": 250_000,
        }
        assert refusal(await ann.post("/api/jobs", json=JOB)) == (507, "quota_exceeded")
        assert (await ann.delete(f"/api/v2/assets/{first.json()['id']}")).status_code == 204
        assert (await standing(ann))["disk_bytes"]["used"] == 250_000, "a second name has them"


async def test_a_file_that_does_not_fit_leaves_nothing_behind(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        await limit(house, ann, disk_bytes=100_000)
        assert refusal(await upload(ann, b"a" * 100_001)) == (507, "quota_exceeded")
        assert (await standing(ann))["disk_bytes"]["used"] == 0
        assert (await upload(ann, b"a" * 100_000)).status_code == 201


async def test_uploads_in_parts_count_from_their_announcement(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        await limit(house, ann, disk_bytes=1000)
        body = {"name": "a.bin", "size_bytes": 600}
        begun = await ann.post("/api/uploads", json=body)
        assert begun.status_code == 201, begun.text
        assert (await standing(ann))["disk_bytes"]["used"] == 600
        assert refusal(await ann.post("/api/uploads", json=body)) == (507, "quota_exceeded")
        assert refusal(await upload(ann, b"x" * 401)) == (507, "quota_exceeded")
        upload_id = begun.json()["id"]
        # What was accepted is taken, whatever the limit is by then.
        await limit(house, ann, disk_bytes=0)
        part = await ann.put(f"/api/uploads/{upload_id}/parts/0", content=b"p" * 600)
        assert part.status_code == 200, part.text
        done = await ann.post(f"/api/uploads/{upload_id}/complete")
        assert done.status_code in (200, 201), done.text
        assert (await standing(ann))["disk_bytes"]["used"] == 600


async def test_a_limit_of_ones_own_goes_back_to_the_roles_and_that_to_studios(
    house: House,
) -> None:
    async with member_in(house, "Gus", "guest") as gus, house.client() as owner:
        changed = await owner.patch("/api/quotas/guest", json={"gpu_seconds": 600})
        assert changed.json()["roles"]["guest"]["gpu_seconds"] == 600
        assert changed.json()["roles"]["member"]["gpu_seconds"] is None
        assert (await standing(gus))["gpu_seconds"]["limit"] == 600
        await limit(house, gus, gpu_seconds="none")
        assert (await standing(gus))["gpu_seconds"] == {"used": 0, "limit": None, "own": True}
        await limit(house, gus, gpu_seconds=None)
        assert (await standing(gus))["gpu_seconds"] == {"used": 0, "limit": 600, "own": False}
        await owner.patch("/api/quotas/guest", json={"gpu_seconds": None})
        assert (await standing(gus))["gpu_seconds"]["limit"] == 1800


async def test_a_role_that_changes_changes_the_limits(house: House) -> None:
    async with member_in(house, "Gus", "guest") as gus, house.client() as owner:
        user_id = (await me(gus))["id"]
        await owner.patch(f"/api/users/{user_id}", json={"role": "member"})
        assert (await standing(gus))["gpu_seconds"]["limit"] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"jobs": -1},
        {"jobs": 1.5},
        {"jobs": True},
        {"jobs": "many"},
        {"jobs": 1 << 60},
        {"gpu": 5},
        {"jobs": 5, "gpu_seconds": []},
    ],
    ids=str,
)
async def test_a_senseless_limit_changes_nothing(house: House, body: dict[str, Any]) -> None:
    async with member_in(house, "Ann") as ann, house.client() as owner:
        path = f"/api/users/{(await me(ann))['id']}/quota"
        assert refusal(await owner.patch(path, json=body)) == (422, "invalid_request")
        assert (await standing(ann))["jobs"] == {"used": 0, "limit": 1000, "own": False}


async def test_the_owner_sees_everybodys_and_has_no_limit(house: House) -> None:
    async with member_in(house, "Ann") as ann, owner_in(house) as owner:
        await ann.post("/api/jobs", json=JOB)
        users = {user["name"]: user for user in (await owner.get("/api/users")).json()["users"]}
        assert users["Ann"]["quota"]["jobs"] == {"used": 1, "limit": 1000, "own": False}
        refused = await owner.patch("/api/users/owner/quota", json={"jobs": 1})
        assert refusal(refused) == (409, "conflict")
        assert refusal(await owner.patch("/api/quotas/owner", json={"jobs": 1})) == (
            409,
            "conflict",
        )
        assert refusal(await owner.patch("/api/quotas/king", json={"jobs": 1})) == (
            404,
            "not_found",
        )
        nobody = await owner.patch("/api/users/nobody/quota", json={"jobs": 1})
        assert refusal(nobody) == (404, "not_found")


async def test_nobody_but_the_owner_sets_or_sees_others_limits(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        path = f"/api/users/{(await me(bob))['id']}/quota"
        for method, route in (("PATCH", path), ("GET", "/api/quotas"), ("GET", "/api/users")):
            answer = await ann.request(method, route, json={"jobs": 5})
            assert refusal(answer) == (403, "forbidden")
        refused = await ann.patch("/api/quotas/member", json={"jobs": 5})
        assert refusal(refused) == (403, "forbidden")
        assert (await standing(bob))["jobs"]["own"] is False


def test_what_a_guest_ran_counts_and_ends_their_day(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    token = owner.post("/api/invitations", json={"role": "guest"}).json()["url"].rpartition("/")[2]
    with studio.client(None) as gus:
        gus.headers.update(OWN_PAGE)
        body = {"token": token, "name": "Gus with a quota", "password": PASSWORD}
        user_id = gus.post("/api/join", json=body).json()["user"]["id"]
        words = {"prompt": "a red fox", "steps": 2}
        job = gus.post("/api/create", json=words)
        assert job.status_code == 201, job.text
        assert wait_ended(gus, job.json()["id"])["status"] == "succeeded"
        quota = gus.get("/api/me/quota").json()["quota"]
        assert quota["gpu_seconds"]["used"] > 0
        assert quota["disk_bytes"]["used"] > 0
        assert quota["jobs"]["used"] == 0
        assert owner.patch(f"/api/users/{user_id}/quota", json={"gpu_seconds": 0}).is_success
        refused = gus.post("/api/create", json=words)
        assert refusal(refused) == (429, "quota_exceeded")
        ends_at = gus.get("/api/me/quota").json()["day_ends_at"]
        assert refused.json()["error"]["details"]["until"] == ends_at
        assert gus.get("/api/me/quota").json()["quota"]["jobs"]["used"] == 0


async def test_the_time_of_language_models_counts_for_whom_they_worked(house: House) -> None:
    charges = LanguageCharges(house.accounts.quotas)
    async with member_in(house, "Ann") as ann:
        user_id = (await me(ann))["id"]
        for seconds in (1.5, 0.5):
            charges.note(user_id, seconds)
        await charges.store()
        await charges.store()
        await limit(house, ann, gpu_seconds=60)
        assert (await standing(ann))["gpu_seconds"]["used"] == 2


async def test_the_activity_tells_who_changed_which_limit_and_by_which_key(house: House) -> None:
    async with member_in(house, "Ann") as ann, owner_in(house) as owner:
        await limit(house, ann, jobs=7)
        await owner.patch("/api/quotas/guest", json={"jobs": 9})
        entries = (await owner.get("/api/activity?kind=quota.")).json()["items"]
        assert [(entry["kind"], entry["subject"], entry["data"]) for entry in entries] == [
            ("quota.default_changed", "guest", {"jobs": 9}),
            ("quota.changed", "Ann", {"jobs": 7, "key": "API_KEY of the environment"}),
        ]
