"""Assets: rows that a user owns over blobs that rows share."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from studio.clock import Clock
from studio.errors import BlobNotFound, StudioError
from studio.models import Asset
from studio.settings import DAY_MS
from studio.store.asset_rows import (
    BATCH,
    KEY_REUSED,
    Kind,
    all_hashes,
    claim_upload_key,
    delete,
    delete_output,
    drop_unreferenced,
    extend,
    find_by_hash,
    find_by_path,
    find_same,
    get,
    get_readable,
    has_blob,
    insert,
    insert_output,
    is_expired,
    is_usable,
    outputs_of,
    purge,
    unused_hashes,
)
from studio.store.blobs import BlobStore, StagedBlob
from studio.store.carried import carry
from studio.store.db import Database
from studio.store.prefs import is_forgetful

__all__ = [
    "KEY_REUSED",
    "AssetStore",
    "Kind",
    "SweepReport",
    "Wanted",
    "delete",
    "drop_unreferenced",
    "find_by_hash",
    "find_by_path",
    "get",
    "insert",
    "insert_output",
    "is_expired",
    "outputs_of",
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a file input of a graph names: an asset's id, or the path of an input or output."""

    asset_id: str | None
    file_path: str | None
    kind: Kind = "input"


@dataclass(frozen=True, slots=True)
class SweepReport:
    """What a sweep found: files removed, and hashes of rows whose bytes are lost."""

    removed: int
    missing: tuple[str, ...]


