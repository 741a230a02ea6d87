"""What was heard and has no effect yet: chats side by side, each in its order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from studio.clock import Clock
from studio.telegram_errors import TelegramUnavailable
from studio.telegram_records import Incoming

log = logging.getLogger(__name__)

PATIENCE_S: Final = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
"""Before each further attempt, the last for all that follow."""
_DAY_S: Final = 86_400.0
Handle = Callable[[int, Sequence[Incoming]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Waiting:
    """An update, and since when it waits for its effect, in seconds."""

    incoming: Incoming
    since_s: float


class HeardChats:
    """A task for each chat that was heard, until all that it said has its effect.

    Args:
        handle: has the effects of what one chat says, in its order, each once however often it is
            asked for them.
    """

    def __init__(self, handle: Handle, clock: Clock) -> None:
        self._handle = handle
        self._clock = clock
        self._waiting: dict[int, list[_Waiting]] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._failure: Exception | None = None

    def hear(self, bot_id: int, heard: Sequence[Incoming]) -> None:
        """Begin with updates; those that are under way already are passed over."""
        known, now_s = set(self._ids()), self._clock.monotonic_s()
        for incoming in sorted(heard, key=lambda each: each.update_id):
            if incoming.update_id in known:
                continue
            chat_id = incoming.chat_id
            self._waiting.setdefault(chat_id, []).append(_Waiting(incoming, now_s))
            if chat_id not in self._tasks:
                self._tasks[chat_id] = asyncio.create_task(self._work(bot_id, chat_id))

    async def settle(self, seconds: float) -> int | None:
        """Wait for all effects, but no longer than that.

        Returns:
            The lowest id of an update whose effect is still to come.

        Raises:
            Exception: what a chat ended by; what is left of it is to be heard again.
        """
        if self._tasks:
            await asyncio.wait(list(self._tasks.values()), timeout=seconds)
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return min(self._ids(), default=None)

    async def drop(self) -> None:
        """End all that is under way; it is to be heard again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks.clear()
        self._waiting.clear()
        self._failure = None

    def _ids(self) -> list[int]:
        return [each.incoming.update_id for chat in self._waiting.values() for each in chat]

    async def _work(self, bot_id: int, chat_id: int) -> None:
        waiting = self._waiting[chat_id]
        failures = 0
        try:
            while waiting:
                batch = [each.incoming for each in waiting]
                (end,) = await asyncio.gather(self._handle(bot_id, batch), return_exceptions=True)
                if isinstance(end, TelegramUnavailable):
                    # Perhaps only this chat's file; Telegram itself keeps nothing for longer.
                    log.warning("telegram, in one chat: %s", end.message)
                    oldest_s = self._clock.monotonic_s() - _DAY_S
                    waiting[:] = [each for each in waiting if each.since_s > oldest_s]
                    patience_s = PATIENCE_S[min(failures, len(PATIENCE_S) - 1)]
                    failures += 1
                    await asyncio.sleep(end.retry_after_s or patience_s)
                elif isinstance(end, Exception):
                    self._failure = end
                    return
                elif isinstance(end, BaseException):
                    raise end
                else:
                    failures = 0
                    del waiting[: len(batch)]
        finally:
            # In one step with the failure: nothing is confirmed that is to be heard again.
            del self._waiting[chat_id], self._tasks[chat_id]
