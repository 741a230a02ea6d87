"""Comfy API v2's live events."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from studio.web.job_events import MAX_STREAMS_PER_USER
from tests.api.graphs import (
    code_of,
    endless,
    events_of,
    fresh_color,
    read_events,
    solid,
    submit,
    submit_v2,
    text_to_image,
    wait_ended,
    wait_for_status,
)
from tests.api.studio_process import RunningStudio


def names(events: list[tuple[str, Any]]) -> list[str]:
    return [name for name, _ in events]


def test_a_stream_tells_the_whole_job_in_order(paused: httpx.Client) -> None:
    job = submit_v2(paused, text_to_image(seed=fresh_color(), steps=8))
    with paused.stream("GET", job["urls"]["events"]) as answer:
        events: list[tuple[str, Any]] = []
        for event in read_events(answer.iter_lines()):
            if not events:
                paused.post("/api/queue/resume")
            events.append(event)
    assert events[0] == ("status", {"status": "queued", "queue_position": 1})
    assert events[-1] == ("status", {"status": "succeeded", "queue_position": None})
    assert names(events).count("output") == 1
    assert {"progress", "preview"} <= set(names(events))
    statuses = [data["status"] for name, data in events if name == "status"]
    assert list(dict.fromkeys(statuses)) == ["queued", "running", "succeeded"]
    values = [data["value"] for name, data in events if name == "progress"]
    assert values == sorted(values)
    assert values[-1] == 1.0


def test_a_preview_is_a_picture_of_the_node_that_runs(owner: httpx.Client) -> None:
    job = submit_v2(owner, endless())
    with owner.stream("GET", job["urls"]["events"]) as answer:
        shown = next(data for name, data in read_events(answer.iter_lines()) if name == "preview")
    owner.post(job["urls"]["cancel"])
    assert shown["node_id"] == "5"
    assert shown["content_type"] == "image/jpeg"
    with Image.open(io.BytesIO(base64.b64decode(shown["data_base64"]))) as picture:
        assert picture.format == "JPEG"
    wait_ended(owner, job["id"])


def test_every_output_comes_before_the_terminal_status_even_from_the_cache(
    owner: httpx.Client,
) -> None:
    graph = solid()
    graph["3"] = {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}}
    graph["4"] = {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "b"}}
    for _ in range(2):
        job = submit_v2(owner, graph)
        events = events_of(owner, job["id"])
        assert names(events)[0] == names(events)[-1] == "status"
        streamed = {data["id"] for name, data in events if name == "output"}
        stored = {output["id"] for output in wait_ended(owner, job["id"])["outputs"]}
        assert streamed == stored
        assert len(stored) == 3


def test_a_late_stream_tells_a_finished_job_in_short(owner: httpx.Client) -> None:
    job = wait_ended(owner, submit_v2(owner, solid())["id"])
    events = events_of(owner, job["id"])
    assert names(events) == ["status", "output", "status"]
    assert events[-1][1]["status"] == "succeeded"
    assert events[1][1]["id"] == job["outputs"][0]["id"]


def test_a_late_stream_of_a_canceled_job_is_one_status(paused: httpx.Client) -> None:
    job = submit_v2(paused, solid())
    paused.post(job["urls"]["cancel"])
    assert events_of(paused, job["id"]) == [
        ("status", {"status": "canceled", "queue_position": None})
    ]


def test_a_cancel_shows_in_the_stream(owner: httpx.Client) -> None:
    job = submit_v2(owner, endless())
    wait_for_status(owner, job["id"], "running")
    with owner.stream("GET", job["urls"]["events"]) as answer:
        events = read_events(answer.iter_lines())
        assert next(events)[1]["status"] == "running"
        owner.post(job["urls"]["cancel"])
        statuses = [data["status"] for name, data in events if name == "status"]
    assert statuses[-1] == "canceled"
    assert set(statuses) <= {"canceling", "canceled"}


def test_a_waiting_job_hears_of_its_place(paused: httpx.Client) -> None:
    first, second = submit(paused, solid()), submit(paused, solid())
    with paused.stream("GET", second["urls"]["events"]) as answer:
        events = read_events(answer.iter_lines())
        assert next(events)[1]["queue_position"] == 2
        paused.post(f"/api/jobs/{first['id']}/cancel")
        assert next(events) == ("status", {"status": "queued", "queue_position": 1})
        paused.post(f"/api/jobs/{second['id']}/cancel")
        assert list(events)[-1][1]["status"] == "canceled"


@pytest.fixture
def waiting(paused: httpx.Client) -> Iterator[dict[str, Any]]:
    """A job that waits for as long as the test lasts."""
    yield submit(paused, solid())


def test_the_hundred_and_first_stream_is_refused_until_one_is_closed(
    studio: RunningStudio, waiting: dict[str, Any]
) -> None:
    limits = httpx.Limits(max_connections=None)
    with studio.client(limits=limits) as client, ExitStack() as streams:

        def open_stream() -> httpx.Response:
            return streams.enter_context(client.stream("GET", waiting["urls"]["events"]))

        opened = [open_stream() for _ in range(MAX_STREAMS_PER_USER)]
        assert {answer.status_code for answer in opened} == {200}
        refused = client.get(waiting["urls"]["events"])
        assert (refused.status_code, code_of(refused)) == (429, "too_many_streams")
        assert int(refused.headers["retry-after"]) > 0
        assert client.get(waiting["urls"]["self"]).status_code == 200
        opened[0].close()
        # A busy server notices late that somebody hung up.
        deadline_s = time.monotonic() + 30
        while (again := open_stream()).status_code != 200 and time.monotonic() < deadline_s:
            again.close()
            time.sleep(0.02)
        assert again.status_code == 200
    with studio.client() as client:
        events = client.stream("GET", waiting["urls"]["events"])
        with events as answer:
            assert answer.status_code == 200


def test_a_client_that_hangs_up_before_the_first_byte_is_not_counted_for_ever(
    studio: RunningStudio, waiting: dict[str, Any]
) -> None:
    host, port = urlsplit(studio.url).netloc.split(":")
    key = studio.make_key("jobs")
    for _ in range(MAX_STREAMS_PER_USER + 20):
        with socket.create_connection((host, int(port))) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            connection.sendall(
                f"GET {waiting['urls']['events']} HTTP/1.1\r\nHost: x\r\n"
                f"Authorization: Bearer {key}\r\n\r\n".encode()
            )
    with studio.client() as client:
        for _ in range(200):
            with client.stream("GET", waiting["urls"]["events"]) as answer:
                if answer.status_code == 200:
                    return
    raise AssertionError("streams of clients that are gone still count")


async def test_all_streams_of_a_job_get_the_same_end(studio: RunningStudio) -> None:
    async with studio.async_client(limits=httpx.Limits(max_connections=None)) as client:
        await client.post("/api/queue/pause")
        made = await client.post("/api/v2/jobs", json={"workflow": solid()})
        path = made.json()["urls"]["events"]
        started: asyncio.Queue[None] = asyncio.Queue()

        async def read() -> list[str]:
            lines: list[str] = []
            async with client.stream("GET", path) as answer:
                async for line in answer.aiter_lines():
                    if not lines:
                        started.put_nowait(None)
                    if line.startswith("data: "):
                        lines.append(line)
            return lines

        readers = [asyncio.create_task(read()) for _ in range(20)]
        for _ in readers:
            await started.get()
        await client.post("/api/queue/resume")
        ends = [await reader for reader in readers]
    last = {json.loads(lines[-1].removeprefix("data: "))["status"] for lines in ends}
    outputs = {tuple(line for line in lines if '"node_id"' in line) for lines in ends}
    assert last == {"succeeded"}
    assert {len(found) for found in outputs} == {1}


def test_an_event_stream_asks_proxies_not_to_hold_it_back(owner: httpx.Client) -> None:
    job = wait_ended(owner, submit_v2(owner, solid())["id"])
    headers = owner.get(job["urls"]["events"]).headers
    assert headers["content-type"].startswith("text/event-stream")
    assert headers["x-accel-buffering"] == "no"
    assert "no-transform" in headers["cache-control"]
