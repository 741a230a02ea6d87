"""The rows of assets and blobs: plain functions for use inside a caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any, Final, Literal

import orjson

from studio.errors import AssetInUse, IdempotencyKeyReuse, NotFound
from studio.models import Asset, OutputType
from studio.settings import DAY_MS
from studio.store.shared_files import SHARED_WITH

Kind = Literal["input", "output"]

BATCH: Final = 500
KEY_REUSED: Final = "This Idempotency-Key was used for an upload before."
_SELECT: Final = (
    "SELECT id, user_id, hash, size_bytes, content_type, file_path, tags, created_at, expires_at,"
    " trashed_at, job_id, node_id, output_index, output_type FROM assets"
)
_INSERT: Final = (
    "INSERT INTO assets (id, user_id, hash, size_bytes, content_type, file_path, tags,"
    " created_at, expires_at, trashed_at, job_id, node_id, output_index, output_type)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_HELD: Final = """EXISTS (
    SELECT 1 FROM job_inputs JOIN jobs ON jobs.id = job_inputs.job_id
    WHERE job_inputs.asset_id = assets.id AND jobs.completed_at IS NULL
    AND jobs.status IN ('queued', 'running', 'canceling'))"""


def insert(connection: sqlite3.Connection, asset: Asset) -> None:
    """Store the rows of ``asset`` and of its blob, whose file is published already."""
    _insert_blob(connection, asset)
    connection.execute(_INSERT, _values(asset))


def _insert_blob(connection: sqlite3.Connection, asset: Asset) -> None:
    connection.execute(
        "INSERT INTO blobs (hash, size_bytes, created_at) VALUES (?, ?, ?)"
        " ON CONFLICT (hash) DO NOTHING",
        (asset.hash, asset.size_bytes, asset.created_at),
    )


def find_output(
    connection: sqlite3.Connection, job_id: str, node_id: str, output_index: int
) -> Asset | None:
    """The output that is stored for this place of a job."""
    return _one(
        connection,
        f"{_SELECT} WHERE job_id = ? AND node_id = ? AND output_index = ?",
        (job_id, node_id, output_index),
    )


def first_outputs(connection: sqlite3.Connection, job_id: str) -> tuple[list[Asset], int]:
    """The first hundred outputs of a job that nobody threw away, and how many there are."""
    where = "FROM assets WHERE job_id = ? AND trashed_at IS NULL"
    rows = connection.execute(
        f"{_SELECT} WHERE job_id = ? AND trashed_at IS NULL ORDER BY node_id, output_index "
        "LIMIT 100",
        (job_id,),
    )
    total = connection.execute(f"SELECT COUNT(*) {where}", (job_id,)).fetchone()[0]
    return [_asset(row) for row in rows], int(total)


def insert_output(connection: sqlite3.Connection, asset: Asset) -> Asset:
    """Store an output once: a second one for the same (job, node, index) returns the first."""
    assert asset.job_id is not None
    assert asset.node_id is not None
    assert asset.output_index is not None
    _insert_blob(connection, asset)
    added = connection.execute(f"{_INSERT} ON CONFLICT DO NOTHING", _values(asset))
    if added.rowcount:
        return asset
    found = find_output(connection, asset.job_id, asset.node_id, asset.output_index)
    assert found is not None
    drop_unreferenced(connection, [asset.hash])
    return found


def get(connection: sqlite3.Connection, asset_id: str, user_id: str | None) -> Asset | None:
    """The asset, if it is the user's; ``None`` has all."""
    if user_id is None:
        return _one(connection, f"{_SELECT} WHERE id = ?", (asset_id,))
    return _one(connection, f"{_SELECT} WHERE id = ? AND user_id = ?", (asset_id, user_id))


def get_readable(
    connection: sqlite3.Connection, asset_id: str, user_id: str | None
) -> Asset | None:
    """The asset, if it is the user's or something that others share names it."""
    if user_id is None:
        return get(connection, asset_id, None)
    return _one(
        connection,
        f"{_SELECT} WHERE id = ? AND (user_id = ? OR {SHARED_WITH})",
        (asset_id, user_id, user_id),
    )


