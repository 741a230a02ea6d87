"""The kept pictures of Civitai: their rows, and their bytes in a folder of their own.

Every picture is kept once for the house, however many people, models and ids lead to it. Stars are
each person's own; a picture with anybody's stars stays.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

import orjson

from studio.errors import GalleryFull, NotFound
from studio.store.blobs import BlobStore, StagedBlob
from studio.store.civitai_rows import KeptPicture, all_hashes, complete, insert, name_it, read
from studio.store.db import Database
from studio.store.prefs import is_forgetful

__all__ = ["Addition", "CivitaiGalleryStore", "KeptFilter", "KeptPicture"]

_FOUND = "seq = (SELECT seq FROM civitai_picture_ids WHERE picture_id = ?)"
_STARRED = "EXISTS (SELECT 1 FROM civitai_stars WHERE civitai_stars.seq = civitai_pictures.seq)"
_OWN_STARS = """(SELECT stars FROM civitai_stars
    WHERE civitai_stars.seq = civitai_pictures.seq AND user_id = ?)"""


@dataclass(frozen=True, slots=True)
class KeptFilter:
    """What a page should hold: of one version in the order of arrival, else the newest first.

    ``after`` is where the page before ended, ``most_nsfw`` the highest level that is shown.
    """

    version_id: int | None = None
    least_stars: int = 0
    most_nsfw: int | None = None
    after: int | None = None
    limit: int = 24


@dataclass(frozen=True, slots=True)
class Addition:
    """A picture that has come: its row, its staged bytes, the versions it was made with."""

    picture: KeptPicture
    staged: StagedBlob
    version_ids: Collection[int] = field(default=())


class CivitaiGalleryStore:
    """Rows and bytes of kept pictures.

    Args:
        forget: called on the database's thread with each hash whose bytes were removed.
        limit_bytes: how much all pictures may take together.
    """

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        *,
        forget: Callable[[str], None],
        limit_bytes: int,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._forget = forget
        self.limit_bytes = limit_bytes

    async def known(self, picture_ids: Collection[int]) -> set[int]:
        """Which of these are kept."""

        def work(connection: sqlite3.Connection) -> set[int]:
            rows = connection.execute(
                "SELECT picture_id FROM civitai_picture_ids WHERE picture_id IN "
                "(SELECT value FROM json_each(?))",
                (orjson.dumps(list(picture_ids)).decode(),),
            )
            return {int(row[0]) for row in rows}

        return await self._db.read(work)

    async def add(self, addition: Addition) -> None:
        """Keep a picture; of bytes that are kept already only what is new about them.

        When there is no room, the oldest pictures without stars make some.

        Raises:
            GalleryFull: there is none to be made; nothing was kept, nothing went.
        """
        picture, staged = addition.picture, addition.staged

        def work(connection: sqlite3.Connection) -> list[str]:
            row = connection.execute(
                "SELECT seq FROM civitai_pictures WHERE hash = ?", (picture.hash,)
            ).fetchone()
            gone: list[str] = []
            if row is None:
                gone = self._make_room(connection, picture.size_bytes)
                self._blobs.publish(staged)
                seq = insert(connection, picture)
            else:
                seq = int(row[0])
                if not self._blobs.exists(picture.hash):
                    self._blobs.publish(staged)
                complete(connection, seq, picture)
            name_it(connection, seq, picture.id, addition.version_ids)
            return gone

        try:
            gone = await self._db.write(work)
        except BaseException:
            self._blobs.discard(staged)
            raise
        # Bytes that were there before were not published again, and go.
        self._blobs.discard(staged)
        await self._unlink(gone)

    def _make_room(self, connection: sqlite3.Connection, needed: int) -> list[str]:
        """Delete the rows of the oldest pictures nobody has starred; their hashes."""
        total = int(
            connection.execute("SELECT TOTAL(size_bytes) FROM civitai_pictures").fetchone()[0]
        )
        excess = total + needed - self.limit_bytes
        going: list[tuple[int, str]] = []
        rows = connection.execute(
            f"SELECT seq, hash, size_bytes FROM civitai_pictures WHERE NOT {_STARRED} ORDER BY seq"
        )
        for row in rows:
            if excess <= 0:
                break
            going.append((row["seq"], row["hash"]))
            excess -= row["size_bytes"]
        if excess > 0:
            raise GalleryFull(
                "The gallery is full: this picture is larger than its limit, or everything else in"
                " it has stars.",
                details={"limit_bytes": self.limit_bytes},
            )
        connection.executemany(
            "DELETE FROM civitai_pictures WHERE seq = ?", [(seq,) for seq, _ in going]
        )
        return [blob_hash for _, blob_hash in going]

    async def link(self, picture: KeptPicture, version_ids: Collection[int]) -> None:
        """What is said of a picture now that is kept under its id already."""

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "SELECT seq FROM civitai_picture_ids WHERE picture_id = ?", (picture.id,)
            ).fetchone()
            if row is not None:
                complete(connection, int(row[0]), picture)
                name_it(connection, int(row[0]), picture.id, version_ids)

        await self._db.write(work)

    async def page(
        self, user_id: str, wanted: KeptFilter
    ) -> tuple[Sequence[KeptPicture], int | None]:
        """A page of pictures with somebody's stars, and where the next one begins."""
        conditions: list[tuple[str, tuple[int | str, ...]]] = []
        forward = wanted.version_id is not None
        if wanted.version_id is not None:
            conditions.append(
                (
                    "seq IN (SELECT seq FROM civitai_picture_versions WHERE version_id = ?)",
                    (wanted.version_id,),
                )
            )
        if wanted.least_stars:
            conditions.append((f"{_OWN_STARS} >= ?", (user_id, wanted.least_stars)))
        if wanted.most_nsfw is not None:
            conditions.append(("nsfw_level <= ?", (wanted.most_nsfw,)))
        if wanted.after is not None:
            conditions.append((f"seq {'>' if forward else '<'} ?", (wanted.after,)))
        where = " AND ".join(sql for sql, _ in conditions) or "1"
        values = [value for _, each in conditions for value in each]
        order = "ASC" if forward else "DESC"

        def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            return connection.execute(
                f"SELECT *, {_OWN_STARS} AS stars FROM civitai_pictures "
                f"WHERE {where} ORDER BY seq {order} LIMIT ?",
                (user_id, *values, wanted.limit + 1),
            ).fetchall()

        rows = await self._db.read(work)
        shown = rows[: wanted.limit]
        after = int(shown[-1]["seq"]) if len(rows) > wanted.limit else None
        return [read(row) for row in shown], after

    async def of_ids(self, user_id: str, picture_ids: Sequence[int]) -> Sequence[KeptPicture]:
        """Those of these that are kept, in this order, each once, with somebody's stars."""

        def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            found: dict[int, sqlite3.Row] = {}
            for picture_id in picture_ids:
                row = connection.execute(
                    f"SELECT *, {_OWN_STARS} AS stars FROM civitai_pictures WHERE {_FOUND}",
                    (user_id, picture_id),
                ).fetchone()
                if row is not None:
                    found.setdefault(int(row["seq"]), row)
            return list(found.values())

        return [read(row) for row in await self._db.read(work)]

    async def get(self, user_id: str, picture_id: int) -> KeptPicture:
        """One picture with somebody's stars.

        Raises:
            NotFound: it is not kept.
        """
        found = await self.of_ids(user_id, [picture_id])
        if not found:
            raise NotFound("This picture is not in the gallery.")
        return found[0]

    async def rate(self, user_id: str, picture_id: int, stars: int) -> None:
        """Set somebody's stars; none is none.

        Raises:
            NotFound: it is not kept.
        """

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "SELECT seq FROM civitai_picture_ids WHERE picture_id = ?", (picture_id,)
            ).fetchone()
            if row is None:
                raise NotFound("This picture is not in the gallery.")
            if stars:
                connection.execute(
                    "INSERT INTO civitai_stars VALUES (?, ?, ?) "
                    "ON CONFLICT (user_id, seq) DO UPDATE SET stars = excluded.stars",
                    (user_id, row["seq"], stars),
                )
            else:
                connection.execute(
                    "DELETE FROM civitai_stars WHERE user_id = ? AND seq = ?",
                    (user_id, row["seq"]),
                )

        await self._db.write(work)

    async def remove(self, picture_id: int) -> None:
        """Take a picture out, whatever stars it has.

        Raises:
            NotFound: it is not kept.
        """

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute(
                f"DELETE FROM civitai_pictures WHERE {_FOUND} RETURNING hash",
                (picture_id,),
            ).fetchall()
            if not rows:
                raise NotFound("This picture is not in the gallery.")
            return [row["hash"] for row in rows]

        await self._unlink(await self._db.write(work))

    async def usage(self) -> tuple[int, int]:
        """How many pictures are kept, and their bytes."""

        def work(connection: sqlite3.Connection) -> tuple[int, int]:
            row = connection.execute(
                "SELECT COUNT(*) AS count, TOTAL(size_bytes) AS bytes FROM civitai_pictures"
            ).fetchone()
            return int(row["count"]), int(row["bytes"])

        return await self._db.read(work)

    async def sweep(self) -> None:
        """After a start: remove bytes that no row knows, and rows whose bytes are lost.

        All of it can be had again, so a row alone is worth nothing; bytes that a lost database knew
        stay. It may run while pictures come.
        """
        await asyncio.to_thread(self._blobs.clear_staging)
        on_disk = await asyncio.to_thread(lambda: set(self._blobs.hashes()))
        known = await self._db.read(all_hashes)
        if not await self._db.read(is_forgetful):
            await self._unlink(on_disk - known)
        lost = await asyncio.to_thread(self._blobs.missing, known - on_disk)
        if lost:
            await self._db.write(
                lambda connection: connection.executemany(
                    "DELETE FROM civitai_pictures WHERE hash = ?", [(one,) for one in lost]
                )
            )

    async def _unlink(self, hashes: Collection[str]) -> None:
        """Remove bytes, after the commit that removed their rows."""

        def work(connection: sqlite3.Connection) -> None:
            for blob_hash in set(hashes) - all_hashes(connection):
                self._blobs.remove(blob_hash)
                self._forget(blob_hash)

        if hashes:
            await self._db.read(work)
