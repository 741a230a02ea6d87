"""Rows of the library: written by the indexer, changed by people, moved to the trash and out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from studio.errors import NotFound
from studio.store.asset_rows import BATCH, drop_unreferenced, is_held
from studio.store.assets import AssetStore
from studio.store.db import Database

Refusal = Literal["not_in_trash", "asset_in_use"]
_MISSING: Final = """
SELECT assets.id, assets.user_id, assets.hash, assets.content_type, assets.file_path,
    assets.job_id, assets.node_id, jobs.seq AS job_seq,
    coalesce(jobs.title, '') AS title, coalesce(jobs.workflow_id, '') AS workflow_id
FROM assets LEFT JOIN jobs ON jobs.id = assets.job_id
WHERE NOT EXISTS (SELECT 1 FROM pictures WHERE asset_id = assets.id)
AND (assets.job_id IS NULL OR jobs.completed_at IS NOT NULL)
"""


@dataclass(frozen=True, slots=True)
class Unindexed:
    """A file that the library does not know yet, of a job that has ended or an upload."""

    id: str
    user_id: str
    hash: str
    content_type: str
    file_path: str
    job_id: str | None
    node_id: str | None
    job_seq: int | None
    title: str
    workflow_id: str


@dataclass(frozen=True, slots=True)
class Indexed:
    """What was found out about one file."""

    asset: Unindexed
    kind: str
    name_key: str
    width: int | None = None
    height: int | None = None
    duration_ms: int | None = None
    seed: int | None = None
    preset_id: str | None = None
    batch_id: str | None = None


@dataclass(frozen=True, slots=True)
class JobGraph:
    """What a job was made of: its graph as JSON, and its models as (class, input, file)."""

    graph: bytes
    models: bytes


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of an action on some files."""

    count: int
    not_found: tuple[str, ...] = ()
    job_ids: frozenset[str] = frozenset()
    """The jobs whose outputs look different now."""
    refused: tuple[tuple[str, Refusal], ...] = ()


