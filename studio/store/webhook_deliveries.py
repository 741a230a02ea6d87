"""Deliveries of webhooks: what is due, and what became of each attempt."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from studio.store.db import Database


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Due:
    """A message whose time has come, with all that its attempt needs."""

    seq: int
    id: str
    webhook_id: str
    user_id: str
    type: str
    lane: str
    endpoint: str
    body: str
    attempts: int
    url: str
    secrets: tuple[str, ...]
    """What signs it: while a secret is being changed, both."""
    is_of_job: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt. ``status`` is what the receiver answered; ``error`` why that is no success."""

    at: int
    duration_ms: int
    status: int | None
    error: str | None
    answer: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of a message after an attempt.

    ``disable`` is the reason for which its webhook is told nothing more.
    """

    state: DeliveryState
    next_at: int | None = None
    disable: str | None = None


_ALL_PLACES: Final = """
    WITH RECURSIVE places (endpoint) AS (
        SELECT min(endpoint) FROM webhook_deliveries INDEXED BY webhook_deliveries_by_endpoint
        WHERE state = 'waiting'
        UNION ALL
        SELECT (
            SELECT min(endpoint) FROM webhook_deliveries INDEXED BY webhook_deliveries_by_endpoint
            WHERE state = 'waiting' AND endpoint > places.endpoint
        ) FROM places WHERE endpoint IS NOT NULL
    )
    SELECT p.endpoint, (
        SELECT d.next_at FROM webhook_deliveries d INDEXED BY webhook_deliveries_by_endpoint
        WHERE d.state = 'waiting' AND d.endpoint = p.endpoint AND d.next_at IS NOT NULL
        ORDER BY d.next_at LIMIT 1
    ) AS first
    FROM places p
    JOIN webhooks w ON w.id = substr(p.endpoint, 1, instr(p.endpoint || ' ', ' ') - 1)
    JOIN users u ON u.id = w.user_id
    WHERE w.paused_at IS NULL AND w.disabled_at IS NULL AND u.disabled_at IS NULL AND first <= ?
"""
"""From one receiver to the next, whatever waits for each of them; webhooks' ids have no spaces."""
_IS_DUE: Final = "SELECT 1 FROM webhook_deliveries WHERE state = 'waiting' AND next_at <= ? LIMIT 1"
_OF_PLACE: Final = (
    "SELECT d.*, w.url AS own_url, w.secret AS own_secret, w.old_secret, w.old_secret_until, "
    "w.kind, w.user_id FROM webhook_deliveries d INDEXED BY webhook_deliveries_by_endpoint "
    "JOIN webhooks w ON w.id = d.webhook_id "
    "WHERE d.state = 'waiting' AND d.endpoint = ? AND d.next_at <= ? "
)
_MOST_OF_PLACE: Final = 4


NEXT_AT: Final = (
    "(SELECT CASE WHEN w.paused_at IS NULL THEN ? END FROM webhooks w "
    "WHERE w.id = webhook_deliveries.webhook_id)"
)
"""When a delivery is due. Those of a paused webhook never are, so nobody looks past them."""


