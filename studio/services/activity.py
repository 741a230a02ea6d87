"""Who did what, written down beside the work and told to whoever listens."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence, Sized
from dataclasses import replace
from typing import Any, Final

from studio.clock import Clock, iso
from studio.errors import StudioError
from studio.logs import key_in_use
from studio.models import Identity
from studio.store.activity import ActivityFilter, ActivityStore, Entry

log = logging.getLogger(__name__)

MAX_WAITING: Final = 1000
_MAX_SUBJECT: Final = 200
_MAX_DATA: Final = 20
_AT_ONCE: Final = 200
_RETRY_S: Final = 2.0


class Activity:
    """Takes entries at once and stores them in order, some at a time.

    What was recorded less than a moment before a kill may be lost: it is a diary, and no work waits
    for its disk.
    """

    def __init__(self, *, store: ActivityStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._waiting: deque[Entry] = deque(maxlen=MAX_WAITING)
        self._filled = asyncio.Event()
        self._listeners: list[Callable[[Entry], None]] = []
        self._stored = 0

    def on_stored(self, listener: Callable[[Entry], None]) -> None:
        """Be told each entry once it is stored."""
        self._listeners.append(listener)

    def record(self, user_id: str | None, kind: str, subject: str, **data: Any) -> None:
        """Write down that something was done; returns at once.

        Args:
            user_id: who did it; ``None`` when nobody who is known did.
            kind: a noun and a verb of the past with a dot between: ``workflow.saved``.
            subject: what it was done to, in words for people. Never a secret.
            data: a few more facts, as JSON has them.
        """
        facts = {name: _short(value) for name, value in list(data.items())[:_MAX_DATA]}
        key = key_in_use.get()
        if key is not None and key.name:
            facts["key"] = _text(key.name)
        self._waiting.append(Entry(self._clock.now_ms(), user_id, kind, _text(subject), facts))
        self._filled.set()

    async def page(self, identity: Identity, wanted: ActivityFilter) -> Sequence[Entry]:
        """Entries, the newest first: the caller's own, the owner's view of all."""
        await self.store()
        if not identity.sees_all:
            wanted = replace(wanted, user_id=identity.user_id)
        return await self._store.page(wanted)

    async def recent(self, identity: Identity, limit: int) -> Sequence[Entry]:
        """The newest entries that the caller may see; none that was told before is missing."""
        while True:
            await self.store()
            stored = self._stored
            found = await self.page(identity, ActivityFilter(limit=limit))
            if self._stored == stored:
                return found

    async def run(self) -> None:
        """Store what comes; the body of a task."""
        while True:
            await self._filled.wait()
            try:
                await self.store()
            except StudioError as error:
                log.warning("activity cannot be stored: %s", error.message)
                await asyncio.sleep(_RETRY_S)

    async def store(self) -> None:
        """Store all that waits.

        Raises:
            DiskFull, StorageUnavailable: what could not be stored waits on.
        """
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(_AT_ONCE, len(self._waiting)))]
            try:
                stored = await self._store.add(taken)
            except StudioError:
                room = MAX_WAITING - len(self._waiting)
                self._waiting.extendleft(reversed(taken[-room:] if room else []))
                self._filled.set()
                raise
            self._stored += len(stored)
            for entry in stored:
                for listener in self._listeners:
                    listener(entry)
        self._filled.clear()


def entry_body(entry: Entry) -> dict[str, Any]:
    """An entry as everybody is shown it who may see it."""
    return {
        "id": entry.seq,
        "at": iso(entry.at),
        "user_id": entry.user_id,
        "user_name": entry.user_name,
        "kind": entry.kind,
        "subject": entry.subject,
        "data": dict(entry.data),
    }


def _short(value: Any) -> Any:
    """A value as it is stored: text is cut, and of what holds more only the number is kept."""
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    return len(value) if isinstance(value, Sized) else _text(str(value))


def _text(text: str) -> str:
    # Half a surrogate pair can neither be stored nor sent.
    return text[:_MAX_SUBJECT].encode("utf-8", "replace").decode()