def find_by_hash(
    connection: sqlite3.Connection, blob_hash: str, user_id: str, now_ms: int
) -> Asset | None:
    """The user's newest asset over these bytes that is neither expired nor in the trash."""
    return _one(
        connection,
        f"{_SELECT} WHERE hash = ? AND user_id = ? AND trashed_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > ?) ORDER BY created_at DESC LIMIT 1",
        (blob_hash, user_id, now_ms),
    )


def find_by_path(
    connection: sqlite3.Connection, file_path: str, user_id: str, now_ms: int, *, kind: Kind
) -> Asset | None:
    """The user's newest upload or output of that name, neither expired nor in the trash."""
    source = "job_id IS NULL" if kind == "input" else "job_id IS NOT NULL"
    return _one(
        connection,
        f"{_SELECT} WHERE user_id = ? AND file_path = ? AND {source} AND trashed_at IS NULL"
        " AND (expires_at IS NULL OR expires_at > ?) ORDER BY created_at DESC LIMIT 1",
        (user_id, file_path, now_ms),
    )


def outputs_of(
    connection: sqlite3.Connection, job_ids: Sequence[str]
) -> dict[str, tuple[Asset, ...]]:
    """The outputs of each job, trashed ones included, in the order of their nodes."""
    found: dict[str, list[Asset]] = {job_id: [] for job_id in job_ids}
    for start in range(0, len(job_ids), BATCH):
        page = job_ids[start : start + BATCH]
        rows = connection.execute(
            f"{_SELECT} WHERE job_id IN ({', '.join('?' * len(page))})"
            " ORDER BY CAST(node_id AS INTEGER), node_id, output_index",
            tuple(page),
        )
        for row in rows:
            found[row["job_id"]].append(_asset(row))
    return {job_id: tuple(assets) for job_id, assets in found.items()}


def delete(connection: sqlite3.Connection, asset_id: str, user_id: str | None) -> Asset:
    """Delete an asset's row and return what it was.

    Raises:
        NotFound: ``user_id`` sees no such asset.
        AssetInUse: a job that is not finished needs it, or it is an output of a kept job.
    """
    asset = get(connection, asset_id, user_id)
    if asset is None:
        raise NotFound("There is no such asset.")
    if asset.job_id is not None or is_held(connection, asset_id):
        raise AssetInUse("The asset is in use and cannot be deleted now.")
    remove(connection, asset)
    return asset


def delete_output(connection: sqlite3.Connection, job_id: str, asset_id: str) -> Asset:
    """Delete the row of an output of a job that has ended, and return what it was.

    Raises:
        NotFound: the job has no such output.
        AssetInUse: a job that is not finished needs it.
    """
    asset = _one(connection, f"{_SELECT} WHERE id = ? AND job_id = ?", (asset_id, job_id))
    if asset is None:
        raise NotFound("The job has no such output.")
    if is_held(connection, asset_id):
        raise AssetInUse("A job that has not ended reads this output.")
    remove(connection, asset)
    return asset


def is_held(connection: sqlite3.Connection, asset_id: str) -> bool:
    """Whether a job that is not finished needs it."""
    query = f"SELECT 1 FROM assets WHERE id = ? AND {_HELD}"
    return connection.execute(query, (asset_id,)).fetchone() is not None


def remove(connection: sqlite3.Connection, asset: Asset) -> None:
    """Delete the row of an asset on which nothing depends."""
    connection.execute("DELETE FROM job_inputs WHERE asset_id = ?", (asset.id,))
    connection.execute("DELETE FROM assets WHERE id = ?", (asset.id,))


def drop_unreferenced(connection: sqlite3.Connection, hashes: Collection[str]) -> list[str]:
    """Delete the blob rows among ``hashes`` that no asset needs; return those.

    Give them to ``AssetStore.unlink`` once this transaction is committed.
    """
    return [
        blob_hash
        for blob_hash in hashes
        if connection.execute(
            "DELETE FROM blobs WHERE hash = ?1"
            " AND NOT EXISTS (SELECT 1 FROM assets WHERE hash = ?1)",
            (blob_hash,),
        ).rowcount
    ]


