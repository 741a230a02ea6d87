"""Whether there is room for more jobs: those that wait are counted, and those on their way in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from studio.errors import QueueFull, Unavailable
from studio.models import Identity
from studio.services.queue import JobQueue
from studio.services.quotas import QuotaService


class Entrance:
    """Lets jobs in as long as there are places.

    Args:
        max_depth: unfinished jobs in all; what one person may have say the quotas.
    """

    def __init__(self, queue: JobQueue, quotas: QuotaService, max_depth: int) -> None:
        self._queue = queue
        self._quotas = quotas
        self._max_depth = max_depth
        # Submits at once must not all see the last free place.
        self._entering: Counter[str] = Counter()

    def open(self, identity: Identity, count: int = 1) -> Callable[[], None]:
        """Keep places for jobs that are being judged and stored.

        Returns:
            What gives the places back, and is called in the moment in which the queue counts the
            jobs, or nobody wants them any more. Once or more often.

        Raises:
            Unavailable, QueueFull: nobody, or not this caller, may bring so many.
        """
        self._require_room(identity, count)
        user_id, kept = identity.user_id, count
        self._entering[user_id] += count

        def close() -> None:
            nonlocal kept
            self._entering[user_id] -= kept
            kept = 0

        return close

    def _require_room(self, identity: Identity, count: int) -> None:
        if self._queue.stopping:
            raise Unavailable(
                "This Studio is about to be stopped and takes no new jobs.", retry_after_s=30
            )
        room = self._max_depth - self._queue.depth - self._entering.total()
        if count > room:
            raise QueueFull(
                f"The queue is full ({self._max_depth} jobs). Try again soon."
                if room <= 0
                else f"The queue has room for {room} more jobs, not for {count}.",
                details={"room": max(0, room)},
                retry_after_s=5,
            )
        own = self._queue.depth_of(identity.user_id) + self._entering[identity.user_id]
        self._quotas.require_jobs(identity, own, count)
