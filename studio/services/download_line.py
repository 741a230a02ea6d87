"""The downloads that have not ended, in memory: whose turn it is, and how far each of them is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from studio.services.download_runs import Run
from studio.store.downloads import Download, DownloadState, download_facts

_SPEED_S: Final = 5.0
"""Over how long a speed is smoothed."""


class Want(StrEnum):
    """Why a run was asked to stop."""

    PAUSE = "pause"
    CANCEL = "cancel"
    WAIT = "wait"


@dataclass
class Meter:
    """How fast bytes come."""

    speed: float = 0.0
    _bytes: int | None = None
    _at: float = 0.0

    def look(self, received: int | None, now_s: float) -> None:
        """Take in how many bytes are there now."""
        if received is None or self._bytes is None or received < self._bytes:
            self._bytes, self._at, self.speed = received, now_s, 0.0
            return
        passed = now_s - self._at
        if passed <= 0:
            return
        current = (received - self._bytes) / passed
        weight = min(1.0, passed / _SPEED_S) if self.speed else 1.0
        self.speed += (current - self.speed) * weight
        self._bytes, self._at = received, now_s


@dataclass
class Entry:
    """One download that has not ended, and the attempt at it that is under way."""

    row: Download
    run: Run | None = None
    task: asyncio.Task[None] | None = None
    want: Want | None = None
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    tried: asyncio.Event = field(default_factory=asyncio.Event)
    """It has ended, rests, or waits for another try."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """People act on it one after the other."""
    storing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """What is different about it is stored one after the other, whoever changes it."""
    meter: Meter = field(default_factory=Meter)
    failures: int = 0
    """Transient ones in a row."""
    not_before_s: float = 0.0
    """Monotonic: when it is tried again."""
    received: int = 0
    """As the last attempt left it."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a download is: bytes, bytes per second, seconds."""

    received: int
    size: int | None
    speed: float = 0.0
    eta_s: float | None = None
    retry_in_s: float | None = None


@dataclass(frozen=True, slots=True)
class DownloadView:
    """A download and how far it is, as it stands at one moment."""

    row: Download
    progress: Progress


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Those that run first, then as they will follow."""
    return sorted(entries, key=lambda entry: (entry.task is None, *entry.row.order))


def view(entry: Entry, now_s: float) -> DownloadView:
    """What is known of a download now."""
    run, row = entry.run, entry.row
    size = row.size_bytes or row.expected_bytes
    if run is not None:
        entry.received = run.received if run.received is not None else entry.received
        size = run.size or size
    speed = entry.meter.speed if row.state is DownloadState.DOWNLOADING else 0.0
    left = None if size is None else max(0, size - entry.received)
    wait = entry.not_before_s - now_s
    return DownloadView(
        row,
        Progress(
            entry.received,
            size,
            speed,
            left / speed if left is not None and speed >= 1 else None,
            wait if row.state is DownloadState.QUEUED and wait > 0 else None,
        ),
    )


def ended_view(row: Download) -> DownloadView:
    """One that has ended."""
    received = (row.size_bytes or 0) if row.state is DownloadState.DONE else 0
    return DownloadView(row, Progress(received, row.size_bytes))


def download_body(shown: DownloadView) -> dict[str, Any]:
    """A download as clients see it: what its row says, and how far it is."""
    progress = shown.progress
    return {
        **download_facts(shown.row),
        "size_bytes": progress.size,
        "received_bytes": progress.received,
        "bytes_per_second": round(progress.speed),
        "eta_seconds": _tenths(progress.eta_s),
        "retry_in_seconds": _tenths(progress.retry_in_s),
    }


def _tenths(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
