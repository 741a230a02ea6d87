"""The live WebSocket, against a real Studio with the embedded engine."""

from __future__ import annotations

import asyncio
import io
import os
from typing import Any

import httpx
import pytest
from PIL import Image
from websockets.exceptions import InvalidStatus

from tests.api.graphs import (
    endless,
    fresh_color,
    run,
    solid,
    submit,
    text_to_image,
    wait_ended,
    wait_for_status,
)
from tests.api.live_client import LiveClient, Message, Shown, is_change, listen
from tests.api.studio_process import OWNER_KEY, RunningStudio


def events(client: LiveClient, topic: str, event: str) -> list[Message]:
    return [
        message
        for message in client.messages
        if (message["type"], message.get("topic"), message.get("event")) == ("event", topic, event)
    ]


def studio_job(client: httpx.Client, job_id: str) -> Message:
    """The job as ``GET /api/jobs/{id}`` shows it, without what depends on the moment."""
    body = dict(client.get(f"/api/jobs/{job_id}").json())
    del body["starts_in_ms"], body["recipe"]
    return body


def post(client: httpx.Client, path: str, body: Message | None = None) -> None:
    assert client.post(path, json=body).is_success


def owner_engines(client: httpx.Client) -> Any:
    return client.get("/api/system/engines").json()["engines"]


