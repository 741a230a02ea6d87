"""Replies that are being written, as readers follow them: they may come and go."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, Final

from studio.store.chat_records import Message

_LONGEST_END_S: Final = 30.0


async def to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Do what must not be cut in the middle; whoever is cancelled is so once it is over.

    What takes very long is cut all the same: somebody waits for the end.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task], timeout=_LONGEST_END_S)
        task.cancel()
        raise


class Turn:
    """What is answered to one message: a reply, and those it goes on in after tools.

    Args:
        first: the reply that is written first.
    """

    def __init__(self, user_id: str, first: Message) -> None:
        self.user_id = user_id
        self.conversation_id = first.conversation_id
        self.messages = [first]
        self.revisions = [0]
        """Counts what changed in each message besides its text growing."""
        self.room = 0
        """How many tokens the present request leaves to the conversation."""
        self.title = ""
        """The conversation's new one, once the model has found it."""
        self.is_over = False
        self.is_stopped = False
        self.is_ending = False
        """Whoever ends it a second time waits: what is stored at the end must not be cut off."""
        self.task: asyncio.Task[None] | None = None
        self._readers: set[asyncio.Event] = set()

    @property
    def message(self) -> Message:
        """The one that is written now."""
        return self.messages[-1]

    def grow(self, message: Message) -> None:
        """The present message has more text."""
        self.messages[-1] = message
        self._tell()

    def change(self, message: Message) -> None:
        """The present message has another status, or other calls."""
        self.messages[-1] = message
        self.revisions[-1] += 1
        self._tell()

    def go_on(self, message: Message) -> None:
        """The reply goes on in another message."""
        self.messages.append(message)
        self.revisions.append(0)
        self._tell()

    def name(self, title: str) -> None:
        """The conversation has a title by the model."""
        self.title = title
        self._tell()

    def end(self) -> None:
        """Nothing more will change."""
        self.is_over = True
        self._tell()

    @contextlib.contextmanager
    def read(self) -> Iterator[asyncio.Event]:
        """An event that is set whenever something changed."""
        changed = asyncio.Event()
        self._readers.add(changed)
        try:
            yield changed
        finally:
            self._readers.discard(changed)

    def _tell(self) -> None:
        for reader in self._readers:
            reader.set()
