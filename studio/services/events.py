"""In-process publish and subscribe: what services tell each other and every live stream.

Everything is published after its commit. A subscriber never slows a publisher: facts (status,
outputs) are kept in order, and of the rest (progress, previews) only the latest survives.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from studio.models import Asset, JobStatus, Preview, Progress

MAX_FACTS: Final = 4096


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A job entered ``status``, or moved in the queue (``queue_position`` counts from 1)."""

    status: JobStatus
    queue_position: int | None = None


@dataclass(frozen=True, slots=True)
class OutputCommitted:
    """An output asset of a job is durable."""

    asset: Asset


JobFact = StatusChanged | OutputCommitted


class JobWatcher:
    """One reader of one job's events, bounded whatever the reader does."""

    def __init__(self) -> None:
        self.facts: deque[JobFact] = deque(maxlen=MAX_FACTS)
        self.progress: Progress | None = None
        self.preview: Preview | None = None
        self.changed = asyncio.Event()

    def fact(self, fact: JobFact) -> None:
        self.facts.append(fact)
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
