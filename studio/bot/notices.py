"""What the bot tells unasked: jobs that were started elsewhere and ended, disks nearly full."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from studio.bot.words import say, why
from studio.clock import Clock
from studio.errors import StudioError
from studio.graphs.problems import clip
from studio.models import JobStatus
from studio.services.telegram_people import TelegramPeople
from studio.store.telegram_chats import TelegramChats
from studio.store.telegram_notices import Ended, TelegramNotices
from studio.telegram_records import Outgoing, Person

LOOK_S: Final = 5.0
DISK_S: Final = 60.0
TIDY_S: Final = 3_600.0
ONE_BY_ONE: Final = 3
"""More jobs than that which ended together are told in one sentence."""
_TITLE: Final = 120
_TOLD: Final = (JobStatus.SUCCEEDED, JobStatus.FAILED)


class Notices:
    """Looks now and then, for those who want to be told.

    Args:
        disks: volumes with ``level`` and ``free_bytes``, as the disks' page has them.
        wake: there may be something to send.
    """

    def __init__(
        self,
        *,
        people: TelegramPeople,
        notices: TelegramNotices,
        chats: TelegramChats,
        disks: Callable[[], Awaitable[Sequence[dict[str, Any]]]],
        clock: Clock,
        wake: Callable[[], None],
    ) -> None:
        self._people = people
        self._notices = notices
        self._chats = chats
        self._disks = disks
        self._clock = clock
        self._wake = wake

    async def run(self) -> None:
        """Look; the body of a task."""
        disks_at_s = tidy_at_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            try:
                now_s = self._clock.monotonic_s()
                if now_s >= tidy_at_s:
                    tidy_at_s = now_s + TIDY_S
                    await self._chats.forget_old(self._clock.now_ms())
                listening = [
                    person for person in await self._people.everybody() if person.blocked_at is None
                ]
                await self._tell_jobs([person for person in listening if person.notify_jobs])
                owners = [person for person in listening if person.notify_disk]
                if owners and now_s >= disks_at_s:
                    disks_at_s = now_s + DISK_S
                    await self._tell_disks(owners)
            except StudioError:
                # What ended is told once the database can be asked again.
                continue

    async def _tell_jobs(self, people: Sequence[Person]) -> None:
        for person in people:
            ended, until = await self._notices.ended(person.chat_id, self._clock.now_ms())
            if ended:
                told = [job for job in ended if job.status in _TOLD]
                messages = _about_jobs(told, person.language)
                await self._notices.tell_jobs(person.chat_id, until, messages, self._clock.now_ms())
                self._wake()

    async def _tell_disks(self, people: Sequence[Person]) -> None:
        full = [disk for disk in await self._disks() if disk.get("level") == "full"]
        free = min((int(disk["free_bytes"]) for disk in full), default=None)
        for person in people:
            message = None
            if free is not None:
                left = f"{free // 2**20} MiB"
                message = Outgoing(text=say(person.language, "notice_disk", free=left))
            await self._notices.tell_disk(person.chat_id, message, self._clock.now_ms())
        self._wake()


def _about_jobs(jobs: Sequence[Ended], language: str) -> list[Outgoing]:
    if len(jobs) > ONE_BY_ONE:
        failed = sum(job.status is JobStatus.FAILED for job in jobs)
        text = say(language, "notice_many", done=len(jobs) - failed, failed=failed)
        return [Outgoing(text=text)]
    return [
        Outgoing(
            text=say(
                language,
                "notice_done" if job.status is JobStatus.SUCCEEDED else "notice_failed",
                title=clip(job.title, _TITLE),
                reason=why(language, job.code, job.reason),
            )
        )
        for job in jobs
    ]
