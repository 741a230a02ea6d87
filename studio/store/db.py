"""The one SQLite connection, and transactions that share a commit.

All work runs on one thread that owns the connection. Work that arrives while a commit is being
written waits and then shares the next commit, so a thousand submits at once cost a few fsyncs, and
an idle Studio answers one submit with exactly one. WAL with an exclusive lock needs no shared
memory, so the file may lie on a network volume; FULL means that what was acknowledged is on disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from studio.errors import DiskFull, StorageUnavailable, StudioError

log = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_RETRY_MIN_S: Final = 0.5
_RETRY_MAX_S: Final = 30.0


@dataclass(slots=True)
class _Item:
    work: Work[Any]
    future: asyncio.Future[Any]
    writes: bool


class Database:
    """One SQLite file, one connection, one thread.

    Args:
        path: the database file; its folder must exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="db")
        self._waiting: list[_Item] = []
        self._idle = asyncio.Event()
        self._idle.set()
        self._closed = False
        self._halted: str | None = None
        self._fault: StudioError | None = None
        self._retry_at_s = 0.0
        self._retry_wait_s = _RETRY_MIN_S

    @property
    def path(self) -> Path:
        return self._path

    @property
    def fault(self) -> str | None:
        """Why writes are refused at the moment, or ``None`` when the database is writable."""
        if self._halted is not None:
            return self._halted
        return None if self._fault is None else self._fault.message

    async def open(self, prepare: Callable[[sqlite3.Connection], None] | None = None) -> None:
        """Open the file and run ``prepare`` (the migrations) on the connection.

        Raises:
            StorageUnavailable: the file cannot be opened or is locked by another process.
        """
        await asyncio.get_running_loop().run_in_executor(self._executor, self._open, prepare)

    def _open(self, prepare: Callable[[sqlite3.Connection], None] | None) -> None:
        try:
            connection = connect(self._path)
        except sqlite3.Error as error:
            raise _translate(error) from error
        try:
            if prepare is not None:
                prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection

    def halt(self, reason: str) -> None:
        """Refuse every later write: another Studio holds the volume now."""
        self._halted = reason

    async def write(self, work: Work[T]) -> T:
        """Run ``work`` inside a transaction and return its result once that is on disk.

        Work that raises is rolled back alone; others that share the commit are not affected.

        Raises:
            DiskFull, StorageUnavailable: nothing was written.
            Whatever ``work`` raises.
        """
        if self._halted is not None:
            raise StorageUnavailable(self._halted)
        if self._fault is not None and time.monotonic() < self._retry_at_s:
            raise type(self._fault)(self._fault.message)
        result: T = await self._submit(work, writes=True)
        return result

    async def read(self, work: Work[T]) -> T:
        """Run ``work`` on the connection's thread; it must not write."""
        result: T = await self._submit(work, writes=False)
        return result

    async def close(self) -> None:
        """Finish what waits, fold the log into the file and close it. Idempotent."""
        if self._closed:
            return
        self._closed = True
        await self._idle.wait()
        await asyncio.get_running_loop().run_in_executor(self._executor, self._close)
        self._executor.shutdown(wait=True)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.close()

    def _submit(self, work: Work[Any], *, writes: bool) -> asyncio.Future[Any]:
        if self._closed:
            raise StorageUnavailable("Studio is shutting down.")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._waiting.append(_Item(work, future, writes))
        if self._idle.is_set():
            self._idle.clear()
            loop.call_soon(self._start_batch, loop)
        return future

    def _start_batch(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting, []
        done = loop.run_in_executor(self._executor, self._run_batch, batch)
        done.add_done_callback(lambda finished: self._deliver(loop, batch, finished.result()))

    def _deliver(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[_Item],
        results: list[tuple[Any, BaseException | None]],
    ) -> None:
        if self._waiting:
            self._start_batch(loop)
        else:
            self._idle.set()
        for item, (value, error) in zip(batch, results, strict=True):
            if item.future.done():
                continue
            if error is None:
                item.future.set_result(value)
            else:
                item.future.set_exception(error)

    def _run_batch(self, batch: list[_Item]) -> list[tuple[Any, BaseException | None]]:
        """On the database thread: run every item, one commit for all of them."""
        writes = sum(item.writes for item in batch)
        try:
            connection = self._connected()
            if writes:
                connection.execute("BEGIN IMMEDIATE")
            results = [self._run_item(connection, item, alone=writes == 1) for item in batch]
            if writes:
                connection.execute("COMMIT")
                self._recovered()
        except (sqlite3.Error, StudioError) as error:
            fault = self._fail(error)
            return [(None, fault)] * len(batch)
        return results

    def _run_item(
        self, connection: sqlite3.Connection, item: _Item, *, alone: bool
    ) -> tuple[Any, BaseException | None]:
        guarded = item.writes and not alone
        if guarded:
            connection.execute("SAVEPOINT item")
        try:
            value = item.work(connection)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and _is_fault(error):
                raise
            self._undo(connection, item, guarded=guarded)
            return None, error
        if guarded:
            connection.execute("RELEASE item")
        return value, None

    def _undo(self, connection: sqlite3.Connection, item: _Item, *, guarded: bool) -> None:
        if guarded:
            connection.execute("ROLLBACK TO item")
            connection.execute("RELEASE item")
        elif item.writes:
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self._path.exists():
                raise StorageUnavailable("The database file is gone.")
            self._connection = connect(self._path)
        return self._connection

    def _recovered(self) -> None:
        if self._fault is not None:
            log.warning("the database is writable again")
            self._fault = None
            self._retry_wait_s = _RETRY_MIN_S

    def _fail(self, error: sqlite3.Error | StudioError) -> StudioError:
        """Roll back and refuse writes for a while; an fsync that failed is never trusted again."""
        connection = self._connection
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if not isinstance(error, sqlite3.Error) or not _is_full(error):
                with contextlib.suppress(sqlite3.Error):
                    connection.close()
                self._connection = None
        fault = error if isinstance(error, StudioError) else _translate(error)
        if self._fault is None:
            log.error("the database refuses writes: %s", error)
        self._fault = fault
        self._retry_at_s = time.monotonic() + self._retry_wait_s
        self._retry_wait_s = min(self._retry_wait_s * 2, _RETRY_MAX_S)
        return fault


def connect(path: Path) -> sqlite3.Connection:
    """Open ``path`` the one way Studio opens databases.

    EXCLUSIVE comes first: only then does WAL do without shared memory.
    """
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=2.0)
    try:
        connection.row_factory = sqlite3.Row
        for pragma in (
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "temp_store=MEMORY",
            "journal_size_limit=67108864",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def is_disk_full(error: OSError) -> bool:
    """Whether an operating system error means "no space": quotas included, as volumes have them."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


_FAULT_CODES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_NOTADB,
    }
)


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _is_fault(error: sqlite3.Error) -> bool:
    """Whether the error is the storage's, not the statement's."""
    return _primary_code(error) in _FAULT_CODES


def _is_full(error: sqlite3.Error) -> bool:
    return _primary_code(error) == sqlite3.SQLITE_FULL


def _translate(error: sqlite3.Error) -> StudioError:
    if _is_full(error):
        return DiskFull("The disk is full: nothing was stored. Free some space and try again.")
    if _primary_code(error) == sqlite3.SQLITE_BUSY:
        return StorageUnavailable("The database is locked by another process.")
    return StorageUnavailable("The database cannot be written at the moment.")
