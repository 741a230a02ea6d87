"""Chats side by side: one thing at a time in each, and none of them waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

AT_ONCE: Final = 32


class Lanes:
    """At most one task for each chat, and so many of them at once.

    Args:
        over: one of them has ended.
    """

    def __init__(self, over: Callable[[], None]) -> None:
        self._over = over
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @property
    def busy(self) -> list[int]:
        """The chats in which something is under way."""
        return list(self._tasks)

    @property
    def has_room(self) -> bool:
        """Whether one more may begin."""
        return len(self._tasks) < AT_ONCE

    def start(self, chat_id: int, work: Coroutine[Any, Any, None]) -> None:
        """Begin in a chat that is free."""
        task = asyncio.create_task(work)
        self._tasks[chat_id] = task
        task.add_done_callback(lambda _: self._end(chat_id))

    def _end(self, chat_id: int) -> None:
        del self._tasks[chat_id]
        self._over()

    async def close(self) -> None:
        """End all that is under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
