"""Whose news a live client hears: a member's own and nobody else's, the owner's everybody's."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.models import Asset, Job, JobStatus, OutputType, Preview
from studio.services.news import JobPicture, JobPreview, Topic
from tests.api.live_client import LiveClient, Shown, listen
from tests.api.live_house import LiveHouse, open_live_house, submit
from tests.fakes.jobs import a_job


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LiveHouse]:
    async with open_live_house(tmp_path) as opened:
        yield opened


async def submit_as(house: LiveHouse, user: str) -> str:
    async with house.client(user) as client:
        return await submit(client)


def jobs_of(client: LiveClient) -> set[str]:
    """Every job that the client was told of, by whatever message."""
    found: set[str] = set()
    for message in client.messages:
        data = message.get("data", {})
        found |= {data["id"]} if "id" in data else set()
        found |= {job["id"] for job in data.get("jobs", ())} | set(data.get("order", ()))
    return found


async def test_a_snapshot_has_the_callers_own_jobs_alone(house: LiveHouse) -> None:
    jobs = [(user, await submit_as(house, user)) for user in ("ben", "anna", "ben", "anna")]
    own = [job_id for user, job_id in jobs if user == "anna"]
    async with house.listen("anna") as anna, house.listen("owner") as owner:
        assert [job["id"] for job in (await anna.snapshot("jobs"))["jobs"]] == own[::-1]
        assert len((await owner.snapshot("jobs"))["jobs"]) == 4
        seen, everything = await anna.snapshot("queue"), await owner.snapshot("queue")
    assert (seen["depth"], seen["order"], seen["positions"]) == (2, own, [2, 4])
    assert everything["order"] == [job_id for _, job_id in jobs]
    assert everything["positions"] == [1, 2, 3, 4]


async def test_events_are_told_to_their_user_and_to_the_owner(house: LiveHouse) -> None:
    async with (
        house.listen("anna") as anna,
        house.listen("ben") as ben,
        house.listen("owner") as owner,
    ):
        clients = {"anna": anna, "ben": ben, "owner": owner}
        for client in clients.values():
            await client.snapshot("jobs")
            await client.snapshot("queue")
        jobs = {user: await submit_as(house, user) for user in clients}
        async with house.client("ben") as program:
            await program.post(f"/api/jobs/{jobs['ben']}/cancel")
        await owner.until(lambda one: one.get("data", {}).get("status") == "canceled")
        await owner.until_it_stands("queue", lambda queue: queue["depth"] == 2)
        await anna.until(lambda one: one.get("data", {}).get("positions") == [1])
        for client in clients.values():
            await client.barrier()
    assert jobs_of(anna) == {jobs["anna"]}
    assert jobs_of(ben) == {jobs["ben"]}
    assert jobs_of(owner) == set(jobs.values())


async def test_whoever_comes_back_is_told_what_is_theirs_alone(house: LiveHouse) -> None:
    async with house.listen("owner") as keeps_it_awake:
        start = keeps_it_awake.last
        jobs = {user: await submit_as(house, user) for user in ("anna", "ben")}
        async with house.listen("anna") as anna:
            await anna.subscribe("jobs", "queue", after=start)
            await anna.until(lambda one: one.get("data", {}).get("id") == jobs["anna"])
            await anna.until(lambda one: one["topic"] == "queue")
            await anna.barrier()
    assert "snapshot" not in {message["type"] for message in anna.messages}
    assert jobs_of(anna) == {jobs["anna"]}


def running(user: str) -> Job:
    return a_job(id=f"job-of-{user}", user_id=user, status=JobStatus.RUNNING)


async def test_previews_are_shown_to_their_user_and_to_the_owner(house: LiveHouse) -> None:
    feed = house.studio.live.feed
    async with house.listen("anna") as anna, house.listen("owner") as owner:
        for client in (anna, owner):
            await client.snapshot("previews")
        for user in ("ben", "anna"):
            preview = Preview("3", "image/png", user.encode())
            feed.show(JobPreview(f"job-of-{user}", preview), user_id=user)
        for _ in range(2):
            assert isinstance(await owner.read(), Shown)
        assert isinstance(await anna.read(), Shown)
        await anna.barrier()
    assert [(one.head["job_id"], one.picture) for one in anna.previews] == [
        ("job-of-anna", b"anna")
    ]
    assert {one.head["job_id"] for one in owner.previews} == {"job-of-anna", "job-of-ben"}


async def test_links_in_events_are_signed_for_whoever_reads_them(house: LiveHouse) -> None:
    asset = Asset(
        id="0f7f2d3e-0000-4000-8000-000000000000",
        user_id="anna",
        hash="blake3:00",
        size_bytes=1,
        content_type="image/png",
        file_path="a.png",
        created_at=0,
        output_type=OutputType.IMAGE,
    )
    picture = JobPicture(running("anna"), (asset,), 0, None, None)
    urls = {}
    async with house.listen("anna") as anna, house.listen("owner") as owner:
        clients = {"anna": anna, "owner": owner}
        for client in clients.values():
            await client.snapshot("jobs")
        house.studio.live.feed.tell(Topic.JOBS, "changed", picture, user_id="anna")
        for user, client in clients.items():
            told = await client.until(lambda one: one.get("event") == "changed")
            urls[user] = told["data"]["outputs"][0]["url"]
    for user, url in urls.items():
        assert url.startswith(f"{house.url}/api/v2/assets/{asset.id}/content?user={user}&")


async def test_a_member_is_not_told_how_engines_do(house: LiveHouse) -> None:
    async with house.listen("anna") as anna:
        await anna.subscribe("engines")
        await anna.barrier()
    assert anna.messages[1]["error"]["code"] == "forbidden"
    assert {message["type"] for message in anna.messages} == {"hello", "error", "pong"}


async def test_a_stranger_is_refused_before_anything_is_said(house: LiveHouse) -> None:
    with pytest.raises(Exception, match="403"):
        async with listen(house.url, None):
            pass
    assert house.studio.live.feed.readers == 0
