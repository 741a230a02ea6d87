"""The queue of downloads: it is in the database, so it survives whatever happens to Studio."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

from studio.clients.transfer.throttle import Throttle
from studio.clock import Clock, new_id
from studio.errors import Conflict, NameTaken, NotFound, QueueFull
from studio.models import Identity, Record, unrecorded
from studio.remote import Wish
from studio.services.download_line import DownloadView, Entry, Want, ended_view, in_order, view
from studio.services.download_runs import Means, PublishedFile
from studio.services.download_wishes import new_download
from studio.services.download_work import MAX_ENDED, DownloadWork
from studio.store.downloads import Download, DownloadLimits, DownloadState, DownloadStore
from studio.store.part_folders import part_bytes, sweep

MAX_UNFINISHED: Final = 2_000
SHOWN_ENDED: Final = 50
LIMITS: Final = ""
"""What listeners are told instead of an id when the limits have changed."""


class Downloads:
    """Everything that is being fetched, waits for it, or was.

    Args:
        work: what does it.
        means: what an attempt needs; ``owner`` in it names the folder of this Studio's parts.
        throttle: what all transfers share.
        check_reference: refuses one that leads where nothing may be fetched from.
    """

    def __init__(
        self,
        *,
        store: DownloadStore,
        work: DownloadWork,
        means: Means,
        throttle: Throttle,
        clock: Clock,
        check_reference: Callable[[str], None],
        record: Record = unrecorded,
    ) -> None:
        self._store = store
        self._work = work
        self._means = means
        self._throttle = throttle
        self._clock = clock
        self._check_reference = check_reference
        self._record = record
        self._adding = asyncio.Lock()

    @property
    def limits(self) -> DownloadLimits:
        return self._work.limits

    def on_published(self, listener: Callable[[PublishedFile], Awaitable[None]]) -> None:
        """Be told of each file that got its name, once its row says so."""
        self._work.on_published(listener)

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Be told the id of each download that changed, progress excepted."""
        self._work.on_change(listener)

    # -- what people do ---------------------------------------------------------------------------

    async def add(self, wish: Wish, *, by: str) -> Download:
        """Want a file. The same file wanted twice is fetched once.

        Args:
            by: the id of who wants it.

        Raises:
            InvalidRequest, BlockedAddress, NotAModel, PickleRefused, Unprocessable: it cannot be
                wanted like that.
            NameTaken: a file of another hash is to have that name.
            QueueFull: too many wait.
        """
        made = new_download(wish, by=by, now_ms=self._clock.now_ms(), download_id=new_id())
        self._check_reference(made.reference)
        self._means.shelves.shelf(made.root, made.folder)
        async with self._adding:
            if (same := self._same(made)) is not None:
                if len({made.expected_sha256, same.row.expected_sha256} - {None}) > 1:
                    raise NameTaken("Another file of that name is being fetched.")
                return same.row
            if len(self._work.entries) >= MAX_UNFINISHED:
                raise QueueFull(f"{MAX_UNFINISHED} downloads wait already.", retry_after_s=60)
            made = replace(made, rank=self._last_rank() + 1)
            await self._store.put(made)
            self._work.entries[made.id] = Entry(made)
        self._work.changed(made.id)
        self._record(by, "download.added", made.title)
        self._work.wake()
        return made

    def _same(self, made: Download) -> Entry | None:
        for entry in self._work.entries.values():
            row = entry.row
            if row.root != made.root:
                continue
            sums = {row.expected_sha256, row.sha256} - {None}
            if made.expected_sha256 in sums:
                return entry
            if row.folder == made.folder and (
                row.name == made.name if made.name else row.reference == made.reference
            ):
                return entry
        return None

    def _last_rank(self) -> float:
        return max((entry.row.rank for entry in self._work.entries.values()), default=0.0)

    async def get(self, download_id: str, *, by: Identity | None = None) -> DownloadView:
        """One download.

        Args:
            by: who asks; ``None`` is Studio itself.

        Raises:
            NotFound: there is none of that id that they may see.
        """
        entry = self._work.entries.get(download_id)
        if entry is not None:
            found = view(entry, self._clock.monotonic_s())
        else:
            found = ended_view(await self._store.get(download_id))
        user_id = _alone(by)
        if user_id is not None and found.row.whose not in (None, user_id):
            raise NotFound("There is no such download.")
        return found

    async def list(
        self, *, ended: int = SHOWN_ENDED, by: Identity | None = None
    ) -> Sequence[DownloadView]:
        """All that have not ended, in their order, then the latest that have: of the models, and
        of what jobs of ``by`` named, or all jobs.
        """
        user_id = _alone(by)
        rows: Sequence[Download] = ()
        looked_at = -1
        while looked_at != self._work.changes:
            # One that ends meanwhile would be in neither of the two.
            looked_at = self._work.changes
            most = min(ended, MAX_ENDED)
            rows = await self._store.ended(most, user_id=user_id) if most else ()
        now_s = self._clock.monotonic_s()
        unfinished = [
            view(entry, now_s)
            for entry in in_order(self._work.entries.values())
            if user_id is None or entry.row.whose in (None, user_id)
        ]
        return [*unfinished, *(ended_view(row) for row in rows)]

    def active(self) -> Sequence[DownloadView]:
        """Those that are being worked on."""
        now_s = self._clock.monotonic_s()
        return [
            view(entry, now_s) for entry in self._work.entries.values() if entry.task is not None
        ]

    async def room(self) -> tuple[int, int]:
        """Bytes that parts take: of all downloads, and of those that have ended without success."""
        folders, owner = list(self._means.shelves.part_folders()), self._means.owner
        found = await asyncio.to_thread(part_bytes, folders, owner)
        ended = [size for one, size in found.items() if one not in self._work.entries]
        return sum(found.values()), sum(ended)

    async def wait(self, download_id: str) -> Download:
        """One download, once it has ended.

        Raises:
            NotFound: there is none of that id.
        """
        if (entry := self._work.entries.get(download_id)) is not None:
            await entry.ended.wait()
            return entry.row
        return await self._store.get(download_id)

    async def tried(self, download_id: str) -> Download:
        """One download, once it has ended, rests, or was tried and will be again.

        Raises:
            NotFound: there is none of that id.
        """
        if (entry := self._work.entries.get(download_id)) is not None:
            if entry.row.state is not DownloadState.PAUSED:
                await entry.tried.wait()
            return entry.row
        return await self._store.get(download_id)

    async def pause(self, download_id: str) -> DownloadView:
        """Let it rest until somebody resumes it; what came is kept.

        Raises:
            NotFound, Conflict: it is not there, or has ended.
            DiskFull, StorageUnavailable: that cannot be stored, and it goes on.
        """
        entry = await self._unfinished(download_id)
        async with entry.lock:
            await self._work.pause(entry)
        return await self.get(download_id)

    async def resume(self, download_id: str) -> DownloadView:
        """Let a paused one go on; one that waits for its next try goes at once.

        Raises:
            NotFound, Conflict: it is not there, or has ended.
        """
        entry = await self._unfinished(download_id)
        async with entry.lock:
            entry.not_before_s = 0.0
            if entry.row.state is DownloadState.PAUSED:
                await self._work.change(entry, state=DownloadState.QUEUED)
        self._work.wake()
        return await self.get(download_id)

    async def cancel(self, download_id: str) -> None:
        """Give it up, and its bytes; one that has ended is forgotten.

        Raises:
            NotFound: there is none of that id.
        """
        entry = self._work.entries.get(download_id)
        if entry is None:
            row = await self._store.get(download_id)
            await self._work.discard(row)
            await self._store.forget(download_id)
            self._work.changed(download_id)
            return
        async with entry.lock:
            await self._work.stop_run(entry, Want.CANCEL)
            if entry.row.state.has_ended:
                raise Conflict("It has ended just now.")
            await self._work.discard(entry.row)
            await self._work.end(entry, DownloadState.CANCELED)

    async def retry(
        self, download_id: str, *, allow_pickle: bool = False, replaces: bool = False
    ) -> DownloadView:
        """Try one again that failed or was cancelled.

        Args:
            allow_pickle: the owner's word for this file, given now.
            replaces: the owner's word that the file which has its name may go.

        Raises:
            NotFound: there is none of that id.
            Conflict: it has not ended, or is done.
        """
        async with self._adding:
            if download_id in self._work.entries:
                raise Conflict("It has not ended.")
            row = await self._store.get(download_id)
            if row.state is DownloadState.DONE:
                raise Conflict("It is done.")
            if self._same(row) is not None:
                raise Conflict("The same file is being fetched already.")
            row = replace(
                row,
                state=DownloadState.QUEUED,
                error=None,
                ended_at=None,
                rank=self._last_rank() + 1,
                allow_pickle=row.allow_pickle or allow_pickle,
                replaces=row.replaces or replaces,
            )
            await self._store.put(row)
            self._work.entries[row.id] = Entry(row)
        self._work.changed(row.id)
        self._work.wake()
        return await self.get(download_id)

    async def move(
        self, download_id: str, *, before: str | None = None, priority: int | None = None
    ) -> DownloadView:
        """Change whose turn it is.

        Args:
            before: the one that it shall come right before; else it becomes the last.
            priority: higher ones come first; that of ``before`` counts if there is one.

        Raises:
            NotFound, Conflict: one of them is not there, or has ended.
        """
        entry = await self._unfinished(download_id)
        rank = self._last_rank() + 1
        if before is not None:
            next_one = await self._unfinished(before)
            priority, rank = next_one.row.priority, next_one.row.rank
            earlier = [
                one.row.rank
                for one in self._work.entries.values()
                if one is not entry and one.row.priority == priority and one.row.rank < rank
            ]
            rank = (max(earlier) + rank) / 2 if earlier else rank - 1
        new = entry.row.priority if priority is None else priority
        async with entry.lock:
            await self._work.change(entry, rank=rank, priority=new)
        self._work.wake()
        return await self.get(download_id)

    async def set_limits(self, limits: DownloadLimits) -> DownloadLimits:
        """Change how many and how fast; it counts at once, and from now on."""
        await self._store.put_limits(limits)
        self._work.limits = limits
        self._throttle.set(limits.bytes_per_second)
        self._work.wake()
        self._work.changed(LIMITS)
        return limits

    # -- the life of Studio -----------------------------------------------------------------------

    async def open(self) -> None:
        """Take up what an earlier Studio left, and remove what nobody knows any more."""
        limits = self._work.limits = await self._store.limits()
        self._throttle.set(limits.bytes_per_second)
        for row in await self._store.unfinished():
            state = row.state if row.state is DownloadState.PAUSED else DownloadState.QUEUED
            self._work.entries[row.id] = Entry(replace(row, state=state))
        keep = {*self._work.entries, *(row.id for row in await self._store.ended(MAX_ENDED))}
        folders = list(self._means.shelves.part_folders())
        await asyncio.to_thread(sweep, folders, self._means.owner, keep)

    async def run(self) -> None:
        """Do the work; the body of a task."""
        await self._work.run()

    async def _unfinished(self, download_id: str) -> Entry:
        entry = self._work.entries.get(download_id)
        if entry is None:
            await self._store.get(download_id)
            raise Conflict("It has ended.")
        return entry


def _alone(by: Identity | None) -> str | None:
    """The user whose jobs' downloads are the only ones of jobs that are shown."""
    return None if by is None or by.sees_all else by.user_id
