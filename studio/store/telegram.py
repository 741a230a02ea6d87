"""Who may talk to the bot: codes, the chats they paired, and attempts of strangers."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from typing import Any, Final

from studio.errors import NotFound
from studio.store.db import Database
from studio.telegram_records import Person

_SELECT: Final = (
    "SELECT telegram_pairings.id, chat_id, user_id, users.name AS user_name, users.role AS role, "
    "telegram_pairings.name, username, language, default_preset, notify_jobs, notify_disk, "
    "paired_at, blocked_at FROM telegram_pairings JOIN users ON users.id = user_id "
    "WHERE users.disabled_at IS NULL"
)


class TelegramStore:
    """Pairings; ``viewer`` sees their own, ``None`` everybody's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def put_code(self, user_id: str, code_hash: str, expires_at: int) -> None:
        """Keep a user's code, which replaces the one before."""
        await self._db.write(
            lambda connection: connection.execute(
                "INSERT OR REPLACE INTO telegram_codes (user_id, hash, expires_at) "
                "VALUES (?, ?, ?)",
                (user_id, code_hash, expires_at),
            )
        )

    async def people(self, viewer: str | None) -> list[Person]:
        """Chats that are paired, the oldest first."""

        def work(connection: sqlite3.Connection) -> list[Person]:
            rows = connection.execute(
                f"{_SELECT} AND (? IS NULL OR user_id = ?) ORDER BY paired_at, chat_id",
                (viewer, viewer),
            )
            return [_person(row) for row in rows]

        return await self._db.read(work)

    async def person(self, chat_id: int) -> Person | None:
        """Whom a chat stands for, if it is paired with somebody who may come in."""

        def work(connection: sqlite3.Connection) -> Person | None:
            row = connection.execute(f"{_SELECT} AND chat_id = ?", (chat_id,)).fetchone()
            return None if row is None else _person(row)

        return await self._db.read(work)

    async def get(self, pairing_id: str, viewer: str | None) -> Person:
        """Raises ``NotFound`` for a pairing that the viewer may not see."""
        return await self._db.read(lambda connection: _get(connection, pairing_id, viewer))

    async def update(
        self, pairing_id: str, viewer: str | None, changes: Mapping[str, Any], now_ms: int
    ) -> Person:
        """Change what is given: ``language``, ``default_preset``, ``notify_jobs``, ``notify_disk``.

        Whoever wants to be told of jobs is told of those that end from now on.

        Raises:
            NotFound: the viewer has no such pairing.
        """

        def work(connection: sqlite3.Connection) -> Person:
            before = _get(connection, pairing_id, viewer)
            for name, value in changes.items():
                connection.execute(
                    f"UPDATE telegram_pairings SET {_column(name)} = ? WHERE id = ?",
                    (value, pairing_id),
                )
            if changes.get("notify_jobs") and not before.notify_jobs:
                connection.execute(
                    "UPDATE telegram_pairings SET told_until = ? WHERE id = ?",
                    (now_ms, pairing_id),
                )
            return _get(connection, pairing_id, viewer)

        return await self._db.write(work)

    async def remove(self, pairing_id: str, viewer: str | None) -> Person:
        """End a pairing, and all that was under way in its chat.

        Raises:
            NotFound: the viewer has no such pairing.
        """

        def work(connection: sqlite3.Connection) -> Person:
            person = _get(connection, pairing_id, viewer)
            forget_chat(connection, person.chat_id)
            return person

        return await self._db.write(work)

    async def block(self, chat_id: int, now_ms: int) -> None:
        """Telegram said that nothing can be sent there: what waits for it is dropped."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE telegram_pairings SET blocked_at = ? WHERE chat_id = ?", (now_ms, chat_id)
            )
            connection.execute(
                "UPDATE telegram_outbox SET ended_at = ?, trouble = 'blocked' "
                "WHERE chat_id = ? AND ended_at IS NULL",
                (now_ms, chat_id),
            )

        await self._db.write(work)

    async def unblock(self, chat_id: int) -> None:
        """Something was heard from there: what is told from now on is sent again."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE telegram_pairings SET blocked_at = NULL WHERE chat_id = ?", (chat_id,)
            )
        )

    async def attempts(self, kind: str, since_ms: int, chat_id: int | None = None) -> int:
        """How often strangers tried since then, in one chat or in all together."""

        def work(connection: sqlite3.Connection) -> int:
            found = connection.execute(
                "SELECT COUNT(*) FROM telegram_attempts WHERE kind = ? AND at > ? "
                "AND (? IS NULL OR chat_id = ?)",
                (kind, since_ms, chat_id, chat_id),
            ).fetchone()
            return int(found[0])

        return await self._db.read(work)

    async def valid_code(self, code_hash: str, now_ms: int) -> bool:
        """Whether a code of that hash could be used now."""

        def work(connection: sqlite3.Connection) -> bool:
            return _code_user(connection, code_hash, now_ms) is not None

        return await self._db.read(work)


