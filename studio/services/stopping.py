"""Getting ready for an end that somebody announces: a rented machine that is about to be removed.

Nothing more is sent or fetched, what runs may end, everything is stored, and then Studio says so.
It is remembered nowhere: the next start works as ever, and so does whoever takes it back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from studio.errors import StudioError
from studio.models import Identity, Job, Record
from studio.services.background import watched
from studio.services.backups import BackupService
from studio.services.download_work import DownloadWork
from studio.services.queue import JobQueue

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.2
_NAME: Final = "stop"
Flush = Callable[[], Awaitable[None]]
"""Stores what is kept in memory for a while."""


class Phase(StrEnum):
    """How far the preparation is."""

    NONE = "none"
    DOWNLOADS = "downloads"
    JOBS = "jobs"
    SAVING = "saving"
    SAFE = "safe"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Preparation:
    """The present state; ``reason`` says why it failed."""

    phase: Phase = Phase.NONE
    waits: bool = True
    reason: str | None = None


class StopService:
    """Prepares the stop, once asked to.

    Args:
        wake: have the queue looked at again once it was taken back.
        held: where it is said why no work is taken.
        flush: everything that is kept in memory for a while.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        downloads: DownloadWork,
        backups: BackupService,
        wake: Callable[[], None],
        flush: Sequence[Flush],
        held: dict[str, str],
        record: Record,
    ) -> None:
        self._queue = queue
        self._downloads = downloads
        self._backups = backups
        self._wake = wake
        self._flush = flush
        self._held = held
        self._record = record
        self._state = Preparation()
        self._task: asyncio.Task[None] | None = None
        self._changing = asyncio.Lock()

    @property
    def state(self) -> Preparation:
        """How far it is; whoever waits for the word does not wait for a task that failed."""
        has_ended = self._task is not None and self._task.done()
        if has_ended and self._state.phase not in (Phase.SAFE, Phase.FAILED, Phase.NONE):
            reason = "A defect of Studio's; its log has more."
            return replace(self._state, phase=Phase.FAILED, reason=reason)
        return self._state

    def jobs_inside(self) -> list[Job]:
        """Jobs that were sent, or are being sent, to an engine."""
        inside = (each for each in self._queue.live.values() if not each.waiting and not each.held)
        return [live.job for live in inside]

    def downloads_running(self) -> int:
        return self._downloads.running

    async def prepare(self, identity: Identity, *, wait: bool) -> None:
        """Begin; what is under way already begins anew.

        Args:
            wait: let jobs end that are inside engines. Else they run again after the next start,
                apart from paid ones, which never run twice.
        """
        async with self._changing:
            await self._end_task()
            self._queue.stop(True)
            self._held[_NAME] = "Studio is about to be stopped"
            self._state = Preparation(Phase.DOWNLOADS, waits=wait)
            self._task = watched(self._work(), "preparing the stop")
        self._record(identity.user_id, "studio.stop_prepared", "")

    async def take_back(self, identity: Identity) -> None:
        """Work as before."""
        async with self._changing:
            await self._end_task()
            if self._state.phase is Phase.NONE:
                return
            self._state = Preparation()
            self._downloads.go_on()
            self._queue.stop(False)
            self._held.pop(_NAME, None)
            self._wake()
        self._record(identity.user_id, "studio.stop_taken_back", "")

    async def close(self) -> None:
        """Studio itself ends."""
        await self._end_task()

    async def _end_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _work(self) -> None:
        try:
            # What is fetched goes on later from the byte it is at.
            await self._downloads.hold()
            self._state = replace(self._state, phase=Phase.JOBS)
            while self._state.waits and self.jobs_inside():  # noqa: ASYNC110 - the feed listens
                await asyncio.sleep(_LOOK_S)
            self._state = replace(self._state, phase=Phase.SAVING)
            for store in self._flush:
                await store()
            await self._backups.snapshot("before-stop")
        except StudioError as error:
            log.error("the stop could not be prepared: %s", error.message)
            self._state = replace(self._state, phase=Phase.FAILED, reason=error.message)
        else:
            self._state = replace(self._state, phase=Phase.SAFE)
            log.info("everything is stored; Studio can be stopped now")
