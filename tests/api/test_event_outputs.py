"""Every output reaches a stream before the job's end, however slowly its client reads."""

from __future__ import annotations

import json
from dataclasses import replace

from starlette.requests import Request

from studio.clock import FrozenClock
from studio.models import Asset, JobStatus, OutputType
from studio.services.events import JobWatcher
from studio.services.jobs import JobView
from studio.services.queue import JobQueue, LiveJob, output_order
from studio.web.job_events import JobStream
from studio.web.links import Links
from tests.fakes.asset_app import OWNER
from tests.unit.services.test_follower import JOB

MANY = 5000


def made(number: int) -> Asset:
    return Asset(
        id=f"{number:032x}",
        user_id="ann",
        hash="blake3:" + "0" * 64,
        size_bytes=1,
        content_type="image/png",
        file_path=f"{number}.png",
        created_at=0,
        job_id=JOB.id,
        node_id=str(MANY - number),
        output_index=0,
        output_type=OutputType.IMAGE,
    )


class Stage:
    """A running job and streams of it."""

    def __init__(self) -> None:
        self.clock, self.queue = FrozenClock(), JobQueue()
        self.live = LiveJob(replace(JOB, status=JobStatus.RUNNING))
        self.queue.add(self.live, waiting=False)

    def stream(self) -> JobStream:
        view = JobView(self.live.job, (), 0, None, self.live)
        scope = {"type": "http", "headers": [], "scheme": "http", "studio.identity": OWNER}
        request = Request(scope)
        links = Links(key=b"key", public_url="http://studio", clock=self.clock)
        return JobStream(
            view=view, queue=self.queue, request=request, links=links, clock=self.clock
        )

    def end(self) -> None:
        self.live.outputs.sort(key=output_order)
        self.live.update(status=JobStatus.SUCCEEDED)
        self.queue.finish(self.live, 1)
        self.live.announce()


def event_of(frame: bytes) -> tuple[str, str]:
    """The event's name, and the output's id or the status."""
    name, data = frame.decode().strip().split("\n")
    content = json.loads(data.removeprefix("data: "))
    return name.removeprefix("event: "), content.get("id") or content["status"]


async def test_a_client_that_reads_nothing_until_the_end_gets_every_output_once() -> None:
    stage = Stage()
    frames = stage.stream().frames()
    assert event_of(await anext(frames)) == ("status", "running")
    for start in range(0, MANY, 500):
        stage.live.publish(made(number) for number in range(start, start + 500))
    stage.end()
    events = [event_of(frame) async for frame in frames]
    assert sorted(events[:-1]) == [("output", made(number).id) for number in range(MANY)]
    assert events[-1] == ("status", "succeeded")


async def test_outputs_that_come_while_others_are_sent_are_neither_lost_nor_repeated() -> None:
    stage = Stage()
    frames = stage.stream().frames()
    await anext(frames)
    stage.live.publish([made(0), made(1)])
    events = [event_of(await anext(frames))]
    stage.live.publish([made(2), made(3)])
    stage.end()
    events += [event_of(frame) async for frame in frames]
    assert sorted(events[:-1]) == [("output", made(number).id) for number in range(4)]
    assert events[-1] == ("status", "succeeded")


async def test_a_job_that_ended_before_the_first_frame_is_told_in_short() -> None:
    stage = Stage()
    stage.live.publish([made(0)])
    frames = stage.stream().frames()
    stage.end()
    events = [event_of(frame) async for frame in frames]
    assert events == [("status", "running"), ("output", made(0).id), ("status", "succeeded")]


async def test_what_a_stream_keeps_does_not_grow_with_what_happens_to_the_job() -> None:
    stage = Stage()
    frames = stage.stream().frames()
    await anext(frames)
    [watcher] = stage.live.watchers
    assert isinstance(watcher, JobWatcher)
    for number in range(MANY):
        stage.live.update(status=JobStatus.QUEUED if number % 2 else JobStatus.RUNNING)
        stage.live.announce()
    assert len(watcher.statuses) < 100
    stage.end()
    assert [event_of(frame) async for frame in frames][-1] == ("status", "succeeded")
