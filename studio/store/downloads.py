"""The rows of downloads: what is wanted, in which order, and what became of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
from typing import Any, Final

import orjson

from studio.clock import iso, iso_or_none, new_id
from studio.errors import NotFound
from studio.remote import CACHE, without_query
from studio.store.db import Database
from studio.store.part_folders import PARTS_OWNER

_LIMITS: Final = "downloads_limits"


class DownloadState(StrEnum):
    QUEUED = "queued"
    RESOLVING = "resolving"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def has_ended(self) -> bool:
        return self in ENDED

    @property
    def is_active(self) -> bool:
        return self in ACTIVE


ENDED: Final = frozenset({DownloadState.DONE, DownloadState.FAILED, DownloadState.CANCELED})
ACTIVE: Final = frozenset(
    {DownloadState.RESOLVING, DownloadState.DOWNLOADING, DownloadState.VERIFYING}
)


@dataclass(frozen=True, slots=True)
class DownloadError:
    """Why one failed: a code for programs, a sentence for people."""

    code: str
    message: str
    details: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Download:
    """One download row. Times are milliseconds since the epoch."""

    id: str
    user_id: str
    reference: str
    root: str
    folder: str
    name: str | None
    """Relative to the folder; ``None`` until its source was asked."""
    state: DownloadState
    priority: int
    rank: float
    """Order within one priority."""
    created_at: int
    expected_sha256: str | None = None
    expected_bytes: int | None = None
    allow_pickle: bool = False
    replaces: bool = False
    size_bytes: int | None = None
    sha256: str | None = None
    """What its bytes really hash to."""
    page: str | None = None
    license: str | None = None
    error: DownloadError | None = None
    started_at: int | None = None
    ended_at: int | None = None

    @property
    def place(self) -> tuple[str, str, str | None]:
        """What no two downloads may have."""
        return (self.root, self.folder, self.name)

    @property
    def whose(self) -> str | None:
        """The user alone who is shown it, beside the owner: what a job named is its user's, a
        model is everybody's.
        """
        return self.user_id if self.root == CACHE else None

    @property
    def title(self) -> str:
        """What people call it: by its reference while it has no name, or in the cache a hash."""
        name = None if self.root == CACHE else self.name
        return name or without_query(self.reference)

    @property
    def order(self) -> tuple[int, float]:
        """The lowest is next."""
        return (-self.priority, self.rank)


def download_facts(row: Download) -> dict[str, Any]:
    """What a row alone says of a download, as programs see it. How far it is stands in no row."""
    return {
        "id": row.id,
        "reference": without_query(row.reference),
        "root": row.root,
        "folder": row.folder,
        "name": row.name,
        "state": row.state,
        "priority": row.priority,
        "rank": row.rank,
        "size_bytes": row.size_bytes or row.expected_bytes,
        "sha256": row.sha256,
        "expected_sha256": row.expected_sha256,
        "allow_pickle": row.allow_pickle,
        "page": row.page,
        "license": row.license,
        "error": None if row.error is None else asdict(row.error),
        "user_id": row.user_id,
        "created_at": iso(row.created_at),
        "started_at": iso_or_none(row.started_at),
        "ended_at": iso_or_none(row.ended_at),
    }


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How many at once, and how fast all of them together."""

    concurrency: int = 2
    bytes_per_second: int | None = None


Beside = Callable[[sqlite3.Connection, DownloadState | None, Download], None]
"""Told of the state before and of the row that the same commit stores."""
_COLUMNS: Final = tuple(field.name for field in fields(Download))