def claim_upload_key(connection: sqlite3.Connection, asset: Asset, key: str) -> None:
    """Use up an idempotency key of the asset's user for 24 hours.

    Raises:
        IdempotencyKeyReuse: it is used up already.
    """
    claimed = connection.execute(
        "INSERT INTO idempotency_keys (user_id, key, created_at) VALUES (?, ?, ?)"
        " ON CONFLICT (user_id, key) DO UPDATE SET created_at = excluded.created_at"
        " WHERE created_at < excluded.created_at - ?",
        (asset.user_id, key, asset.created_at, DAY_MS),
    )
    if claimed.rowcount == 0:
        raise IdempotencyKeyReuse(KEY_REUSED)


def is_expired(asset: Asset, now_ms: int) -> bool:
    """Whether an upload's time is over."""
    return asset.expires_at is not None and asset.expires_at <= now_ms


def is_usable(asset: Asset, now_ms: int) -> bool:
    """Whether a new job may read it: it is neither expired nor in the trash."""
    return asset.trashed_at is None and not is_expired(asset, now_ms)


def purge(connection: sqlite3.Connection, now_ms: int) -> tuple[int, list[str]]:
    """Delete up to ``BATCH`` expired uploads; return how many, and the blobs without rows."""
    rows = connection.execute(
        f"{_SELECT} WHERE expires_at <= ? AND job_id IS NULL AND NOT {_HELD} LIMIT {BATCH}",
        (now_ms,),
    ).fetchall()
    for row in rows:
        remove(connection, _asset(row))
    return len(rows), drop_unreferenced(connection, {row["hash"] for row in rows})


def find_same(connection: sqlite3.Connection, asset: Asset) -> Asset | None:
    """The upload of the same user with the same bytes and path that lives longest."""
    return _one(
        connection,
        f"{_SELECT} WHERE hash = ? AND user_id = ? AND file_path = ? AND job_id IS NULL"
        " AND trashed_at IS NULL AND (expires_at IS NULL OR expires_at > ?)"
        " ORDER BY expires_at IS NULL DESC, expires_at DESC LIMIT 1",
        (asset.hash, asset.user_id, asset.file_path, asset.created_at),
    )


def extend(connection: sqlite3.Connection, asset: Asset, expires_at: int | None) -> Asset:
    """Keep ``asset`` at least until ``expires_at``, for good when that is ``None``."""
    if asset.expires_at is None or (expires_at is not None and expires_at <= asset.expires_at):
        return asset
    connection.execute("UPDATE assets SET expires_at = ? WHERE id = ?", (expires_at, asset.id))
    return replace(asset, expires_at=expires_at)


def has_blob(connection: sqlite3.Connection, blob_hash: str) -> bool:
    """Whether there is a row for these bytes."""
    row = connection.execute("SELECT 1 FROM blobs WHERE hash = ?", (blob_hash,)).fetchone()
    return row is not None


def all_hashes(connection: sqlite3.Connection) -> set[str]:
    """The hashes of all blobs."""
    return {row[0] for row in connection.execute("SELECT hash FROM blobs")}


def unused_hashes(connection: sqlite3.Connection) -> set[str]:
    """The hashes of the blobs that no asset has."""
    query = "SELECT hash FROM blobs WHERE hash NOT IN (SELECT hash FROM assets)"
    return {row[0] for row in connection.execute(query)}


def _one(connection: sqlite3.Connection, query: str, values: tuple[Any, ...]) -> Asset | None:
    row = connection.execute(query, values).fetchone()
    return None if row is None else _asset(row)


def _values(asset: Asset) -> tuple[Any, ...]:
    return (
        asset.id,
        asset.user_id,
        asset.hash,
        asset.size_bytes,
        asset.content_type,
        asset.file_path,
        orjson.dumps(asset.tags).decode(),
        asset.created_at,
        asset.expires_at,
        asset.trashed_at,
        asset.job_id,
        asset.node_id,
        asset.output_index,
        asset.output_type,
    )


def _asset(row: sqlite3.Row) -> Asset:
    return Asset(
        id=row["id"],
        user_id=row["user_id"],
        hash=row["hash"],
        size_bytes=row["size_bytes"],
        content_type=row["content_type"],
        file_path=row["file_path"],
        tags=tuple(orjson.loads(row["tags"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        trashed_at=row["trashed_at"],
        job_id=row["job_id"],
        node_id=row["node_id"],
        output_index=row["output_index"],
        output_type=None if row["output_type"] is None else OutputType(row["output_type"]),
    )
