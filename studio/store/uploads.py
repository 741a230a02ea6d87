"""The rows of uploads in parts: what was announced, and which parts came whole."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass

import orjson

from studio.errors import NotFound, TooManyUploads
from studio.models import Asset
from studio.store.asset_rows import insert
from studio.store.blobs import BlobStore, StagedBlob
from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes in parts, numbered from 0. Times are milliseconds since the epoch."""

    id: str
    user_id: str
    file_path: str
    size_bytes: int
    part_bytes: int
    created_at: int
    touched_at: int
    """When it was made, or its last part came, or it was completed."""
    expected_hash: str | None = None
    declared_type: str | None = None
    tags: tuple[str, ...] = ()
    expires_in: int | None = None
    asset_id: str | None = None
    """What became of it, once it is complete."""
    received: tuple[int, ...] = ()

    @property
    def parts(self) -> int:
        return -(-self.size_bytes // self.part_bytes)

    def size_of(self, number: int) -> int:
        """The length of one part in bytes: only the last may be shorter than the others."""
        return min(self.part_bytes, self.size_bytes - number * self.part_bytes)


class UploadStore:
    """Uploads of users, each seen by its own user alone.

    Args:
        blobs: where the bytes of complete ones go.
    """

    def __init__(self, db: Database, blobs: BlobStore) -> None:
        self._db = db
        self._blobs = blobs

    async def add(self, upload: Upload, *, max_open: int, max_open_bytes: int) -> None:
        """Store a new one.

        Raises:
            TooManyUploads: its user has ``max_open`` that are not complete, or together with
                this one they would have more than ``max_open_bytes``.
        """

        def work(connection: sqlite3.Connection) -> None:
            count, size_bytes = connection.execute(
                "SELECT count(*), coalesce(sum(size_bytes), 0) FROM uploads"
                " WHERE user_id = ? AND asset_id IS NULL",
                (upload.user_id,),
            ).fetchone()
            if count >= max_open or (count and size_bytes + upload.size_bytes > max_open_bytes):
                raise TooManyUploads(
                    f"You have {count} uploads that are not complete. Complete or delete one.",
                    retry_after_s=60,
                )
            connection.execute(
                "INSERT INTO uploads (id, user_id, file_path, size_bytes, part_bytes, created_at,"
                " touched_at, expected_hash, declared_type, tags, expires_in)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    upload.id,
                    upload.user_id,
                    upload.file_path,
                    upload.size_bytes,
                    upload.part_bytes,
                    upload.created_at,
                    upload.touched_at,
                    upload.expected_hash,
                    upload.declared_type,
                    orjson.dumps(upload.tags).decode(),
                    upload.expires_in,
                ),
            )

        await self._db.write(work)

    async def get(self, upload_id: str, user_id: str) -> Upload:
        """One upload of the user's.

        Raises:
            NotFound: unknown, or another user's.
        """

        def work(connection: sqlite3.Connection) -> Upload | None:
            row = connection.execute(
                "SELECT * FROM uploads WHERE id = ? AND user_id = ?", (upload_id, user_id)
            ).fetchone()
            return None if row is None else _upload(connection, row)

        upload = await self._db.read(work)
        if upload is None:
            raise NotFound("There is no such upload.")
        return upload

    async def open_of(self, user_id: str) -> list[Upload]:
        """Those of the user's that are not complete, the newest first."""

        def work(connection: sqlite3.Connection) -> list[Upload]:
            rows = connection.execute(
                "SELECT * FROM uploads WHERE user_id = ? AND asset_id IS NULL"
                " ORDER BY created_at DESC, id",
                (user_id,),
            ).fetchall()
            return [_upload(connection, row) for row in rows]

        return await self._db.read(work)

    async def begin_part(self, upload_id: str, number: int, sender: str) -> None:
        """Before the first byte of a part is written: what was there does not count any more.

        Args:
            sender: whoever began last is the one who may end the part.

        Raises:
            NotFound: the upload was deleted meanwhile.
        """

        def work(connection: sqlite3.Connection) -> None:
            added = connection.execute(
                "INSERT OR REPLACE INTO upload_parts (upload_id, number, sender, received)"
                " SELECT id, ?, ?, 0 FROM uploads WHERE id = ?",
                (number, sender, upload_id),
            )
            if not added.rowcount:
                raise NotFound("There is no such upload.")

        await self._db.write(work)

    async def end_part(self, upload_id: str, number: int, sender: str, now_ms: int) -> bool:
        """The part is whole and on disk; false when somebody began it anew, or it was deleted."""

        def work(connection: sqlite3.Connection) -> bool:
            counted = connection.execute(
                "UPDATE upload_parts SET received = 1"
                " WHERE upload_id = ? AND number = ? AND sender = ?",
                (upload_id, number, sender),
            )
            connection.execute(
                "UPDATE uploads SET touched_at = ? WHERE id = ?", (now_ms, upload_id)
            )
            return counted.rowcount == 1

        return await self._db.write(work)

    async def complete(self, upload: Upload, asset: Asset, staged: StagedBlob) -> None:
        """Publish the bytes, store the asset and note it, in one transaction.

        Raises:
            NotFound: the upload was deleted meanwhile.
        """

        def work(connection: sqlite3.Connection) -> None:
            noted = connection.execute(
                "UPDATE uploads SET asset_id = ?, touched_at = ? WHERE id = ?",
                (asset.id, asset.created_at, upload.id),
            )
            if not noted.rowcount:
                raise NotFound("There is no such upload.")
            self._blobs.publish(staged)
            insert(connection, asset)

        await self._db.write(work)
        self._blobs.release(staged)

    async def remove(self, ids: Collection[str]) -> None:
        """Forget these and their parts."""
        await self._db.write(
            lambda connection: connection.executemany(
                "DELETE FROM uploads WHERE id = ?", [(upload_id,) for upload_id in ids]
            )
        )

    async def stale(self, before_ms: int) -> list[str]:
        """Ids of those that were not touched since."""
        return await self._db.read(
            lambda connection: [
                row["id"]
                for row in connection.execute(
                    "SELECT id FROM uploads WHERE touched_at < ?", (before_ms,)
                )
            ]
        )

    async def open_ids(self) -> set[str]:
        """Ids of all that are not complete, whoever's they are."""
        return await self._db.read(
            lambda connection: {
                row["id"]
                for row in connection.execute("SELECT id FROM uploads WHERE asset_id IS NULL")
            }
        )


def _upload(connection: sqlite3.Connection, row: sqlite3.Row) -> Upload:
    parts = connection.execute(
        "SELECT number FROM upload_parts WHERE upload_id = ? AND received = 1 ORDER BY number",
        (row["id"],),
    )
    return Upload(
        id=row["id"],
        user_id=row["user_id"],
        file_path=row["file_path"],
        size_bytes=row["size_bytes"],
        part_bytes=row["part_bytes"],
        created_at=row["created_at"],
        touched_at=row["touched_at"],
        expected_hash=row["expected_hash"],
        declared_type=row["declared_type"],
        tags=tuple(orjson.loads(row["tags"])),
        expires_in=row["expires_in"],
        asset_id=row["asset_id"],
        received=tuple(part["number"] for part in parts),
    )
