"""What waits for the database's connection, and what of it runs together."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from studio.errors import StudioError
from studio.store.connection import is_fault

Outcome = tuple[Any, BaseException | None]
"""What a piece of work returned, or raised."""


@dataclass(slots=True, eq=False)
class Item:
    """One piece of work; what its flags mean says ``Database.write``."""

    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    writes: bool
    alone: bool = False
    durable: bool = True
    short: bool = False
    patient: bool = False
    at_once: bool = False

    def do(self, connection: sqlite3.Connection) -> Any:
        """Do the work; what it returns may leave the database's thread, but for a cursor.

        Letting go of a cursor of many rows resets its statement: on another thread it would do that
        while this one runs the same statement again, which SQLite refuses as misuse.
        """
        value = self.work(connection)
        if isinstance(value, sqlite3.Cursor):
            value.close()
            return None
        return value

    def run(self, connection: sqlite3.Connection, *, alone: bool) -> Outcome:
        """Do the work inside a transaction; what fails is rolled back, others' writes are not.

        Args:
            alone: whether nothing else of the transaction writes.

        Raises:
            sqlite3.Error: a fault of the storage, which concerns the whole transaction.
        """
        guarded = self.writes and not alone
        if guarded:
            connection.execute("SAVEPOINT item")
        try:
            value = self.do(connection)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and is_fault(error):
                raise
            self._undo(connection, guarded=guarded)
            return None, error
        if guarded:
            connection.execute("RELEASE item")
        return value, None

    def _undo(self, connection: sqlite3.Connection, *, guarded: bool) -> None:
        if guarded:
            connection.execute("ROLLBACK TO item")
            connection.execute("RELEASE item")
        elif self.writes:
            connection.execute("ROLLBACK")
            connection.execute("BEGIN IMMEDIATE")

    def settle(self, outcome: Outcome) -> None:
        """Tell whoever waits, unless they have gone."""
        value, error = outcome
        if self.future.done():
            return
        if error is None:
            self.future.set_result(value)
        else:
            self.future.set_exception(error)


class WorkLine:
    """The work that waits, in order."""

    def __init__(self) -> None:
        self._items: list[Item] = []

    @property
    def is_pressing(self) -> bool:
        """Whether there is work that does not wait for company."""
        return any(not item.patient for item in self._items)

    def add(self, item: Item, *, first: bool = False) -> None:
        """Let ``item`` wait behind the others, or before them."""
        self._items.insert(0 if first else len(self._items), item)

    def press(self) -> None:
        """Nothing waits for company any more."""
        for item in self._items:
            item.patient = False

    def refuse_writes(self, error: StudioError) -> None:
        """Tell everybody whose work would write that it will not be done."""
        for item in self._items:
            if item.writes:
                item.settle((None, error))
        self._items = [item for item in self._items if not item.writes]

    def take(self) -> list[Item]:
        """What runs together now: all that waits, up to something that must run alone.

        Patient writes come along with an fsync, and do not impose theirs on work without one.
        """
        if len(self._items) == 1 and not self._items[0].patient:
            batch, self._items = self._items, []
            return batch
        end = next((i for i, item in enumerate(self._items) if item.alone), len(self._items))
        batch, later = self._items[:end], self._items[end:]
        left: list[Item] = []
        if not any(item.writes and item.durable and not item.patient for item in batch):
            left = [item for item in batch if item.patient]
            batch = [item for item in batch if not item.patient]
        if not batch:
            batch, later = later[:1], later[1:]
        self._items = left + later
        return batch