async def test_a_job_is_told_from_its_submit_to_its_end(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        await client.snapshot("jobs")
        job = submit(owner, text_to_image(seed=fresh_color(), steps=40, size=512))
        ended = await client.until(is_change(job["id"], "succeeded"))
    changes = [one["data"] for one in events(client, "jobs", "changed")]
    told = [data["status"] for data in changes if data["id"] == job["id"]]
    assert list(dict.fromkeys(told)) == ["queued", "running", "succeeded"]
    assert told.count("succeeded") == 1
    assert ended["data"] == studio_job(owner, job["id"])
    assert len(ended["data"]["outputs"]) == 1
    progress = [
        one["data"]["progress"]["value"]
        for one in events(client, "jobs", "progress")
        if one["data"]["id"] == job["id"]
    ]
    assert progress
    assert progress == sorted(progress)
    numbers = [message["n"] for message in client.messages if message["type"] == "event"]
    assert numbers == sorted(set(numbers))


async def test_links_in_events_open_the_output(studio: RunningStudio, owner: httpx.Client) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        await client.subscribe("jobs")
        job = submit(owner, solid())
        ended = await client.until(is_change(job["id"], "succeeded"))
    url = ended["data"]["outputs"][0]["url"]
    assert url.startswith(f"{studio.url}/api/v2/assets/")
    with studio.client(None) as stranger:
        assert stranger.get(url).headers["content-type"] == "image/png"


async def test_a_snapshot_has_what_is_unfinished_and_what_ended_lately(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    ended = [run(owner, solid())["id"] for _ in range(2)]
    endless_id = submit(owner, endless())["id"]
    wait_for_status(owner, endless_id, "running")
    async with listen(studio.url, OWNER_KEY) as client:
        jobs = (await client.snapshot("jobs"))["jobs"]
    post(owner, f"/api/jobs/{endless_id}/cancel")
    wait_ended(owner, endless_id)
    assert [job["id"] for job in jobs[:3]] == [endless_id, *reversed(ended)]
    assert [job["status"] for job in jobs[:3]] == ["running", "succeeded", "succeeded"]
    assert jobs[1] == studio_job(owner, ended[1])
    assert len(jobs) <= 21


async def test_the_queue_is_told_with_true_places(
    studio: RunningStudio, paused: httpx.Client
) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        empty = await client.snapshot("queue")
        first, second = submit(paused, solid())["id"], submit(paused, solid())["id"]
        told = await client.until(lambda one: one.get("data", {}).get("order") == [first, second])
        post(paused, f"/api/jobs/{second}/move", {"before": first})
        await client.until(lambda one: one.get("data", {}).get("order") == [second, first])
        post(paused, "/api/queue/resume")
        resumed = await client.until(lambda one: one.get("data", {}).get("paused") is False)
        post(paused, "/api/queue/pause")
    assert empty == {"paused": True, "depth": 0, "running": 0, "order": [], "positions": []}
    assert told["topic"] == "queue"
    assert told["data"]["depth"] == 2
    assert told["data"]["positions"] == [1, 2]
    assert resumed["data"]["depth"] <= 2


async def test_previews_are_binary_and_say_whose_they_are(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        await client.subscribe("previews")
        job = submit(owner, endless())
        while not isinstance(shown := await client.read(), Shown):
            pass
    post(owner, f"/api/jobs/{job['id']}/cancel")
    wait_ended(owner, job["id"])
    assert shown.head == {"job_id": job["id"], "node_id": "5", "content_type": "image/jpeg"}
    with Image.open(io.BytesIO(shown.picture)) as picture:
        assert picture.format == "JPEG"


async def test_engines_and_readiness_are_shown(studio: RunningStudio, owner: httpx.Client) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        engines = (await client.snapshot("engines"))["engines"]
        system = await client.snapshot("system")
        downloads = await client.snapshot("downloads")
    assert engines == owner_engines(owner)
    assert (engines[0]["name"], engines[0]["state"]) == ("embedded", "ready")
    assert system["ready"] is True
    assert [one for one in downloads["items"] if one["ended_at"] is None] == []
    assert downloads["limits"] == {"concurrency": 2, "bytes_per_second": None}
    assert system.keys() == {"ready", "reasons", "notices", "engine_kinds"}


async def test_the_machine_and_what_engines_write_are_told_as_their_routes_tell(
    studio: RunningStudio,
) -> None:
    async with studio.async_client() as owner, listen(studio.url, OWNER_KEY) as client:
        machine = await client.snapshot("machine")
        assert machine.keys() == (await owner.get("/api/system")).json().keys()
        assert machine["engines"][0]["name"] == "embedded"
        assert await client.snapshot("logs") == {}
        begin = await client.until(is_written)
        path = studio.folder / "logs" / "embedded.log"
        size = path.stat().st_size
        with path.open("a") as log:
            log.write(f"a canary, and {OWNER_KEY}\n")
        told = (await client.until(is_written))["data"]
        after = {"after": begin["data"]["next"]}
        asked = await owner.get("/api/system/engines/embedded/logs", params=after)
        # Other tests look for canaries in the logs of this Studio.
        os.truncate(path, size)
    assert told["after"] == begin["data"]["next"]
    assert "a canary, and ***" in told["lines"]
    assert asked.json()["lines"][: len(told["lines"])] == told["lines"]


def is_written(message: Message) -> bool:
    return (message["type"], message.get("topic")) == ("event", "logs")


async def test_whoever_was_away_goes_on_where_they_stopped(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        await client.snapshot("jobs")
    jobs = [run(owner, solid())["id"] for _ in range(3)]
    async with listen(studio.url, OWNER_KEY) as back:
        assert back.run == client.run
        await back.subscribe("jobs", after=client.last)
        await back.until(is_change(jobs[-1], "succeeded"))
    assert "snapshot" not in {message["type"] for message in back.messages}
    for job_id in jobs:
        told = [
            one["data"]["status"]
            for one in events(back, "jobs", "changed")
            if one["data"]["id"] == job_id
        ]
        assert told[0] == "queued"
        assert told.count("succeeded") == 1


@pytest.mark.parametrize("after", [-1, 1 << 40])
async def test_a_number_that_is_not_known_is_answered_with_a_snapshot(
    studio: RunningStudio, after: int
) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        await client.subscribe("jobs", after=after)
        answer = await client.read()
        assert isinstance(answer, dict)
        assert (answer["type"], answer["topic"]) == ("snapshot", "jobs")


async def test_nothing_comes_without_asking_or_after_unsubscribing(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    async with (
        listen(studio.url, OWNER_KEY) as silent,
        listen(studio.url, OWNER_KEY) as leaving,
        listen(studio.url, OWNER_KEY) as staying,
    ):
        for client in (leaving, staying):
            await client.snapshot("jobs")
        await leaving.say(type="unsubscribe", topics=["jobs"])
        await leaving.barrier()
        job = submit(owner, solid())
        await staying.until(is_change(job["id"], "succeeded"))
        for client in (silent, leaving):
            await client.barrier()
            assert events(client, "jobs", "changed") == []


@pytest.mark.parametrize(
    "said",
    [
        "",
        "{",
        "[]",
        '"ping"',
        "{}",
        '{"type": "dance"}',
        '{"type": "subscribe"}',
        '{"type": "subscribe", "topics": []}',
        '{"type": "subscribe", "topics": ["secrets"]}',
        '{"type": "subscribe", "topics": [{}, []]}',
        '{"type": "subscribe", "topics": "jobs"}',
        '{"type": "subscribe", "topics": ["jobs"], "after": "1"}',
        '{"type": "subscribe", "topics": ["jobs"], "after": true}',
        '{"type": "ping", "x": "' + "x" * 20_000 + '"}',
        b"\xff\xfe",
    ],
    ids=lambda said: str(said)[:50],
)
async def test_nonsense_is_refused_and_ends_nothing(
    studio: RunningStudio, said: str | bytes
) -> None:
    async with listen(studio.url, OWNER_KEY) as client:
        await client.connection.send(said)
        answer = await client.read()
        assert isinstance(answer, dict)
        assert (answer["type"], answer["error"]["code"]) == ("error", "invalid_request")
        await client.barrier()


@pytest.mark.parametrize(
    ("scope", "refused"),
    [
        ("jobs", ["engines", "logs", "machine"]),
        ("assets", ["engines", "jobs", "logs", "machine", "previews", "queue"]),
    ],
)
async def test_a_topic_needs_the_scope_of_its_routes(
    studio: RunningStudio, scope: str, refused: list[str]
) -> None:
    async with listen(studio.url, studio.make_key(scope)) as client:
        codes = {}
        for topic in ("engines", "jobs", "logs", "machine", "previews", "queue", "system"):
            await client.subscribe(topic)
            answer = await client.read()
            assert isinstance(answer, dict)
            codes[topic] = answer.get("error", {}).get("code")
    assert sorted(topic for topic, code in codes.items() if code == "forbidden") == refused
    assert {code for topic, code in codes.items() if topic not in refused} == {None}


async def test_a_mixed_subscription_is_refused_as_a_whole(studio: RunningStudio) -> None:
    async with listen(studio.url, studio.make_key("jobs")) as client:
        await client.subscribe("jobs", "engines")
        await client.barrier()
    assert [message["type"] for message in client.messages] == ["hello", "error", "pong"]


@pytest.mark.parametrize("key", [None, "wrong"])
async def test_nobody_listens_without_a_key(studio: RunningStudio, key: str | None) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with listen(studio.url, key):
            pass
    assert refused.value.response.status_code == 403


async def test_a_hundred_clients_hear_the_same_bytes(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    async with asyncio.TaskGroup() as group:
        first = asyncio.Event()
        ready = 0
        heard: list[list[Message]] = []

        async def follow() -> None:
            nonlocal ready
            async with listen(studio.url, OWNER_KEY) as client:
                await client.snapshot("jobs")
                ready += 1
                if ready == 100:
                    first.set()
                ended = await client.until(lambda one: one.get("event") == "changed")
                heard.append([ended])

        for _ in range(100):
            group.create_task(follow())
        await first.wait()
        job = submit(owner, solid())
    assert len(heard) == 100
    assert all(one == heard[0] for one in heard)
    wait_ended(owner, job["id"])
