"""Deliveries as people look at them: listed, told whole, sent once more, forgotten."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import Final

from studio.errors import NotFound
from studio.store.db import Database
from studio.store.webhook_deliveries import NEXT_AT, Attempt, DeliveryState


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message and how it stands; times are milliseconds since the epoch."""

    seq: int
    id: str
    webhook_id: str
    type: str
    state: DeliveryState
    attempts: int
    created_at: int
    next_at: int | None
    ended_at: int | None
    status: int | None
    error: str | None
    url: str
    body: str = ""
    log: tuple[Attempt, ...] = ()


_AT_ONCE: Final = 2_000
_NEVER: Final = (1 << 63) - 1
_LIST: Final = (
    "SELECT d.seq, d.id, d.webhook_id, d.type, d.state, d.attempts, d.created_at, d.next_at, "
    "d.ended_at, COALESCE(d.url, w.url) AS url, a.status, a.error "
    "FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id "
    "LEFT JOIN webhook_attempts a ON a.rowid = "
    "(SELECT MAX(rowid) FROM webhook_attempts WHERE delivery_seq = d.seq) "
)


class DeliveryHistory:
    """Deliveries of a webhook that the caller was found to see."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(
        self, webhook_id: str, *, state: str | None, before: int | None, limit: int
    ) -> list[Delivery]:
        """The newest deliveries of a webhook, each with what its last attempt brought."""

        def work(connection: sqlite3.Connection) -> list[Delivery]:
            # Each with an index of its own: few of very many may be in that state.
            one_state, given = ("AND d.state = ? ", (state,)) if state is not None else ("", ())
            rows = connection.execute(
                f"{_LIST} WHERE d.webhook_id = ? {one_state}AND d.seq < ? "
                "ORDER BY d.seq DESC LIMIT ?",
                (webhook_id, *given, _NEVER if before is None else before, limit),
            )
            return [_delivery(row) for row in rows]

        return await self._db.read(work)

    async def get(self, webhook_id: str, delivery_id: str) -> Delivery:
        """One delivery with its body and every attempt.

        Raises:
            NotFound: that webhook has no such delivery, or not any more.
        """

        def work(connection: sqlite3.Connection) -> Delivery:
            row = connection.execute(
                f"{_LIST} WHERE d.webhook_id = ? AND d.id = ?", (webhook_id, delivery_id)
            ).fetchone()
            if row is None:
                raise NotFound("There is no such delivery; they are kept for a week.")
            attempts = connection.execute(
                "SELECT at, duration_ms, status, error, answer FROM webhook_attempts "
                "WHERE delivery_seq = ? ORDER BY rowid",
                (row["seq"],),
            )
            [body] = connection.execute(
                "SELECT body FROM webhook_deliveries WHERE seq = ?", (row["seq"],)
            ).fetchone()
            return _delivery(row, body, tuple(Attempt(*each) for each in attempts))

        return await self._db.read(work)

    async def again(self, webhook_id: str, delivery_id: str, now_ms: int) -> None:
        """Send a delivery once more, now, under its own id; its attempts count anew.

        Raises:
            NotFound: that webhook has no such delivery.
        """

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, "
                f"next_at = {NEXT_AT}, ended_at = NULL WHERE webhook_id = ? AND id = ?",
                (now_ms, webhook_id, delivery_id),
            )
            if changed.rowcount == 0:
                raise NotFound("There is no such delivery; they are kept for a week.")

        await self._db.write(work)

    async def failed_again(self, webhook_id: str, since_ms: int, now_ms: int) -> int:
        """Send all once more that failed and were made since then; returns how many."""

        def work(connection: sqlite3.Connection) -> int:
            changed = connection.execute(
                "UPDATE webhook_deliveries SET state = 'waiting', attempts = 0, "
                f"next_at = {NEXT_AT}, ended_at = NULL "
                "WHERE webhook_id = ? AND state = 'failed' AND created_at >= ?",
                (now_ms, webhook_id, since_ms),
            )
            return changed.rowcount

        return await self._db.write(work)

    async def sweep(
        self, *, before_ms: int, now_ms: int, most_waiting: int, most_ended: int
    ) -> int:
        """Forget what is old or too much, and fail what has waited too long or behind too many.

        Args:
            most_ended: how many a webhook may have that were delivered, and how many that failed.

        Returns:
            How many were forgotten or failed.
        """
        count = await self._give_up(before_ms, now_ms, most_waiting)
        while gone := await self._forget(before_ms, most_ended):
            count += gone
        return count

    async def _forget(self, before_ms: int, most_ended: int) -> int:
        """Forget some of it: not all at once, since others want to write as well."""

        def work(connection: sqlite3.Connection) -> int:
            gone = connection.execute(
                "DELETE FROM webhook_deliveries WHERE seq IN (SELECT seq FROM webhook_deliveries "
                "WHERE ended_at IS NOT NULL AND ended_at < ? LIMIT ?)",
                (before_ms, _AT_ONCE),
            ).rowcount
            webhooks = [row[0] for row in connection.execute("SELECT id FROM webhooks")]
            for webhook_id in webhooks:
                for state in (DeliveryState.DELIVERED, DeliveryState.FAILED):
                    if gone < _AT_ONCE:
                        gone += connection.execute(
                            "DELETE FROM webhook_deliveries WHERE seq IN (SELECT seq FROM "
                            "webhook_deliveries WHERE webhook_id = ? AND state = ? "
                            "ORDER BY seq DESC LIMIT ? OFFSET ?)",
                            (webhook_id, state, _AT_ONCE, most_ended),
                        ).rowcount
            return gone

        return await self._db.write(work)

    async def _give_up(self, before_ms: int, now_ms: int, most_waiting: int) -> int:
        def work(connection: sqlite3.Connection) -> int:
            failed = connection.execute(
                "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, ended_at = ? "
                "WHERE state = 'waiting' AND created_at < ?",
                (now_ms, before_ms),
            ).rowcount
            full = connection.execute(
                "SELECT webhook_id FROM webhook_deliveries WHERE state = 'waiting' "
                "GROUP BY webhook_id HAVING COUNT(*) > ?",
                (most_waiting,),
            ).fetchall()
            for row in full:
                failed += connection.execute(
                    "UPDATE webhook_deliveries SET state = 'failed', next_at = NULL, ended_at = ? "
                    "WHERE webhook_id = ? AND state = 'waiting' AND seq <= (SELECT seq FROM "
                    "webhook_deliveries WHERE webhook_id = ? AND state = 'waiting' "
                    "ORDER BY seq DESC LIMIT 1 OFFSET ?)",
                    (now_ms, row["webhook_id"], row["webhook_id"], most_waiting),
                ).rowcount
            return failed

        return await self._db.write(work)


def _delivery(row: sqlite3.Row, body: str = "", log: tuple[Attempt, ...] = ()) -> Delivery:
    return Delivery(
        seq=row["seq"],
        id=row["id"],
        webhook_id=row["webhook_id"],
        type=row["type"],
        state=DeliveryState(row["state"]),
        attempts=row["attempts"],
        created_at=row["created_at"],
        next_at=row["next_at"],
        ended_at=row["ended_at"],
        status=row["status"],
        error=row["error"],
        url=row["url"],
        body=body,
        log=log,
    )
