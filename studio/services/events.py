"""In-process publish and subscribe: what services tell each other and every live stream.

Everything is published after its commit. A subscriber never slows a publisher: changes of status
are kept in order, outputs are read from the live job, and of the rest (progress, previews) only
the latest survives.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from studio.models import JobStatus, Preview, Progress

MAX_STATUSES: Final = 64
"""A reader that is further behind misses the oldest changes, never the last."""


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A job entered ``status``, or moved in the queue (``queue_position`` counts from 1)."""

    status: JobStatus
    queue_position: int | None = None


class Watcher(Protocol):
    """Whoever is told what happens to one job."""

    def show_status(self, change: StatusChanged) -> None: ...

    def show_outputs(self) -> None:
        """The live job has more outputs than before."""

    def show_progress(self, progress: Progress) -> None: ...

    def show_preview(self, preview: Preview) -> None: ...


class JobWatcher:
    """One reader of one job's events, bounded whatever the reader does."""

    def __init__(self) -> None:
        self.statuses: deque[StatusChanged] = deque(maxlen=MAX_STATUSES)
        self.progress: Progress | None = None
        self.preview: Preview | None = None
        self.changed = asyncio.Event()

    def show_status(self, change: StatusChanged) -> None:
        if self.statuses and self.statuses[-1].status is change.status:
            self.statuses.pop()
        self.statuses.append(change)
        self.changed.set()

    def show_outputs(self) -> None:
        """The live job has more outputs than before."""
        self.changed.set()

    def show_progress(self, progress: Progress) -> None:
        self.progress = progress
        self.changed.set()

    def show_preview(self, preview: Preview) -> None:
        self.preview = preview
        self.changed.set()


class Signal:
    """A plain list of callbacks for one kind of happening."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def connect(self, listener: Callable[[], None]) -> None:
        self._listeners.append(listener)

    def emit(self) -> None:
        for listener in self._listeners:
            listener()