class DownloadStore:
    """Every download, whoever asked for it: models belong to the house."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._beside: Beside | None = None

    def store_beside(self, beside: Beside) -> None:
        """Have something else stored by the commits that store a download."""
        self._beside = beside

    async def owner(self) -> str:
        """What this Studio's parts lie under: several may share one tree of models."""

        def work(connection: sqlite3.Connection) -> str:
            connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING",
                (PARTS_OWNER, new_id()),
            )
            row = connection.execute(
                "SELECT value FROM meta WHERE key = ?", (PARTS_OWNER,)
            ).fetchone()
            return str(row[0])

        return await self._db.write(work)

    async def put(self, download: Download) -> None:
        """Store a new one, or what changed of one."""
        names, marks = ", ".join(_COLUMNS), ", ".join("?" * len(_COLUMNS))
        changes = ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")
        row = _row(download)

        def work(connection: sqlite3.Connection) -> None:
            found = connection.execute(
                "SELECT state FROM downloads WHERE id = ?", (download.id,)
            ).fetchone()
            connection.execute(
                f"INSERT INTO downloads ({names}) VALUES ({marks})"
                f" ON CONFLICT (id) DO UPDATE SET {changes}",
                row,
            )
            if self._beside is not None:
                before = None if found is None else DownloadState(found["state"])
                self._beside(connection, before, download)

        await self._db.write(work)

    async def get(self, download_id: str) -> Download:
        """One download.

        Raises:
            NotFound: there is none of that id.
        """

        def work(connection: sqlite3.Connection) -> Any:
            return connection.execute(
                "SELECT * FROM downloads WHERE id = ?", (download_id,)
            ).fetchone()

        row = await self._db.read(work)
        if row is None:
            raise NotFound("There is no such download.")
        return _download(row)

    async def unfinished(self) -> list[Download]:
        """All that have not ended."""

        def work(connection: sqlite3.Connection) -> list[Download]:
            rows = connection.execute("SELECT * FROM downloads WHERE ended_at IS NULL")
            return [_download(row) for row in rows]

        return await self._db.read(work)

    async def ended(self, limit: int, *, user_id: str | None = None) -> list[Download]:
        """Those that have ended, the latest first.

        Args:
            user_id: leave out what other users' jobs named.
        """

        def work(connection: sqlite3.Connection) -> list[Download]:
            rows = connection.execute(
                "SELECT * FROM downloads WHERE ended_at IS NOT NULL"
                " AND (:user IS NULL OR root != :cache OR user_id = :user)"
                " ORDER BY ended_at DESC, id LIMIT :limit",
                {"user": user_id, "cache": CACHE, "limit": limit},
            )
            return [_download(row) for row in rows]

        return await self._db.read(work)

    async def of_bytes(self, sha256: str) -> Download | None:
        """The latest that brought exactly these bytes."""

        def work(connection: sqlite3.Connection) -> Any:
            return connection.execute(
                "SELECT * FROM downloads WHERE sha256 = ? AND state = ?"
                " ORDER BY ended_at DESC, id LIMIT 1",
                (sha256, DownloadState.DONE),
            ).fetchone()

        row = await self._db.read(work)
        return None if row is None else _download(row)

    async def forget(self, download_id: str) -> None:
        """Remove the row of one."""
        await self._db.write(
            lambda connection: connection.execute(
                "DELETE FROM downloads WHERE id = ?", (download_id,)
            )
        )

    async def forget_ended(self, keep: int) -> None:
        """Keep only the latest of those that have ended."""
        await self._db.write(
            lambda connection: connection.execute(
                "DELETE FROM downloads WHERE ended_at IS NOT NULL AND id NOT IN (SELECT id FROM"
                " downloads WHERE ended_at IS NOT NULL ORDER BY ended_at DESC, id LIMIT ?)",
                (keep,),
            )
        )

    async def limits(self) -> DownloadLimits:
        """What was set last."""

        def work(connection: sqlite3.Connection) -> Any:
            return connection.execute("SELECT value FROM meta WHERE key = ?", (_LIMITS,)).fetchone()

        row = await self._db.read(work)
        return DownloadLimits() if row is None else DownloadLimits(**orjson.loads(row[0]))

    async def put_limits(self, limits: DownloadLimits) -> None:
        """Keep limits over restarts."""
        text = orjson.dumps(asdict(limits)).decode()
        await self._db.write(
            lambda connection: connection.execute(
                "INSERT INTO meta (key, value) VALUES (?, ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (_LIMITS, text),
            )
        )


def _row(download: Download) -> tuple[Any, ...]:
    values = {name: getattr(download, name) for name in _COLUMNS}
    if download.error is not None:
        values["error"] = orjson.dumps(asdict(download.error)).decode()
    return tuple(values.values())


def _download(row: sqlite3.Row) -> Download:
    values = {name: row[name] for name in _COLUMNS}
    error = values.pop("error")
    made = Download(**values)
    return replace(
        made,
        state=DownloadState(made.state),
        allow_pickle=bool(made.allow_pickle),
        replaces=bool(made.replaces),
        error=None if error is None else DownloadError(**orjson.loads(error)),
    )
