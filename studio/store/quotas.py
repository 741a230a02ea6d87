"""What people may use up, and what they have: limits by person and role, GPU seconds by day."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Final

from studio.errors import NotFound
from studio.settings import DAY_MS
from studio.store.db import Database

JOBS: Final = "jobs"
"""The kind of GPU seconds that jobs used."""

_UPSERT: Final = (
    "ON CONFLICT (user_id, day, kind) DO UPDATE SET seconds = seconds + excluded.seconds"
)
_DISK: Final = (
    "SELECT user_id, sum(size_bytes) AS bytes FROM ("
    " SELECT DISTINCT user_id, hash, size_bytes FROM assets{where}) GROUP BY user_id"
)
_COMING: Final = (
    "SELECT user_id, sum(size_bytes) AS bytes FROM"
    " (SELECT user_id, size_bytes, asset_id FROM uploads{where})"
    " WHERE asset_id IS NULL GROUP BY user_id"
)


class QuotaStore:
    """Limits and what counts against them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self) -> dict[tuple[str, str], int | None]:
        """Every limit that somebody set, by whose it is and its quota."""

        def work(connection: sqlite3.Connection) -> dict[tuple[str, str], int | None]:
            rows = connection.execute("SELECT whose, quota, value FROM quotas")
            return {(row["whose"], row["quota"]): row["value"] for row in rows}

        return await self._db.read(work)

    async def change(
        self, whose: str, values: Mapping[str, int | None], back: set[str], *, is_user: bool
    ) -> None:
        """Set limits of a user or of a role.

        Args:
            values: by quota; ``None`` is no limit.
            back: quotas that have no limit of their own any more.

        Raises:
            NotFound: there is no such user.
        """

        def work(connection: sqlite3.Connection) -> None:
            known = connection.execute("SELECT 1 FROM users WHERE id = ?", (whose,)).fetchone()
            if is_user and known is None:
                raise NotFound("There is no such user.")
            connection.executemany(
                "INSERT INTO quotas (whose, quota, value) VALUES (?, ?, ?) "
                "ON CONFLICT (whose, quota) DO UPDATE SET value = excluded.value",
                [(whose, quota, value) for quota, value in values.items()],
            )
            connection.executemany(
                "DELETE FROM quotas WHERE whose = ? AND quota = ?",
                [(whose, quota) for quota in back],
            )

        await self._db.write(work)

    async def gpu_seconds(self, now_ms: int, user_id: str | None = None) -> dict[str, float]:
        """GPU seconds of the day of ``now_ms``, by user; of one user, or of all."""

        def work(connection: sqlite3.Connection) -> dict[str, float]:
            rows = connection.execute(
                "SELECT user_id, sum(seconds) AS seconds FROM gpu_days "
                "WHERE day = ?1 AND (?2 IS NULL OR user_id = ?2) GROUP BY user_id",
                (now_ms // DAY_MS, user_id),
            )
            return {row["user_id"]: row["seconds"] for row in rows}

        return await self._db.read(work)

    async def charge(self, user_id: str, seconds: float, kind: str, now_ms: int) -> None:
        """Count GPU seconds that something other than a job used."""
        await self._db.write(
            lambda connection: connection.execute(
                f"INSERT INTO gpu_days (user_id, day, kind, seconds) VALUES (?, ?, ?, ?) {_UPSERT}",
                (user_id, now_ms // DAY_MS, kind, seconds),
            )
        )

    async def forget_days(self, before_ms: int) -> None:
        """Forget what was used on the days before that of ``before_ms``."""
        await self._db.write(
            lambda connection: connection.execute(
                "DELETE FROM gpu_days WHERE day < ?", (before_ms // DAY_MS,)
            )
        )

    async def disk_bytes(self, user_id: str | None = None) -> dict[str, int]:
        """Bytes of files by user, the same bytes once, with those that uploads will bring."""

        def work(connection: sqlite3.Connection) -> dict[str, int]:
            found: dict[str, int] = {}
            where, values = ("", ()) if user_id is None else (" WHERE user_id = ?", (user_id,))
            for query in (_DISK, _COMING):
                for row in connection.execute(query.format(where=where), values):
                    found[row["user_id"]] = found.get(row["user_id"], 0) + row["bytes"]
            return found

        return await self._db.read(work)


def charge_job(
    connection: sqlite3.Connection, job_id: str, completed_at: int, duration_ms: int
) -> None:
    """Count a job that ends, inside the transaction that ends it; a second time counts nothing."""
    connection.execute(
        "INSERT INTO gpu_days (user_id, day, kind, seconds) "
        f"SELECT user_id, ?, ?, ? FROM jobs WHERE id = ? AND completed_at IS NULL {_UPSERT}",
        (completed_at // DAY_MS, JOBS, duration_ms / 1000, job_id),
    )
