"""How far jobs are, for webhooks that want it: the latest only, slowly, never after the end.

Nothing of it is stored. What could not be sent is outdated by what comes next.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import StudioError
from studio.models import Job, JobStatus, Preview, Progress
from studio.services.events import StatusChanged
from studio.services.queue import JobQueue, LiveJob
from studio.store.outbox import MESSAGE_PREFIX, Listener, Outbox, endpoint_of, lane_of
from studio.store.webhook_deliveries import Due
from studio.webhook_events import PROGRESS, body_of, progress_data

log = logging.getLogger(__name__)

Address = Callable[[str], Awaitable[tuple[str, str, tuple[str, ...]] | None]]
"""Whose a webhook is, where, and what signs for it; ``None`` while nothing may be sent there."""
_UNSTORED: Final = -1


class _Watcher:
    """Hears of one job that runs, and sends what it heard last."""

    def __init__(self, live: LiveJob, home: WebhookProgress) -> None:
        self.live = live
        self._home = home
        self._heard: Progress | None = live.progress
        self._filled = asyncio.Event()
        self._has_ended = False
        if live.progress is not None:
            self._filled.set()
        self.task = asyncio.create_task(self._run(), name=f"webhook progress {live.job.id}")

    def show_status(self, _change: StatusChanged) -> None:
        if self.live.job.status is not JobStatus.RUNNING:
            self._home.part(self)

    def end(self) -> None:
        """What is under way is finished, and what follows waits for it; nothing else is sent."""
        self._has_ended = True
        self._filled.set()

    def show_outputs(self) -> None:
        """Those have messages of their own."""

    def show_progress(self, progress: Progress) -> None:
        self._heard = progress
        self._filled.set()

    def show_preview(self, preview: Preview) -> None:
        """Pictures are not sent."""

    async def _run(self) -> None:
        try:
            listeners = await self._home.listeners(self.live.job)
            behind: Sequence[Listener] = ()
            while listeners:
                if not behind:
                    await self._filled.wait()
                if self._filled.is_set():
                    self._filled.clear()
                    behind = listeners
                if self._has_ended or self._heard is None:
                    return
                # Who cannot be told now is told the latest when they can.
                behind = await self._home.send(self.live.job, self._heard, behind)
                await self._home.rest()
        except StudioError as error:
            log.warning("no webhook hears of job %s: %s", self.live.job.id, error.message)


class WebhookProgress:
    """Watches jobs that run.

    Args:
        send: sends one message that nobody keeps; ``WebhookDelivery.send_progress``.
        address: of a webhook, by its id.
        every_s: how long it rests after each message about one job.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        queue: JobQueue,
        clock: Clock,
        send: Callable[[Due], Awaitable[bool]],
        address: Address,
        every_s: float,
    ) -> None:
        self._outbox = outbox
        self._queue = queue
        self._clock = clock
        self._send = send
        self._address = address
        self._every_s = every_s
        self._watchers: dict[str, _Watcher] = {}
        self._is_closed = False

    def begin(self, job: Job) -> None:
        """That job runs now; nothing is begun any more once this is closed."""
        live = self._queue.live.get(job.id)
        if live is not None and not self._is_closed and job.id not in self._watchers:
            watcher = self._watchers[job.id] = _Watcher(live, self)
            live.watchers.add(watcher)

    def begin_all(self) -> None:
        """Take up those that an earlier Studio saw begin."""
        for live in list(self._queue.live.values()):
            if live.job.status is JobStatus.RUNNING and self._outbox.concerns(live.job):
                self.begin(live.job)

    def part(self, watcher: _Watcher) -> None:
        """Its job does not run any more."""
        self._watchers.pop(watcher.live.job.id, None)
        watcher.live.watchers.discard(watcher)
        watcher.end()

    async def listeners(self, job: Job) -> Sequence[Listener]:
        """Who wants to hear how far that job is."""
        return await self._outbox.hear_progress(job)

    async def rest(self) -> None:
        """Wait until the next message may go."""
        await asyncio.sleep(self._every_s)

    async def send(
        self, job: Job, progress: Progress, listeners: Sequence[Listener]
    ) -> Sequence[Listener]:
        """Send it to each of them, as things stand; returns those that something else is before."""
        left = []
        at_ms = self._clock.now_ms()
        body = body_of(PROGRESS, at_ms, progress_data(job, progress))
        for listener in listeners:
            found = await self._address(listener.webhook_id)
            if found is None:
                continue
            user_id, url, secrets = found
            due = Due(
                seq=_UNSTORED,
                id=MESSAGE_PREFIX + new_id().replace("-", ""),
                webhook_id=listener.webhook_id,
                user_id=user_id,
                type=PROGRESS,
                lane=lane_of(listener, job.id),
                endpoint=endpoint_of(listener.webhook_id, listener.url),
                body=body,
                attempts=0,
                url=listener.url or url,
                secrets=secrets if listener.secret is None else (listener.secret,),
                is_of_job=listener.url is not None,
            )
            if not await self._send(due):
                left.append(listener)
        return left

    async def close(self) -> None:
        """Send nothing more."""
        self._is_closed = True
        watchers = list(self._watchers.values())
        for watcher in watchers:
            self.part(watcher)
            watcher.task.cancel()
        await asyncio.gather(*(one.task for one in watchers), return_exceptions=True)
