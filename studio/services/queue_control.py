"""Pause and resume, remembered over restarts."""

from __future__ import annotations

from collections.abc import Callable

from studio.models import OWNER_ID, Identity, Record, unrecorded
from studio.services.queue import JobQueue
from studio.store.prefs import PrefStore

_PAUSED = "queue_paused"


class QueueControl:
    """The switch between the queue and the engines."""

    def __init__(
        self,
        *,
        queue: JobQueue,
        prefs: PrefStore,
        wake: Callable[[], None],
        record: Record = unrecorded,
    ) -> None:
        self._queue = queue
        self._record = record
        self._prefs = prefs
        self._wake = wake

    @property
    def paused(self) -> bool:
        return self._queue.paused

    def depth(self, identity: Identity) -> int:
        """Unfinished jobs the caller can see."""
        return self._queue.depth if identity.sees_all else self._queue.depth_of(identity.user_id)

    async def load(self) -> None:
        """Take over what was set before the restart."""
        self._queue.pause(await self._prefs.get(_PAUSED) == "1")

    async def pause(self) -> None:
        """Jobs inside engines go on; nothing more is sent."""
        await self._prefs.put(_PAUSED, "1")
        self._queue.pause(True)
        # Nobody else may.
        self._record(OWNER_ID, "queue.paused", "")

    async def resume(self) -> None:
        """Send again."""
        await self._prefs.put(_PAUSED, "0")
        self._queue.pause(False)
        self._record(OWNER_ID, "queue.resumed", "")
        self._wake()