class PictureStore:
    """Writes the library.

    Args:
        assets: what removes the bytes that no row has any more.
    """

    def __init__(self, db: Database, assets: AssetStore) -> None:
        self._db = db
        self._assets = assets

    # -- index -----------------------------------------------------------------------------------

    async def missing_after(self, asset_id: str) -> tuple[list[str], list[str], str | None]:
        """Where rows are missing among the next assets in the order of ids.

        However many there are, one call looks at a bounded number.

        Returns:
            Ids of jobs, ids of uploads, and where to go on.
        """

        def work(connection: sqlite3.Connection) -> tuple[list[str], list[str], str | None]:
            end = connection.execute(
                f"SELECT id FROM assets WHERE id > ? ORDER BY id LIMIT 1 OFFSET {BATCH - 1}",
                (asset_id,),
            ).fetchone()
            last = None if end is None else end["id"]
            bound = "" if last is None else " AND assets.id <= ?"
            values = (asset_id,) if last is None else (asset_id, last)
            rows = connection.execute(f"{_MISSING} AND assets.id > ?{bound}", values).fetchall()
            jobs = {row["job_id"] for row in rows} - {None}
            return sorted(jobs), [row["id"] for row in rows if row["job_id"] is None], last

        return await self._db.read(work)

    async def missing_of(self, job_ids: Sequence[str], asset_ids: Sequence[str]) -> list[Unindexed]:
        """Files without a row among the outputs of these jobs, in order, and among these assets."""

        def work(connection: sqlite3.Connection) -> list[Unindexed]:
            found = []
            for column, values in (("job_id", job_ids), ("id", asset_ids)):
                for value in values:
                    rows = connection.execute(
                        f"{_MISSING} AND assets.{column} = ?"
                        " ORDER BY CAST(node_id AS INTEGER), node_id, output_index",
                        (value,),
                    )
                    found += [_unindexed(row) for row in rows]
            return found

        return await self._db.read(work)

    async def graphs_of(self, job_seqs: Sequence[int]) -> dict[int, JobGraph]:
        """What some jobs were made of."""

        def work(connection: sqlite3.Connection) -> dict[int, JobGraph]:
            found = {}
            for seq in job_seqs:
                row = connection.execute(
                    "SELECT graph, models FROM jobs WHERE seq = ?", (seq,)
                ).fetchone()
                if row is not None:
                    found[seq] = JobGraph(bytes(row["graph"]), row["models"].encode())
            return found

        return await self._db.read(work)

    async def add(self, found: Sequence[Indexed], kinds: Sequence[tuple[str, str]]) -> None:
        """Store what was found out; rows that are there stay, files that are gone are left out.

        It is not worth an fsync: what a power cut takes is found out again.

        Args:
            kinds: (file name of a model, its kind).
        """

        def work(connection: sqlite3.Connection) -> None:
            for one in found:
                asset = one.asset
                connection.execute(
                    "INSERT INTO pictures (asset_id, user_id, job_seq, created_at, kind, width,"
                    " height, duration_ms, seed, workflow_id, preset_id, batch_id, title, name_key,"
                    " trashed_at) SELECT id, user_id, ?, created_at, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
                    " trashed_at FROM assets WHERE id = ? ON CONFLICT DO NOTHING",
                    (
                        asset.job_seq,
                        one.kind,
                        one.width,
                        one.height,
                        one.duration_ms,
                        None if one.seed is None else str(one.seed),
                        asset.workflow_id,
                        one.preset_id,
                        one.batch_id,
                        asset.title,
                        one.name_key,
                        asset.id,
                    ),
                )
            connection.executemany("INSERT OR IGNORE INTO model_kinds VALUES (?, ?)", kinds)

        await self._db.write(work, durable=False)

    # -- change ----------------------------------------------------------------------------------

    async def update(
        self,
        asset_id: str,
        viewer: str | None,
        *,
        rating: int | None,
        favourite: bool | None,
        title: tuple[str, str] | None,
    ) -> None:
        """Change what is given; ``title`` with the key that it is searched by.

        Raises:
            NotFound: the viewer sees no such file.
        """
        shown, key = title or (None, None)

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE pictures SET rating = coalesce(?, rating),"
                " favourite = coalesce(?, favourite), title = coalesce(?, title),"
                " name_key = coalesce(?, name_key)"
                " WHERE asset_id = ? AND (? IS NULL OR user_id = ?)",
                (rating, favourite, shown, key, asset_id, viewer, viewer),
            )
            if changed.rowcount == 0:
                raise NotFound("There is no such file in the library.")

        await self._db.write(work)

    async def set(
        self,
        ids: Sequence[str],
        viewer: str | None,
        column: Literal["favourite", "rating"],
        to: int,
    ) -> Changed:
        """Give a column of many files one value; those that have it already are not counted."""

        def work(connection: sqlite3.Connection) -> Changed:
            seen, lost, _ = _split(connection, ids, viewer)
            count = sum(
                connection.execute(
                    f"UPDATE pictures SET {column} = ? WHERE asset_id = ? AND {column} <> ?",
                    (to, one, to),
                ).rowcount
                for one in seen
            )
            return Changed(count, lost)

        return await self._db.write(work)

    async def trash(self, ids: Sequence[str], viewer: str | None, now_ms: int | None) -> Changed:
        """Move files to the trash, or with ``None`` out of it; jobs show them no more, or again."""
        state = "NOT NULL" if now_ms is None else "NULL"

        def work(connection: sqlite3.Connection) -> Changed:
            seen, lost, jobs = _split(connection, ids, viewer)
            moved = []
            for one in seen:
                changed = connection.execute(
                    f"UPDATE pictures SET trashed_at = ? WHERE asset_id = ?"
                    f" AND trashed_at IS {state}",
                    (now_ms, one),
                )
                if changed.rowcount:
                    connection.execute(
                        "UPDATE assets SET trashed_at = ? WHERE id = ?", (now_ms, one)
                    )
                    moved.append(one)
            return Changed(len(moved), lost, _jobs(moved, jobs))

        return await self._db.write(work)

    async def purge(self, ids: Sequence[str], viewer: str | None) -> Changed:
        """Delete files that are in the trash, for good: from their jobs in the same commit."""

        def work(connection: sqlite3.Connection) -> tuple[Changed, list[str]]:
            seen, lost, jobs = _split(connection, ids, viewer)
            gone: list[str] = []
            hashes: set[str] = set()
            refused: list[tuple[str, Refusal]] = []
            for one in seen:
                row = connection.execute(
                    "SELECT hash, trashed_at FROM assets WHERE id = ?", (one,)
                ).fetchone()
                if row["trashed_at"] is None:
                    refused.append((one, "not_in_trash"))
                elif is_held(connection, one):
                    refused.append((one, "asset_in_use"))
                else:
                    connection.execute("DELETE FROM job_inputs WHERE asset_id = ?", (one,))
                    connection.execute("DELETE FROM assets WHERE id = ?", (one,))
                    hashes.add(row["hash"])
                    gone.append(one)
            changed = Changed(len(gone), lost, _jobs(gone, jobs), tuple(refused))
            return changed, drop_unreferenced(connection, hashes)

        changed, dead = await self._db.write(work)
        await self._assets.unlink(dead)
        return changed


def _split(
    connection: sqlite3.Connection, ids: Sequence[str], viewer: str | None
) -> tuple[list[str], tuple[str, ...], dict[str, str | None]]:
    """Which of ``ids`` the viewer sees and which not, and the jobs of the former."""
    jobs: dict[str, str | None] = {}
    lost = []
    for one in ids:
        row = connection.execute(
            "SELECT assets.job_id FROM pictures JOIN assets ON assets.id = pictures.asset_id"
            " WHERE pictures.asset_id = ? AND (? IS NULL OR pictures.user_id = ?)",
            (one, viewer, viewer),
        ).fetchone()
        if row is None:
            lost.append(one)
        else:
            jobs[one] = row["job_id"]
    return list(jobs), tuple(lost), jobs


def _jobs(ids: Sequence[str], jobs: dict[str, str | None]) -> frozenset[str]:
    return frozenset(job_id for one in ids if (job_id := jobs[one]) is not None)


def _unindexed(row: sqlite3.Row) -> Unindexed:
    values: dict[str, Any] = dict(row)
    return Unindexed(**values)
