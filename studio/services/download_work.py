"""The downloads that are worked on: whose turn it is, and what becomes of each."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from studio.clients.transfer.records import Stopped
from studio.clock import Clock
from studio.errors import NameTaken, StudioError
from studio.models import Record, unrecorded
from studio.services.download_line import Entry, Meter, Want, in_order
from studio.services.download_runs import SPOILT, Means, PublishedFile, Run
from studio.store.downloads import (
    Download,
    DownloadError,
    DownloadLimits,
    DownloadState,
    DownloadStore,
)
from studio.store.part_folders import discard, part_in

log = logging.getLogger(__name__)

MAX_ENDED: Final = 500
"""How many that have ended are remembered."""
RETRY_S: Final = (30.0, 120.0, 600.0, 1800.0)
"""After how long one is tried again whose server, or whose disk, had a bad moment."""
_TRANSIENT: Final = frozenset(
    {"source_unreachable", "stalled", "rate_limited", "source_error", "storage_unavailable"}
)
_LOOK_S: Final = 0.5
_STOP_S: Final = 4.0


class DownloadWork:
    """Every download that has not ended, and a task for each that runs.

    Args:
        means: what an attempt needs.
        retry_s: the waits between tries; after the last one it has failed.
    """

    def __init__(
        self,
        *,
        store: DownloadStore,
        means: Means,
        clock: Clock,
        record: Record = unrecorded,
        retry_s: Sequence[float] = RETRY_S,
    ) -> None:
        self._store = store
        self._means = means
        self._clock = clock
        self._record = record
        self._retry_s = retry_s
        self._woken = asyncio.Event()
        self._published: list[Callable[[PublishedFile], Awaitable[None]]] = []
        self._listeners: list[Callable[[str], None]] = []
        self.entries: dict[str, Entry] = {}
        self.changes = 0
        """How often something was different."""
        self.limits = DownloadLimits()
        self._is_held = False

    def on_published(self, listener: Callable[[PublishedFile], Awaitable[None]]) -> None:
        """Be told of each file that got its name, once its row says so."""
        self._published.append(listener)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Be told the id of each download that changed, progress excepted."""
        self._listeners.append(listener)

    def wake(self) -> None:
        """Look at once whose turn it is."""
        self._woken.set()

    def changed(self, download_id: str) -> None:
        """Tell that something is different about a download."""
        self.changes += 1
        for listener in self._listeners:
            listener(download_id)

    async def run(self) -> None:
        """Start what is next, and measure; the body of a task. Ends all transfers with it."""
        try:
            while True:
                self._dispatch()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S if self.entries else None):
                        await self._woken.wait()
                self._woken.clear()
                self._measure()
        finally:
            await asyncio.shield(self._stop())

    def _measure(self) -> None:
        now_s = self._clock.monotonic_s()
        for entry in self.entries.values():
            if entry.run is not None:
                entry.meter.look(entry.run.received, now_s)

    @property
    def running(self) -> int:
        """How many are being fetched, or looked at, just now."""
        return sum(entry.task is not None for entry in self.entries.values())

    async def hold(self) -> None:
        """End every attempt at a safe place, and begin none until ``go_on`` or the next start."""
        self._is_held = True
        active = [entry for entry in self.entries.values() if entry.task is not None]
        for entry in active:
            if entry.want is None:
                await self.stop_run(entry, Want.WAIT)

    def go_on(self) -> None:
        """Begin what waits."""
        self._is_held = False
        self.wake()

    def _dispatch(self) -> None:
        if self._is_held:
            return
        now_s = self._clock.monotonic_s()
        active = in_order(one for one in self.entries.values() if one.task is not None)
        for entry in active[self.limits.concurrency :]:
            if entry.want is None and entry.run is not None:
                entry.want = Want.WAIT
                entry.run.stop()
        waiting = in_order(
            one
            for one in self.entries.values()
            if one.task is None
            and one.row.state is DownloadState.QUEUED
            and one.not_before_s <= now_s
        )
        for entry in waiting[: max(0, self.limits.concurrency - len(active))]:
            entry.want = None
            entry.task = asyncio.create_task(self._go(entry), name=f"download {entry.row.id}")

    async def _go(self, entry: Entry) -> None:
        try:
            await self._attempt(entry)
        except StudioError as error:
            # What became of it cannot be stored: it waits, and is looked at again.
            log.warning("a download cannot be noted: %s", error.message)
            self._wait(entry, self._retry_s[0] if self._retry_s else 0.0)
        except Exception:
            log.exception("a download has failed in a way that nobody foresaw")
            with contextlib.suppress(StudioError):
                await self._failed(entry, StudioError("A defect of Studio's; its log has more."))
        finally:
            entry.run = entry.task = None
            self._woken.set()

    async def _attempt(self, entry: Entry) -> None:
        async def note(**changes: Any) -> Download:
            await self.change(entry, **changes)
            return entry.row

        entry.meter = Meter()
        entry.run = run = Run(entry.row, self._means, note, lambda name: self._free(entry, name))
        if entry.want is not None:
            run.stop()
        try:
            now_ms = self._clock.now_ms()
            started_at = entry.row.started_at or now_ms
            await note(state=DownloadState.RESOLVING, started_at=started_at, error=None)
            published = await run.go()
        except Stopped:
            entry.received = run.received or entry.received
            if entry.want in (None, Want.WAIT):
                await self.change(entry, state=DownloadState.QUEUED)
        except StudioError as error:
            entry.received = run.received or entry.received
            if entry.meter.speed > 0:
                entry.failures = 0
            await self._failed(entry, error)
        else:
            await self._done(entry, published)

    def _free(self, entry: Entry, name: str) -> None:
        wanted = replace(entry.row, name=name).place
        if any(one.row.place == wanted for one in self.entries.values() if one is not entry):
            raise NameTaken("Another download brings a file of that name already.")

    def _wait(self, entry: Entry, seconds: float) -> None:
        entry.not_before_s = self._clock.monotonic_s() + seconds
        if not entry.row.state.has_ended:
            entry.row = replace(entry.row, state=DownloadState.QUEUED)

    async def _done(self, entry: Entry, published: PublishedFile) -> None:
        await self.end(
            entry,
            DownloadState.DONE,
            name=published.name,
            size_bytes=published.size_bytes,
            sha256=published.sha256,
            error=None,
        )
        self._record(entry.row.user_id, "download.done", entry.row.title)
        await self.tell(published)

    async def tell(self, published: PublishedFile) -> None:
        """Tell that a file has its name, however it came."""
        for listener in self._published:
            try:
                await listener(published)
            except StudioError as error:
                log.warning("%s is there, but: %s", published.name, error.message)

    async def _failed(self, entry: Entry, error: StudioError) -> None:
        told = DownloadError(error.code, error.message, error.details)
        if error.code in SPOILT:
            await self.discard(entry.row)
            entry.received = 0
        entry.failures += 1
        if error.code in _TRANSIENT and entry.failures <= len(self._retry_s):
            seconds = max(self._retry_s[entry.failures - 1], error.retry_after_s or 0)
            self._wait(entry, seconds)
            log.warning(
                "%s does not come and is tried again in %d s: %s",
                entry.row.title,
                seconds,
                error.message,
            )
            await self.change(entry, state=DownloadState.QUEUED, error=told)
            return
        self._record(entry.row.user_id, "download.failed", entry.row.title)
        await self.end(entry, DownloadState.FAILED, error=told)

    async def stop_run(self, entry: Entry, want: Want) -> None:
        """End the attempt at a download, and wait for that; it may have been done just before."""
        entry.want = want
        if entry.run is not None:
            entry.run.stop()
        if entry.task is not None:
            await asyncio.wait([entry.task])

    async def _stop(self) -> None:
        """End all transfers; each of them keeps what came."""
        tasks = [entry.task for entry in self.entries.values() if entry.task is not None]
        for entry in self.entries.values():
            if entry.run is not None:
                entry.run.stop()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=_STOP_S)
            for task in late:
                task.cancel()

    async def change(self, entry: Entry, **changes: Any) -> None:
        """Store what is different about one; one that has ended stays as it ended.

        Raises:
            DiskFull, StorageUnavailable: nothing changed.
        """
        async with entry.storing:
            # Its attempt and a person may change it at once: neither takes the other's word back.
            if entry.row.state.has_ended:
                return
            row = replace(entry.row, **changes)
            await self._store.put(row)
            entry.row = row
        if row.state is DownloadState.PAUSED or row.error is not None:
            entry.tried.set()
        self.changed(row.id)

    async def end(self, entry: Entry, state: DownloadState, **changes: Any) -> None:
        """One has ended. If that cannot be stored it counts until the next start, which looks anew.

        Raises:
            DiskFull, StorageUnavailable: it cannot.
        """
        async with entry.storing:
            row = replace(entry.row, state=state, ended_at=self._clock.now_ms(), **changes)
            try:
                await self._store.put(row)
                await self._store.forget_ended(MAX_ENDED)
            finally:
                entry.row = row
                del self.entries[row.id]
                entry.ended.set()
                entry.tried.set()
                self.changed(row.id)
                self._woken.set()

    async def pause(self, entry: Entry) -> None:
        """Let one rest. If that cannot be stored it goes on.

        Raises:
            DiskFull, StorageUnavailable: it cannot.
        """
        await self.stop_run(entry, Want.PAUSE)
        try:
            await self.change(entry, state=DownloadState.PAUSED)
        except StudioError:
            self._wait(entry, 0.0)
            self.wake()
            raise

    async def discard(self, row: Download) -> None:
        """Give back the space of what came."""

        def work() -> None:
            for folder in self._means.shelves.part_folders():
                discard(part_in(folder, self._means.owner, row.id))

        await asyncio.get_running_loop().run_in_executor(self._means.threads, work)
