"""The one SQLite connection, and transactions that share a commit.

One piece of work at a time uses the connection. Work that arrives meanwhile waits and then shares
the next commit, so a thousand submits at once cost a few fsyncs, and an idle Studio answers one
submit with exactly one. Short writes run on the event loop as long as the disk is quick, which
costs less than a thread; everything else runs on the database's own thread. WAL with an exclusive
lock needs no shared memory, so the file may lie on a network volume; FULL means that what was
acknowledged is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

from studio.errors import StorageUnavailable, StudioError
from studio.store.commit_log import CommitLog
from studio.store.connection import abandon, connect, is_fault, is_full, translate
from studio.store.disk_speed import DiskSpeed
from studio.store.lease import LeaseLost
from studio.store.outage import Outage
from studio.store.work_line import Item, Outcome, WorkLine

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_PATIENCE_S: Final = 0.01
_PROBE: Final = (
    "INSERT INTO meta (key, value) VALUES ('probes', '1')"
    " ON CONFLICT (key) DO UPDATE SET value = value + 1"
)


class Database:
    """One SQLite file, one connection, one piece of work at a time.

    Args:
        path: the database file; its folder must exist.
        guard: called before and after each commit; it raises ``LeaseLost`` when another Studio
            holds the volume: then nothing is acknowledged or written any more.
        speed: whether short writes may be waited for on the event loop.
    """

    def __init__(
        self,
        path: Path,
        guard: Callable[[], None] | None = None,
        speed: DiskSpeed | None = None,
    ) -> None:
        self._path = path
        self._guard = guard
        self._speed = speed or DiskSpeed()
        self._log = CommitLog(path)
        self._is_log_long = False
        self._alarm: asyncio.TimerHandle | None = None
        self._connection: sqlite3.Connection | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="db")
        self._line = WorkLine()
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._halted: str | None = None
        self._commits = 0
        self._outage = Outage()

    @property
    def path(self) -> Path:
        return self._path

    @property
    def commits(self) -> int:
        """How many transactions changed something since this object was made."""
        return self._commits

    @property
    def fault(self) -> str | None:
        """Why writes are refused at the moment, or ``None`` when the database is writable."""
        return self._outage.message if self._halted is None else self._halted

    async def open(self, prepare: Callable[[sqlite3.Connection], None] | None = None) -> None:
        """Open the file and run ``prepare`` (the migrations) on the connection.

        Raises:
            DiskFull, StorageUnavailable: the file cannot be opened or is locked by another process.
            Whatever ``prepare`` raises.
        """
        await asyncio.get_running_loop().run_in_executor(self._executor, self._open, prepare)

    def _open(self, prepare: Callable[[sqlite3.Connection], None] | None) -> None:
        try:
            connection = connect(self._path)
        except sqlite3.Error as error:
            raise translate(error, self._path.parent) from error
        try:
            if prepare is not None:
                prepare(connection)
        except BaseException as error:
            connection.close()
            if isinstance(error, sqlite3.Error) and is_fault(error):
                raise translate(error, self._path.parent) from error
            raise
        self._connection = connection

    def halt(self, reason: str) -> None:
        """Refuse every later write, waiting ones too: another Studio holds the volume now.

        From here on the files are not touched again, not even by ``close``.
        """
        self._halted = reason
        self._line.refuse_writes(StorageUnavailable(reason))

    async def write(
        self,
        work: Work[T],
        *,
        durable: bool = True,
        short: bool = False,
        patient: bool = False,
        at_once: bool = False,
    ) -> T:
        """Run ``work`` inside a transaction and return its result once that is on disk.

        Work that raises is rolled back alone; others that share the commit are not affected.

        Args:
            durable: whether it must survive a power cut too. Without, it survives the death of
                this process and costs no fsync: right for what is worthless after a power cut.
            short: whether it is a handful of statements on single rows and touches no files.
            patient: whether it may wait some milliseconds for others to share its commit with.
            at_once: whether it waits for nobody: nothing else is expected in the same moment, or
                it has no fsync to share.

        Raises:
            DiskFull, StorageUnavailable: nothing was acknowledged. After an I/O error in the very
                moment of the commit it may still be found after a restart.
            Whatever ``work`` raises.
        """
        if self._halted is not None:
            raise StorageUnavailable(self._halted)
        self._outage.require_over()
        future = asyncio.get_running_loop().create_future()
        item = Item(work, future, True, False, durable, short, patient, at_once)
        result: T = await self._submit(item)
        return result

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on the connection's thread; it must not write."""
        loop = asyncio.get_running_loop()
        result: T = await self._submit(Item(work, loop.create_future(), writes=False))
        return result

    async def run_alone(self, work: Work[T]) -> T:
        """Run ``work`` outside any transaction, as ``VACUUM INTO`` needs; it must not write."""
        loop = asyncio.get_running_loop()
        result: T = await self._submit(Item(work, loop.create_future(), writes=False, alone=True))
        return result

    async def probe(self) -> None:
        """While writes fail, try one of no consequence, so that an idle Studio recovers too.

        It changes a number: what is set to what it was is never written, and proves nothing.

        Raises:
            DiskFull, StorageUnavailable: still failing.
        """
        if self._outage.message is not None:
            await self.write(lambda connection: connection.execute(_PROBE).rowcount)

    async def close(self) -> None:
        """Finish what waits, fold the log into the file and close it. Idempotent."""
        if self._closed:
            return
        self._closed = True
        if self._alarm is not None:
            self._alarm.cancel()
            self._lose_patience(asyncio.get_running_loop())
        await self._idle.wait()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=True)

    def _close(self) -> None:
        with contextlib.suppress(StudioError):
            self._require_lease()
        if self._connection is not None and self._halted is None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._drop()

    def _drop(self) -> None:
        """Let go of the connection; one that was halted must not fold its log into the file."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        self._log.let_go()
        if self._halted is None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()
        else:
            abandon(connection, self._path)

    def _submit(self, item: Item) -> asyncio.Future[Any]:
        if self._closed:
            raise StorageUnavailable("Studio is shutting down.")
        loop = asyncio.get_running_loop()
        self._line.add(item)
        if item.patient and self._alarm is None:
            self._alarm = loop.call_later(_PATIENCE_S, self._lose_patience, loop)
        elif not item.patient:
            self._begin(loop, at_once=item.at_once)
        return item.future

    def _lose_patience(self, loop: asyncio.AbstractEventLoop) -> None:
        self._alarm = None
        self._line.press()
        if self._line.is_pressing:
            self._begin(loop)

    def _begin(self, loop: asyncio.AbstractEventLoop, *, at_once: bool = False) -> None:
        if self._idle.is_set():
            self._idle.clear()
            if at_once:
                self._start_batch(loop)
            else:
                # One turn more, and what the same news set off elsewhere shares the commit.
                loop.call_soon(loop.call_soon, self._start_batch, loop)

    def _start_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        batch = self._line.take()
        if self._speed.is_quick and all(item.short for item in batch):
            self._deliver(loop, batch, self._run_here(batch))
        else:
            done = loop.run_in_executor(self._executor, self._run_batch, batch)
            done.add_done_callback(lambda finished: self._take_results(loop, batch, finished))

    def _run_here(self, batch: list[Item]) -> list[Outcome]:
        try:
            if not any(item.durable for item in batch):
                # Without a sync it says nothing of the disk.
                return self._run_batch(batch)
            with self._speed.measure():
                return self._run_batch(batch)
        except Exception as error:  # noqa: BLE001 - whoever waits is told, as from the thread
            return [(None, error)] * len(batch)

    def _take_results(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[Item],
        finished: asyncio.Future[list[Outcome]],
    ) -> None:
        failure = finished.exception()
        lost: Outcome = (None, failure)
        results = finished.result() if failure is None else [lost] * len(batch)
        self._deliver(loop, batch, results)

    def _deliver(
        self, loop: asyncio.AbstractEventLoop, batch: list[Item], results: list[Outcome]
    ) -> None:
        for item, outcome in zip(batch, results, strict=True):
            item.settle(outcome)
        if self._is_log_long and not self._closed:
            self._is_log_long = False
            checkpoint = Item(self._checkpoint, loop.create_future(), writes=False, alone=True)
            self._line.add(checkpoint, first=True)
        if self._line.is_pressing:
            self._start_batch(loop)
        else:
            self._idle.set()

    def _checkpoint(self, connection: sqlite3.Connection) -> None:
        """Fold the log into the file, on the thread: a commit that did it would be a long one."""
        with contextlib.suppress(sqlite3.Error, StudioError):
            self._require_lease()
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def _run_batch(self, batch: list[Item]) -> list[Outcome]:
        """Run every item, one commit for all of them."""
        writes = sum(item.writes for item in batch)
        try:
            if writes:
                self._require_lease()
            connection = self._connected()
            changes = connection.total_changes
            if writes:
                self._log.sync_commits(connection, any(i.durable for i in batch if i.writes))
                connection.execute("BEGIN IMMEDIATE")
            results = [item.run(connection, alone=writes == 1) for item in batch]
            if writes:
                connection.execute("COMMIT")
                # This process may have been stopped during the commit, long enough for another to
                # move the database away: what it wrote since then is not there.
                self._require_lease()
            if connection.total_changes != changes:
                self._commits += 1
                self._is_log_long = self._log.is_long()
                self._outage.end()
        except (sqlite3.Error, StudioError) as error:
            fault = self._fail(error)
            return [(None, type(fault)(fault.message)) for _ in batch]
        return results

    def _require_lease(self) -> None:
        if self._halted is not None:
            raise StorageUnavailable(self._halted)
        if self._guard is not None:
            try:
                self._guard()
            except LeaseLost as error:
                self._halted = error.message
                raise

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if self._halted is not None:
                raise StorageUnavailable(self._halted)
            self._connection = connect(self._path, create=False)
        return self._connection

    def _fail(self, error: sqlite3.Error | StudioError) -> StudioError:
        """Roll back and refuse writes for a while; an fsync that failed is never trusted again."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error) and not is_full(error):
                self._drop()
        fault = error if isinstance(error, StudioError) else translate(error, self._path.parent)
        self._outage.begin(fault, error)
        return fault
