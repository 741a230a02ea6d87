"""Idempotency keys of submissions."""

from __future__ import annotations

import sqlite3

from studio.errors import IdempotencyKeyReuse
from studio.settings import DAY_MS


def claim_key(connection: sqlite3.Connection, user_id: str, key: str, now_ms: int) -> None:
    """Claim an idempotency key inside the caller's transaction: released if that rolls back.

    Raises:
        IdempotencyKeyReuse: the key was claimed in the last 24 hours.
    """
    claimed = connection.execute(
        "INSERT INTO idempotency_keys (user_id, key, created_at) VALUES (?, ?, ?) "
        "ON CONFLICT (user_id, key) DO UPDATE SET created_at = excluded.created_at "
        "WHERE created_at < excluded.created_at - ?",
        (user_id, key, now_ms, DAY_MS),
    )
    if claimed.rowcount == 0:
        raise IdempotencyKeyReuse(
            "This Idempotency-Key was already used; list your jobs to find the one it made."
        )
