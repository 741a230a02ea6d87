"""API keys: only a hash is kept, so a stolen database opens nothing."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

import orjson

from studio.errors import Conflict, NotFound
from studio.models import Role, Scope
from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One key's row, with the role of its user. Times are milliseconds since the epoch."""

    id: str
    user_id: str
    role: Role
    name: str
    hash: str
    scopes: frozenset[Scope]
    created_at: int
    expires_at: int | None
    last_used_at: int | None
    revoked_at: int | None
    requests_per_minute: int | None = None
    """A rate of its own; ``None`` leaves it to the settings."""


class KeyStore:
    """API keys by hash and id."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add(self, key: ApiKey) -> None:
        """Store a key; a key with the same hash is brought back to life instead.

        Raises:
            Conflict: its user was disabled.
        """

        await self._db.write(lambda connection: insert_key(connection, key))

    async def all(self, user_id: str | None = None) -> list[ApiKey]:
        """Keys of one user, or everybody's, revoked ones included, oldest first."""

        def work(connection: sqlite3.Connection) -> list[ApiKey]:
            rows = connection.execute(
                "SELECT api_keys.*, users.role FROM api_keys "
                "JOIN users ON users.id = api_keys.user_id "
                "WHERE ?1 IS NULL OR api_keys.user_id = ?1 ORDER BY api_keys.created_at",
                (user_id,),
            )
            return [_key(row) for row in rows]

        return await self._db.read(work)

    async def revoke(self, key_id: str, now_ms: int, user_id: str | None = None) -> None:
        """End a key for good; with ``user_id`` only if it is that user's.

        Raises:
            NotFound: there is no such key, or it is revoked already.
        """

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE api_keys SET revoked_at = ?1 WHERE id = ?2 AND revoked_at IS NULL "
                "AND (?3 IS NULL OR user_id = ?3)",
                (now_ms, key_id, user_id),
            )
            if changed.rowcount == 0:
                raise NotFound("There is no such key.")

        await self._db.write(work)

    async def retire(self, name: str, keep_hash: str, now_ms: int) -> None:
        """Revoke every key of that name but one: the environment's key was changed."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE api_keys SET revoked_at = ? "
                "WHERE name = ? AND hash <> ? AND revoked_at IS NULL",
                (now_ms, name, keep_hash),
            )
        )

    async def touch(self, used: dict[str, int]) -> None:
        """Store when keys were last used, by id in ms."""
        await self._db.write(
            lambda connection: connection.executemany(
                "UPDATE api_keys SET last_used_at = ? WHERE id = ?",
                [(at, key_id) for key_id, at in used.items()],
            )
        )


def insert_key(connection: sqlite3.Connection, key: ApiKey) -> None:
    """Store a key inside a transaction.

    Raises:
        Conflict: its user was disabled.
    """
    added = connection.execute(
        "INSERT INTO api_keys (id, user_id, name, hash, scopes, created_at, expires_at, "
        "requests_per_minute) "
        "SELECT ?, id, ?, ?, ?, ?, ?, ? FROM users WHERE id = ? AND disabled_at IS NULL "
        "ON CONFLICT (hash) DO UPDATE SET "
        "revoked_at = NULL, expires_at = excluded.expires_at, scopes = excluded.scopes",
        (
            key.id,
            key.name,
            key.hash,
            orjson.dumps(sorted(key.scopes)).decode(),
            key.created_at,
            key.expires_at,
            key.requests_per_minute,
            key.user_id,
        ),
    )
    if added.rowcount == 0:
        raise Conflict("This user is disabled.")


def _key(row: sqlite3.Row) -> ApiKey:
    return ApiKey(
        id=row["id"],
        user_id=row["user_id"],
        role=Role(row["role"]),
        name=row["name"],
        hash=row["hash"],
        scopes=frozenset(Scope(scope) for scope in orjson.loads(row["scopes"])),
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
        revoked_at=row["revoked_at"],
        requests_per_minute=row["requests_per_minute"],
    )