class DeliveryStore:
    """Rows of deliveries and of their attempts."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def due(
        self,
        now_ms: int,
        *,
        but_lanes: Collection[str],
        but_endpoints: Collection[str],
        but_users: Collection[str],
        most: int,
    ) -> list[Due]:
        """What is to be sent now, but for those lanes, endpoints and users.

        First comes the receiver whose oldest message waits longest. How much waits for each, left
        out or not, makes no difference.
        """
        lanes, endpoints, users = list(but_lanes), list(but_endpoints), list(but_users)

        def work(connection: sqlite3.Connection) -> list[Due]:
            if connection.execute(_IS_DUE, (now_ms,)).fetchone() is None:
                return []
            # How many of them are needed shows only below: of one whose every message is of a lane
            # that is left out comes nothing. There are no more of those than such lanes.
            places = connection.execute(
                f"{_ALL_PLACES} AND p.endpoint NOT IN ({_marks(endpoints)}) "
                f"AND w.user_id NOT IN ({_marks(users)}) ORDER BY first",
                (now_ms, *endpoints, *users),
            )
            found: list[Due] = []
            for place in places:
                rows = connection.execute(
                    f"{_OF_PLACE} AND d.lane NOT IN ({_marks(lanes)}) "
                    "ORDER BY d.next_at, d.seq LIMIT ?",
                    (place["endpoint"], now_ms, *lanes, min(_MOST_OF_PLACE, most - len(found))),
                )
                found += [_due(row, now_ms) for row in rows]
                if len(found) >= most:
                    break
            return found

        return await self._db.read(work)

    async def next_due(self, after_ms: int) -> int | None:
        """When something is due that is not due yet, in milliseconds since the epoch."""

        def work(connection: sqlite3.Connection) -> int | None:
            row = connection.execute(
                "SELECT min(next_at) FROM webhook_deliveries "
                "WHERE state = 'waiting' AND next_at > ?",
                (after_ms,),
            ).fetchone()
            return None if row[0] is None else int(row[0])

        return await self._db.read(work)

    async def has_untried(self, lane: str) -> bool:
        """Whether a message of that lane waits for its first attempt."""

        def work(connection: sqlite3.Connection) -> bool:
            row = connection.execute(
                "SELECT 1 FROM webhook_deliveries WHERE lane = ? "
                "AND state = 'waiting' AND attempts = 0 LIMIT 1",
                (lane,),
            ).fetchone()
            return row is not None

        return await self._db.read(work)

    async def note(self, due: Due, attempt: Attempt, outcome: Outcome) -> int | None:
        """Store an attempt and what follows from it.

        Returns:
            Since when the webhook has had no success, after this.
        """
        succeeded = outcome.state is DeliveryState.DELIVERED

        def work(connection: sqlite3.Connection) -> int | None:
            _add_attempt(connection, due.seq, attempt)
            connection.execute(
                "UPDATE webhook_deliveries SET state = ?, attempts = attempts + 1, "
                f"next_at = {NEXT_AT}, ended_at = ? WHERE seq = ?",
                (
                    outcome.state,
                    outcome.next_at,
                    None if outcome.state is DeliveryState.WAITING else attempt.at,
                    due.seq,
                ),
            )
            if succeeded:
                connection.execute(
                    "UPDATE webhooks SET failing_since = NULL, succeeded_at = ? WHERE id = ?",
                    (attempt.at, due.webhook_id),
                )
            else:
                connection.execute(
                    "UPDATE webhooks SET failing_since = COALESCE(failing_since, ?) WHERE id = ?",
                    (attempt.at, due.webhook_id),
                )
            row = connection.execute(
                "SELECT failing_since FROM webhooks WHERE id = ?", (due.webhook_id,)
            ).fetchone()
            return None if row is None else row["failing_since"]

        # What a power cut takes of it is sent once more, under the same id.
        return await self._db.write(work, durable=not succeeded, short=True)

    async def give_up(self, due: Due, reason: str, now_ms: int) -> bool:
        """Tell that receiver nothing more: what waits for it fails.

        Returns:
            Whether the webhook was not disabled before.
        """

        def work(connection: sqlite3.Connection) -> bool:
            if due.is_of_job:
                connection.execute(
                    "DELETE FROM job_webhooks WHERE webhook_id = ? AND url = ?",
                    (due.webhook_id, due.url),
                )
                connection.execute(
                    "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, ended_at = ? "
                    "WHERE webhook_id = ? AND url = ? AND state = 'waiting'",
                    (now_ms, due.webhook_id, due.url),
                )
                return False
            connection.execute(
                "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, ended_at = ? "
                "WHERE webhook_id = ? AND state = 'waiting'",
                (now_ms, due.webhook_id),
            )
            changed = connection.execute(
                "UPDATE webhooks SET disabled_at = ?, disabled_reason = ?, updated_at = ? "
                "WHERE id = ? AND disabled_at IS NULL",
                (now_ms, reason, now_ms, due.webhook_id),
            )
            return changed.rowcount > 0

        return await self._db.write(work)


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _add_attempt(connection: sqlite3.Connection, seq: int, attempt: Attempt) -> None:
    connection.execute(
        "INSERT INTO webhook_attempts (delivery_seq, at, duration_ms, status, error, answer) "
        "SELECT seq, ?, ?, ?, ?, ? FROM webhook_deliveries WHERE seq = ?",
        (
            attempt.at,
            attempt.duration_ms,
            attempt.status,
            attempt.error,
            attempt.answer,
            seq,
        ),
    )


def _due(row: sqlite3.Row, now_ms: int) -> Due:
    if row["secret"] is not None:
        secrets: tuple[str, ...] = (row["secret"],)
    else:
        secrets = (row["own_secret"],)
        if row["old_secret"] is not None and row["old_secret_until"] > now_ms:
            secrets = (row["own_secret"], row["old_secret"])
    return Due(
        seq=row["seq"],
        id=row["id"],
        webhook_id=row["webhook_id"],
        user_id=row["user_id"],
        type=row["type"],
        lane=row["lane"],
        endpoint=row["endpoint"],
        body=row["body"],
        attempts=row["attempts"],
        url=row["url"] or row["own_url"],
        secrets=secrets,
        is_of_job=row["kind"] == "jobs",
    )