def take_code(
    connection: sqlite3.Connection, code_hash: str, person: Mapping[str, Any], now_ms: int
) -> bool:
    """Inside a caller's transaction, use a code up and pair a chat with the user who made it.

    Args:
        person: ``id``, ``chat_id``, ``name``, ``username`` and ``language`` of the new pairing.

    Returns:
        Whether there was such a code.
    """
    user_id = _code_user(connection, code_hash, now_ms)
    if user_id is None:
        return False
    connection.execute("DELETE FROM telegram_codes WHERE user_id = ?", (user_id,))
    forget_chat(connection, person["chat_id"])
    connection.execute(
        "INSERT INTO telegram_pairings (id, chat_id, user_id, name, username, language, told_until,"
        " paired_at) VALUES (:id, :chat_id, :user_id, :name, :username, :language, :now, :now)",
        {**person, "user_id": user_id, "now": now_ms},
    )
    return True


def note_attempt(connection: sqlite3.Connection, kind: str, chat_id: int, now_ms: int) -> None:
    """Inside a caller's transaction, count an attempt of a stranger."""
    connection.execute(
        "INSERT INTO telegram_attempts (chat_id, kind, at) VALUES (?, ?, ?)",
        (chat_id, kind, now_ms),
    )


def forget_chat(connection: sqlite3.Connection, chat_id: int) -> None:
    """Inside a caller's transaction, end a chat's pairing and all that was under way in it."""
    for table in (
        "telegram_pairings",
        "telegram_dialogues",
        "telegram_runs",
        "telegram_replies",
        "telegram_outbox",
    ):
        connection.execute(f"DELETE FROM {table} WHERE chat_id = ?", (chat_id,))


def _code_user(connection: sqlite3.Connection, code_hash: str, now_ms: int) -> str | None:
    row = connection.execute(
        "SELECT user_id FROM telegram_codes JOIN users ON users.id = user_id "
        "WHERE hash = ? AND expires_at > ? AND disabled_at IS NULL",
        (code_hash, now_ms),
    ).fetchone()
    return None if row is None else str(row["user_id"])


def _column(name: str) -> str:
    columns = ("language", "default_preset", "notify_jobs", "notify_disk")
    return columns[columns.index(name)]


def _get(connection: sqlite3.Connection, pairing_id: str, viewer: str | None) -> Person:
    row = connection.execute(
        f"{_SELECT} AND telegram_pairings.id = ? AND (? IS NULL OR user_id = ?)",
        (pairing_id, viewer, viewer),
    ).fetchone()
    if row is None:
        raise NotFound("There is no such chat.")
    return _person(row)


def _person(row: sqlite3.Row) -> Person:
    fields = dict(row)
    for name in ("notify_jobs", "notify_disk"):
        fields[name] = bool(fields[name])
    return Person(**fields)
