"""A job's live events as Server-Sent Events, derived from the one picture in memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any, Final

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from studio.clock import Clock
from studio.errors import TooManyStreams
from studio.models import Asset, Identity, Job, JobStatus
from studio.services.events import JobWatcher
from studio.services.jobs import JobView
from studio.services.queue import JobQueue, LiveJob
from studio.waits import set_within
from studio.web.job_bodies import output_body, preview_body, progress_body
from studio.web.links import Links

MAX_STREAMS_PER_USER: Final = 100
HEARTBEAT_S: Final = 15.0
THROTTLE_S: Final = 0.5


class StreamLimit:
    """Counts each user's open streams."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    def enter(self, user_id: str) -> None:
        """Count a stream; ``leave`` must follow.

        Raises:
            TooManyStreams: the user has 100 already.
        """
        if self._open[user_id] >= MAX_STREAMS_PER_USER:
            raise TooManyStreams(
                f"You have {MAX_STREAMS_PER_USER} event streams open; close one first. "
                "Polling the job works without a stream.",
                retry_after_s=5,
            )
        self._open[user_id] += 1

    def leave(self, user_id: str) -> None:
        self._open[user_id] -= 1
        if not self._open[user_id]:
            del self._open[user_id]


class EventResponse(Response):
    """Frames as they come; counted against the user's limit for exactly as long as it is open.

    Args:
        frames: the stream; it is closed when the client hangs up.
        limit: where ``identity``'s user has entered already.
        is_live: whether the caller would still be let in; asked with every frame.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        frames: AsyncGenerator[bytes, None],
        *,
        limit: StreamLimit,
        identity: Identity,
        is_live: Callable[[Identity], bool],
    ) -> None:
        super().__init__(
            headers={"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
        )
        del self.headers["content-length"]
        self._frames = frames
        self._limit = limit
        self._identity = identity
        self._is_live = is_live

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        sending = asyncio.create_task(self._send(send))
        gone = asyncio.create_task(_hung_up(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Whatever ends the stream: it is closed and no longer counted.
            sending.cancel()
            gone.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
            await self._frames.aclose()
            self._limit.leave(self._identity.user_id)
        if not sending.cancelled():
            sending.result()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for frame in self._frames:
            if not self._is_live(self._identity):
                break
            await send({"type": "http.response.body", "body": frame, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _hung_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class JobStream:
    """One client's stream: snapshot first, then changes, the terminal status last."""

    def __init__(
        self, *, view: JobView, queue: JobQueue, request: Request, links: Links, clock: Clock
    ) -> None:
        self._view = view
        self._queue = queue
        self._request = request
        self._links = links
        self._clock = clock
        self._sent: set[str] = set()
        self._position: int | None = None
        self._shown_s = float("-inf")

    async def frames(self) -> AsyncGenerator[bytes, None]:
        """SSE frames until the job has ended."""
        live = self._view.live
        job = self._view.job if live is None else live.job
        if live is None or job.status.is_terminal:
            for frame in self._ended(job, self._view.outputs if live is None else live.outputs):
                yield frame
            return
        watcher = JobWatcher()
        live.watchers.add(watcher)
        try:
            for frame in self._snapshot(live):
                yield frame
            while True:
                for frame in self._changes(live, watcher):
                    yield frame
                if live.job.status.is_terminal and not watcher.statuses:
                    return
                if not await self._wait(watcher):
                    yield b": alive\n\n"
        finally:
            live.watchers.discard(watcher)

    def _ended(self, job: Job, outputs: Sequence[Asset]) -> Iterator[bytes]:
        """A finished job's story in short, for a client that came late.

        The outputs stand between a first and the terminal status, as they would have live.
        """
        if outputs:
            yield _frame("status", {"status": JobStatus.RUNNING, "queue_position": None})
        for asset in outputs:
            yield _frame("output", output_body(asset, self._request, self._links))
        yield _frame("status", {"status": job.status, "queue_position": None})

    def _snapshot(self, live: LiveJob) -> Iterator[bytes]:
        self._position = self._queue.position(live)
        yield self._status(live.job.status, self._position)
        yield from self._outputs(live)
        if live.progress is not None:
            yield _frame("progress", progress_body(live.progress))
        if live.preview is not None:
            yield _frame("preview", preview_body(live.preview))

    def _changes(self, live: LiveJob, watcher: JobWatcher) -> Iterator[bytes]:
        """What is new, in the order it happened: the terminal status after everything else."""
        watcher.changed.clear()
        while watcher.statuses:
            change = watcher.statuses.popleft()
            if change.status.is_terminal:
                yield from self._outputs(live)
                yield from self._show(watcher)
            yield self._status(change.status, change.queue_position)
        yield from self._outputs(live)
        if self._clock.monotonic_s() - self._shown_s >= THROTTLE_S:
            yield from self._show(watcher)
        position = self._queue.position(live) if live.waiting else None
        if position is not None and position != self._position:
            self._position = position
            yield self._status(live.job.status, position)

    def _show(self, watcher: JobWatcher) -> Iterator[bytes]:
        progress, preview = watcher.progress, watcher.preview
        watcher.progress = watcher.preview = None
        if progress is not None:
            yield _frame("progress", progress_body(progress))
        if preview is not None:
            yield _frame("preview", preview_body(preview))
        if progress is not None or preview is not None:
            self._shown_s = self._clock.monotonic_s()

    async def _wait(self, watcher: JobWatcher) -> bool:
        """Until something changed or may be shown; ``False`` when only the heartbeat is due."""
        held_back = watcher.progress is not None or watcher.preview is not None
        deadline_s = self._clock.monotonic_s() + HEARTBEAT_S
        if held_back:
            due_s = self._shown_s + THROTTLE_S
            await set_within(watcher.changed, max(0.01, due_s - self._clock.monotonic_s()))
            return True
        while (left_s := deadline_s - self._clock.monotonic_s()) > 0:
            if await set_within(watcher.changed, min(left_s, 1.0)):
                return True
            live = self._view.live
            if live is not None and live.waiting and self._queue.position(live) != self._position:
                return True
        return False

    def _outputs(self, live: LiveJob) -> Iterator[bytes]:
        """Every output that was not sent yet; their order changes at the end, their ids do not."""
        if len(live.outputs) == len(self._sent):
            return
        for asset in [one for one in live.outputs if one.id not in self._sent]:
            self._sent.add(asset.id)
            yield _frame("output", output_body(asset, self._request, self._links))

    @staticmethod
    def _status(status: JobStatus, position: int | None) -> bytes:
        return _frame("status", {"status": status, "queue_position": position})


def _frame(event: str, data: dict[str, Any]) -> bytes:
    return b"event: " + event.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
