"""A silent stream is kept alive: the comment line every 15 seconds, with a clock that jumps."""

from __future__ import annotations

import asyncio

from starlette.requests import Request

from studio.clock import FrozenClock
from studio.services.jobs import JobView
from studio.services.queue import JobQueue, LiveJob
from studio.web.job_events import HEARTBEAT_S, JobStream
from studio.web.links import Links
from tests.fakes.jobs import a_job


def waiting_job() -> LiveJob:
    return LiveJob(a_job(id="0f7f2d3e-0000-4000-8000-000000000000", user_id="owner"))


async def test_a_comment_comes_every_fifteen_seconds_of_silence() -> None:
    clock, queue, live = FrozenClock(), JobQueue(), waiting_job()
    queue.add(live, waiting=True)
    request = Request({"type": "http", "headers": [], "scheme": "http"})
    links = Links(key=b"key", public_url="http://studio", clock=clock)
    view = JobView(live.job, (), 0, 1, live)
    frames = JobStream(view=view, queue=queue, request=request, links=links, clock=clock).frames()
    assert b"queued" in await anext(frames)
    for _ in range(3):
        silence = asyncio.ensure_future(anext(frames))
        await asyncio.sleep(0.05)
        assert not silence.done()
        clock.advance(HEARTBEAT_S)
        assert (await asyncio.wait_for(silence, 10)).startswith(b":")
    assert HEARTBEAT_S == 15
    await frames.aclose()
    assert live.watchers == set()
