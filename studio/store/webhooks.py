"""Webhooks: who is told what, where, and what signs it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import orjson

from studio.errors import Conflict, NotFound
from studio.store.db import Database

Kind = Literal["user", "system", "jobs"]
"""Whose events it tells of: its user's, everybody's, or those of single jobs that named a URL."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One webhook without its secret. Times are milliseconds since the epoch.

    ``waiting`` and ``failed`` count its deliveries.
    """

    id: str
    user_id: str
    user_name: str
    kind: Kind
    name: str
    url: str
    events: tuple[str, ...]
    created_at: int
    updated_at: int
    paused_at: int | None = None
    disabled_at: int | None = None
    disabled_reason: str | None = None
    failing_since: int | None = None
    succeeded_at: int | None = None
    waiting: int = 0
    failed: int = 0


_SELECT = (
    "SELECT w.*, u.name AS user_name, "
    "(SELECT COUNT(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id "
    "AND d.state = 'waiting') AS waiting, "
    "(SELECT COUNT(*) FROM webhook_deliveries d WHERE d.webhook_id = w.id "
    "AND d.state = 'failed') AS failed "
    "FROM webhooks w JOIN users u ON u.id = w.user_id "
)
_COLUMNS = frozenset(
    {"name", "url", "events", "paused_at", "disabled_at", "disabled_reason", "failing_since"}
)


class WebhookStore:
    """Rows of webhooks; ``user_id`` sees their own, ``None`` everybody's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, user_id: str | None, *, with_system: bool) -> list[Webhook]:
        """The oldest first; the system's only if they are asked for."""

        def work(connection: sqlite3.Connection) -> list[Webhook]:
            rows = connection.execute(
                f"{_SELECT} WHERE (? IS NULL OR w.user_id = ?) AND (? OR w.kind <> 'system') "
                "ORDER BY w.created_at, w.id",
                (user_id, user_id, with_system),
            )
            return [_webhook(row) for row in rows]

        return await self._db.read(work)

    async def get(self, webhook_id: str, user_id: str | None) -> Webhook:
        """One of them.

        Raises:
            NotFound: unknown, or another user's.
        """
        return await self._db.read(lambda connection: _get(connection, webhook_id, user_id))

    async def add(self, webhook: Webhook, secret: str, *, most: int) -> None:
        """Store a new one.

        Raises:
            Conflict: its user has ``most`` already.
        """

        def work(connection: sqlite3.Connection) -> None:
            row = connection.execute(
                "SELECT COUNT(*) FROM webhooks WHERE user_id = ?", (webhook.user_id,)
            ).fetchone()
            if row[0] >= most:
                raise Conflict(f"You have {most} webhooks, which is the limit. Remove one first.")
            connection.execute(
                "INSERT INTO webhooks (id, user_id, kind, name, url, events, secret, created_at, "
                "updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    webhook.id,
                    webhook.user_id,
                    webhook.kind,
                    webhook.name,
                    webhook.url,
                    orjson.dumps(webhook.events).decode(),
                    secret,
                    webhook.created_at,
                    webhook.updated_at,
                ),
            )

        await self._db.write(work)

    async def change(
        self, webhook_id: str, user_id: str | None, changes: Mapping[str, Any], now_ms: int
    ) -> Webhook:
        """Change some columns and return the webhook as it is then.

        Raises:
            NotFound: unknown, or another user's.
        """
        if not changes.keys() <= _COLUMNS:
            raise TypeError(f"A webhook has no {sorted(changes.keys() - _COLUMNS)[0]} to change.")
        values = {
            name: orjson.dumps(value).decode() if name == "events" else value
            for name, value in changes.items()
        }
        sets = ", ".join([*(f"{name} = ?" for name in values), "updated_at = ?"])

        def work(connection: sqlite3.Connection) -> Webhook:
            _get(connection, webhook_id, user_id)
            connection.execute(
                f"UPDATE webhooks SET {sets} WHERE id = ?", (*values.values(), now_ms, webhook_id)
            )
            if "paused_at" in changes:
                _hold(connection, webhook_id, now_ms, is_paused=changes["paused_at"] is not None)
            return _get(connection, webhook_id, user_id)

        return await self._db.write(work)

    async def remove(self, webhook_id: str, user_id: str | None) -> Webhook:
        """Delete one with its deliveries, and return what it was.

        Raises:
            NotFound: unknown, or another user's.
        """

        def work(connection: sqlite3.Connection) -> Webhook:
            found = _get(connection, webhook_id, user_id)
            connection.execute("DELETE FROM webhooks WHERE id = ?", (webhook_id,))
            return found

        return await self._db.write(work)

    async def change_secret(
        self, webhook_id: str, user_id: str | None, secret: str, *, until_ms: int, now_ms: int
    ) -> Webhook:
        """Sign with another secret from now on, and with the one before until ``until_ms``.

        Raises:
            NotFound: unknown, or another user's.
        """

        def work(connection: sqlite3.Connection) -> Webhook:
            _get(connection, webhook_id, user_id)
            connection.execute(
                "UPDATE webhooks SET old_secret = secret, old_secret_until = ?, secret = ?, "
                "updated_at = ? WHERE id = ?",
                (until_ms, secret, now_ms, webhook_id),
            )
            return _get(connection, webhook_id, user_id)

        return await self._db.write(work)

    async def address(
        self, webhook_id: str, now_ms: int
    ) -> tuple[str, str, tuple[str, ...]] | None:
        """Whose it is, where, and what signs for it; ``None`` while nothing may be sent there."""

        def work(connection: sqlite3.Connection) -> tuple[str, str, tuple[str, ...]] | None:
            row = connection.execute(
                "SELECT w.* FROM webhooks w JOIN users u ON u.id = w.user_id WHERE w.id = ? "
                "AND w.paused_at IS NULL AND w.disabled_at IS NULL AND u.disabled_at IS NULL",
                (webhook_id,),
            ).fetchone()
            if row is None:
                return None
            is_changing = row["old_secret"] is not None and row["old_secret_until"] > now_ms
            both = (row["secret"], row["old_secret"])
            return row["user_id"], row["url"], both if is_changing else both[:1]

        return await self._db.read(work)


def _hold(connection: sqlite3.Connection, webhook_id: str, now_ms: int, *, is_paused: bool) -> None:
    """What waits is due at no time while its webhook is paused, and at once when it goes on."""
    if is_paused:
        connection.execute(
            "UPDATE webhook_deliveries SET next_at = NULL WHERE webhook_id = ? "
            "AND state = 'waiting'",
            (webhook_id,),
        )
    else:
        connection.execute(
            "UPDATE webhook_deliveries SET next_at = ? WHERE webhook_id = ? "
            "AND state = 'waiting' AND next_at IS NULL",
            (now_ms, webhook_id),
        )


def _get(connection: sqlite3.Connection, webhook_id: str, user_id: str | None) -> Webhook:
    row = connection.execute(
        f"{_SELECT} WHERE w.id = ? AND (? IS NULL OR w.user_id = ?)",
        (webhook_id, user_id, user_id),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such webhook.")
    return _webhook(row)


def _webhook(row: sqlite3.Row) -> Webhook:
    return Webhook(
        id=row["id"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        kind=row["kind"],
        name=row["name"],
        url=row["url"],
        events=tuple(orjson.loads(row["events"])),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        paused_at=row["paused_at"],
        disabled_at=row["disabled_at"],
        disabled_reason=row["disabled_reason"],
        failing_since=row["failing_since"],
        succeeded_at=row["succeeded_at"],
        waiting=row["waiting"],
        failed=row["failed"],
    )