class AssetStore:
    """Assets in the database together with their bytes on disk.

    Args:
        db: the database.
        blobs: the bytes.
        clock: decides what has expired.
        forget: called on the database's thread with each hash whose bytes were removed.
    """

    def __init__(
        self,
        db: Database,
        blobs: BlobStore,
        clock: Clock | None = None,
        forget: Callable[[str], None] | None = None,
    ) -> None:
        self._db = db
        self._blobs = blobs
        self._clock = clock or Clock()
        self._forget = forget

    async def add(
        self, asset: Asset, staged: StagedBlob, *, idempotency_key: str | None = None
    ) -> tuple[Asset, bool]:
        """Publish an upload's bytes and store its rows, and use up the key, in one transaction.

        Returns:
            The asset, and whether its user had no asset over these bytes before. Bytes of other
            users do not count, so nobody learns what others have.

        Raises:
            IdempotencyKeyReuse: the key is used up; nothing was stored.
        """

        def work(connection: sqlite3.Connection) -> bool:
            if idempotency_key is not None:
                claim_upload_key(connection, asset, idempotency_key)
            had = connection.execute(
                "SELECT 1 FROM assets WHERE hash = ? AND user_id = ? LIMIT 1",
                (asset.hash, asset.user_id),
            ).fetchone()
            self._blobs.publish(staged)
            insert(connection, asset)
            return had is None

        is_new = await self._db.write(work)
        self._blobs.release(staged)
        return asset, is_new

    def add_output(self, connection: sqlite3.Connection, asset: Asset, staged: StagedBlob) -> Asset:
        """Publish one output inside a caller's transaction, once per (job, node, index).

        Give the answer to ``settle`` once that transaction is committed.
        """
        stored = insert_output(connection, asset)
        if stored is asset:
            self._blobs.publish(staged)
            carry(connection, staged, asset.created_at)
        return stored

    async def settle(
        self, outputs: Sequence[tuple[Asset, StagedBlob]], stored: Sequence[Asset]
    ) -> None:
        """The outputs are committed: let go of their bytes, and of those stored before."""
        doubles = []
        for (asset, staged), kept in zip(outputs, stored, strict=True):
            if kept is asset:
                self._blobs.release(staged)
            else:
                doubles.append(staged)
        with contextlib.suppress(StudioError):
            await self.discard(doubles)

    async def mint(self, draft: Asset, *, keep_path: bool) -> tuple[Asset, bool]:
        """Store ``draft`` over bytes of which its user has an asset already.

        An upload with the same bytes and path is returned instead, its retention extended.

        Args:
            draft: the new asset; size and type are taken from the asset that exists.
            keep_path: take the path too from the asset that exists.

        Returns:
            The asset, and whether it is new.

        Raises:
            BlobNotFound: the user has no such bytes, or they are lost.
        """

        def work(connection: sqlite3.Connection) -> tuple[Asset, bool]:
            source = find_by_hash(connection, draft.hash, draft.user_id, draft.created_at)
            if source is None or not self._blobs.exists(draft.hash):
                raise BlobNotFound("There are no bytes with that hash.")
            asset = replace(
                draft,
                size_bytes=source.size_bytes,
                content_type=source.content_type,
                file_path=source.file_path if keep_path else draft.file_path,
            )
            same = find_same(connection, asset)
            if same is not None:
                return extend(connection, same, asset.expires_at), False
            insert(connection, asset)
            return asset, True

        return await self._db.write(work)

    async def get(
        self, asset_id: str, user_id: str | None, *, shared: bool = False
    ) -> Asset | None:
        """The asset, if it is the user's; ``None`` has all. Expired ones still show.

        Args:
            shared: or if a preset or workflow names it that somebody shares.
        """
        find = get_readable if shared else get
        return await self._db.read(lambda connection: find(connection, asset_id, user_id))

    async def find_by_hash(self, blob_hash: str, user_id: str) -> Asset | None:
        """The user's newest asset over these bytes, if the bytes are on disk."""

        def work(connection: sqlite3.Connection) -> Asset | None:
            found = find_by_hash(connection, blob_hash, user_id, self._clock.now_ms())
            return found if found is not None and self._blobs.exists(blob_hash) else None

        return await self._db.read(work)

    async def find_by_path(self, file_path: str, user_id: str, *, kind: Kind) -> Asset | None:
        """The user's newest upload or output of that name."""
        now_ms = self._clock.now_ms()
        return await self._db.read(
            lambda connection: find_by_path(connection, file_path, user_id, now_ms, kind=kind)
        )

    async def look_up(
        self, wanted: Sequence[Wanted], user_id: str, *, sees_all: bool
    ) -> list[Asset | None]:
        """The asset each of ``wanted`` means, in one read; names are always the user's own."""
        now_ms = self._clock.now_ms()
        by_id = None if sees_all else user_id

        def find(connection: sqlite3.Connection, one: Wanted) -> Asset | None:
            if one.asset_id is not None:
                found = get_readable(connection, one.asset_id, by_id)
                return found if found is not None and is_usable(found, now_ms) else None
            if one.file_path is None:
                return None
            return find_by_path(connection, one.file_path, user_id, now_ms, kind=one.kind)

        return await self._db.read(lambda connection: [find(connection, one) for one in wanted])

    async def key_is_used(self, user_id: str, key: str) -> bool:
        """Whether an idempotency key was used up within the last 24 hours."""
        since = self._clock.now_ms() - DAY_MS
        query = "SELECT 1 FROM idempotency_keys WHERE user_id = ? AND key = ? AND created_at >= ?"
        values = (user_id, key, since)
        row = await self._db.read(lambda connection: connection.execute(query, values).fetchone())
        return row is not None

    async def delete(self, asset_id: str, user_id: str | None) -> None:
        """Delete an asset, and its bytes when no other asset has them.

        Raises:
            NotFound: ``user_id`` sees no such asset.
            AssetInUse: a job that is not finished needs it, or it is an output of a kept job.
        """

        def work(connection: sqlite3.Connection) -> list[str]:
            asset = delete(connection, asset_id, user_id)
            return drop_unreferenced(connection, [asset.hash])

        await self.unlink(await self._db.write(work))

    async def delete_output(self, job_id: str, asset_id: str) -> None:
        """Delete an output of a job that has ended, and its bytes when no other asset has them.

        Raises:
            NotFound: the job has no such output.
            AssetInUse: a job that is not finished needs it.
        """

        def work(connection: sqlite3.Connection) -> list[str]:
            asset = delete_output(connection, job_id, asset_id)
            return drop_unreferenced(connection, [asset.hash])

        await self.unlink(await self._db.write(work))

    async def outputs(self, job_id: str) -> tuple[Asset, ...]:
        """The outputs of one job."""
        return (await self.outputs_of([job_id]))[job_id]

    async def outputs_of(self, job_ids: Sequence[str]) -> dict[str, tuple[Asset, ...]]:
        """The outputs of each job of a page."""
        return await self._db.read(lambda connection: outputs_of(connection, job_ids))

    async def purge(self, now_ms: int) -> int:
        """Delete uploads whose time is over and which no unfinished job needs.

        Returns:
            How many were deleted.
        """
        total = 0
        while True:
            expired, dead = await self._db.write(lambda connection: purge(connection, now_ms))
            await self.unlink(dead)
            total += expired
            if expired < BATCH:
                return total

    async def discard(self, staged: Collection[StagedBlob]) -> None:
        """Let go of staged bytes that will not get a row."""
        for blob in staged:
            self._blobs.discard(blob)
        await self.unlink({blob.hash for blob in staged if blob.placed})

    async def collect_garbage(self, hashes: Collection[str]) -> None:
        """Remove those bytes among ``hashes`` that no asset has any more."""
        await self.unlink(
            await self._db.write(lambda connection: drop_unreferenced(connection, set(hashes)))
        )

    async def unlink(self, hashes: Collection[str]) -> int:
        """Remove the files of blobs whose rows are gone, if they still are; say how many."""

        def work(connection: sqlite3.Connection) -> int:
            dead = [one for one in hashes if not has_blob(connection, one)]
            for blob_hash in dead:
                self._blobs.remove(blob_hash)
                if self._forget is not None:
                    self._forget(blob_hash)
            return len(dead)

        return await self._db.read(work) if hashes else 0

    async def sweep(self) -> SweepReport:
        """After a start: remove what no row knows, and name the rows whose bytes are lost.

        It may run while uploads arrive. Once a database came back from a snapshot, or anew, bytes
        without a row may be outputs that it has forgotten: from then on none is removed.
        """
        removed = await asyncio.to_thread(self._blobs.clear_staging)
        on_disk = await asyncio.to_thread(lambda: set(self._blobs.hashes()))
        unused = await self._db.read(unused_hashes)
        await self.collect_garbage(unused)
        known = await self._db.read(all_hashes)
        if not await self._db.read(is_forgetful):
            removed += await self.unlink(on_disk - known)
        lost = await asyncio.to_thread(self._blobs.missing, known - on_disk)
        still = await self._db.read(all_hashes) if lost else set()
        return SweepReport(removed, tuple(one for one in lost if one in still))
