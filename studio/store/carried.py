"""Small outputs, whose bytes travel in the database until their files are durable.

To make a new file durable costs two fsyncs, and a job that ends already waits for one: that of its
commit. So the bytes of small outputs go into that commit too, and the file, written before it, is
made durable a moment later together with others. After a power cut the rows write the files anew.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Collection, Sequence

from studio.errors import StudioError
from studio.store.asset_rows import has_blob
from studio.store.blobs import BlobStore, StagedBlob
from studio.store.db import Database

log = logging.getLogger(__name__)

AT_ONCE = 200


def carry(connection: sqlite3.Connection, staged: StagedBlob) -> None:
    """Keep the bytes of a small output inside the caller's transaction."""
    if staged.data is not None:
        connection.execute(
            "INSERT INTO carried_blobs (hash, data) VALUES (?, ?)", (staged.hash, staged.data)
        )


class CarriedBlobs:
    """The bytes that are still in the database, and their way out."""

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs
        self._commits = -1

    async def restore(self) -> int:
        """After a start: write every file anew that is not as its row says; say how many rows.

        Raises:
            DiskFull, StorageUnavailable: the rows stay.
        """
        total = 0
        while rows := await self._rows():
            await asyncio.to_thread(self._write, await self._bytes({row["hash"] for row in rows}))
            await self._drop(rows)
            total += len(rows)
        return total

    async def settle(self) -> int:
        """Make the files durable and let the rows go; say how many.

        What cannot be made durable keeps its row and is written anew.

        Raises:
            DiskFull, StorageUnavailable: the rows stay.
        """
        total = 0
        commits = self._db.commits
        if commits == self._commits:
            return 0
        while rows := await self._rows():
            lost = set(await asyncio.to_thread(self._blobs.sync, {row["hash"] for row in rows}))
            if lost:
                log.warning("%d small outputs are written to disk again", len(lost))
                await asyncio.to_thread(self._write, await self._bytes(lost))
            await self._drop(rows)
            total += len(rows)
        self._commits = commits
        return total

    async def _rows(self) -> list[sqlite3.Row]:
        return await self._db.read(
            lambda connection: connection.execute(
                "SELECT seq, hash FROM carried_blobs ORDER BY seq LIMIT ?", (AT_ONCE,)
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


async def settle_often(carried: CarriedBlobs, every_s: float) -> None:
    """Settle what was committed lately, again and again; the body of a task."""
    is_refused = False
    while True:
        await asyncio.sleep(every_s)
        try:
            await carried.settle()
        except StudioError as error:
            if not is_refused:
                log.warning("small outputs stay in the database for now: %s", error.message)
            is_refused = True
        else:
            is_refused = False
