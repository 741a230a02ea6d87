"""Small outputs, whose bytes travel in the database until their files are durable.

To make a new file durable costs two fsyncs, and a job that ends already waits for one: that of its
commit. So the bytes of small outputs go into that commit too, and the file, written before it, is
made durable later: after a minute the system has written it by itself, and the fsync costs next to
nothing. After a power cut the rows write the files anew.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection, Sequence
from typing import Final

from studio.clock import Clock
from studio.errors import StudioError
from studio.store.asset_rows import has_blob
from studio.store.blobs import BlobStore, StagedBlob
from studio.store.db import Database

log = logging.getLogger(__name__)

AT_ONCE: Final = 200
MOST: Final = 2000
"""How many rows there are about, at most."""
SETTLE_AFTER_MS: Final = 60_000
SETTLE_EVERY_S: Final = 10.0


def carry(connection: sqlite3.Connection, staged: StagedBlob, now_ms: int) -> None:
    """Keep the bytes of a small output inside the caller's transaction."""
    if staged.data is not None:
        connection.execute(
            "INSERT INTO carried_blobs (hash, created_at, data) VALUES (?, ?, ?)",
            (staged.hash, now_ms, staged.data),
        )


class CarriedBlobs:
    """The bytes that are still in the database, and their way out."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs
        self._lost: set[str] = set()

    async def restore(self) -> int:
        """After a start: write every file anew that is not as its row says; say how many.

        Raises:
            DiskFull, StorageUnavailable: it could not be written.
        """
        total, seq = 0, 0
        while rows := await self._whole_rows(seq):
            seq = rows[-1]["seq"]
            damaged = await asyncio.to_thread(self._damaged, rows)
            await asyncio.to_thread(self._write, damaged)
            total += len(damaged)
        if total:
            log.warning("%d small outputs were written to disk again", total)
        return total

    async def _whole_rows(self, after: int) -> list[sqlite3.Row]:
        query = (
            "SELECT seq, hash, data FROM carried_blobs WHERE seq > ?"
            " AND EXISTS (SELECT 1 FROM blobs WHERE blobs.hash = carried_blobs.hash)"
            " ORDER BY seq LIMIT ?"
        )
        return await self._db.read(
            lambda connection: connection.execute(query, (after, AT_ONCE)).fetchall()
        )

    def _damaged(self, rows: Sequence[sqlite3.Row]) -> list[tuple[str, bytes]]:
        return [
            (row["hash"], row["data"])
            for row in rows
            if not self._blobs.holds(row["hash"], row["data"])
        ]

    async def settle(self, before_ms: int) -> int:
        """Make files durable and let their rows go; say how many.

        What cannot be made durable keeps its row and is written anew.

        Args:
            before_ms: those of rows that are older; of very many rows the oldest, too.

        Raises:
            DiskFull, StorageUnavailable: the rows stay.
        """
        total = 0
        while rows := await self._rows(before_ms):
            hashes = {row["hash"] for row in rows}
            # A second fsync of a file whose first one failed succeeds and means nothing.
            self._lost.update(await asyncio.to_thread(self._blobs.sync, hashes - self._lost))
            if lost := self._lost & hashes:
                log.warning("%d small outputs are written to disk again", len(lost))
                await asyncio.to_thread(self._write, await self._bytes(lost))
                self._lost -= lost
            await self._drop(rows)
            total += len(rows)
        return total

    async def _rows(self, before_ms: int) -> list[sqlite3.Row]:
        return await self._db.read(
            lambda connection: connection.execute(
                "SELECT seq, hash FROM carried_blobs WHERE created_at < ?"
                " OR seq <= (SELECT max(seq) FROM carried_blobs) - ? ORDER BY seq LIMIT ?",
                (before_ms, MOST, AT_ONCE),
            ).fetchall()
        )

    async def _bytes(self, hashes: Collection[str]) -> list[tuple[str, bytes]]:
        """The bytes of those that an asset still has."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, bytes]]:
            wanted = [one for one in hashes if has_blob(connection, one)]
            query = "SELECT data FROM carried_blobs WHERE hash = ?"
            return [(one, connection.execute(query, (one,)).fetchone()["data"]) for one in wanted]

        return await self._db.read(work)

    def _write(self, rows: Sequence[tuple[str, bytes]]) -> None:
        for blob_hash, data in rows:
            self._blobs.restore(blob_hash, data)

    async def _drop(self, rows: Sequence[sqlite3.Row]) -> None:
        seqs = [(row["seq"],) for row in rows]
        await self._db.write(
            lambda connection: connection.executemany(
                "DELETE FROM carried_blobs WHERE seq = ?", seqs
            ),
            durable=False,
        )


async def settle_often(
    carried: CarriedBlobs, clock: Clock, every_s: float = SETTLE_EVERY_S
) -> None:
    """Settle what was committed a minute ago, again and again; the body of a task."""
    is_refused = False
    while True:
        await asyncio.sleep(every_s)
        try:
            await carried.settle(clock.now_ms() - SETTLE_AFTER_MS)
        except StudioError as error:
            if not is_refused:
                log.warning("small outputs stay in the database for now: %s", error.message)
            is_refused = True
        else:
            is_refused = False
