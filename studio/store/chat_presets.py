"""Rows of chat presets."""

from __future__ import annotations

import sqlite3
from typing import Final

from studio.errors import Conflict, NotFound
from studio.store.chat_records import ChatPreset, Manner
from studio.store.db import Database

MAX_CHAT_PRESETS: Final = 500
_SELECT: Final = (
    "SELECT chat_presets.*, users.name AS user_name FROM chat_presets"
    " JOIN users ON users.id = chat_presets.user_id"
)


class ChatPresetStore:
    """Chat presets; a user sees their own and shared ones."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, user_id: str) -> list[ChatPreset]:
        """What the user may begin conversations with, by name."""

        def work(connection: sqlite3.Connection) -> list[ChatPreset]:
            rows = connection.execute(
                f"{_SELECT} WHERE chat_presets.user_id = ? OR shared"
                " ORDER BY chat_presets.name COLLATE NOCASE, chat_presets.id",
                (user_id,),
            )
            return [_preset(row) for row in rows]

        return await self._db.read(work)

    async def get(self, user_id: str, preset_id: str, *, own: bool = False) -> ChatPreset:
        """One of them, or of the user's ``own``; raises ``NotFound``."""

        def work(connection: sqlite3.Connection) -> ChatPreset:
            row = connection.execute(
                f"{_SELECT} WHERE chat_presets.id = ?"
                " AND (chat_presets.user_id = ? OR (shared AND NOT ?))",
                (preset_id, user_id, int(own)),
            ).fetchone()
            if row is None:
                raise NotFound("There is no such chat preset.")
            return _preset(row)

        return await self._db.read(work)

    async def put(self, preset: ChatPreset) -> None:
        """Store a new one, or what was changed of one that is the user's own.

        Raises:
            Conflict: the user has as many as there may be.
        """

        def work(connection: sqlite3.Connection) -> None:
            there = connection.execute(
                "SELECT count(*) FROM chat_presets WHERE user_id = ? AND id <> ?",
                (preset.user_id, preset.id),
            ).fetchone()[0]
            if there >= MAX_CHAT_PRESETS:
                raise Conflict(
                    f"You have {MAX_CHAT_PRESETS} chat presets, which is the limit. "
                    "Delete some first."
                )
            connection.execute(
                "INSERT INTO chat_presets"
                " (id, user_id, name, description, manner, shared, created_at, updated_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " name = excluded.name, description = excluded.description,"
                " manner = excluded.manner, shared = excluded.shared,"
                " updated_at = excluded.updated_at WHERE user_id = excluded.user_id",
                (
                    preset.id,
                    preset.user_id,
                    preset.name,
                    preset.description,
                    preset.manner.written(),
                    int(preset.shared),
                    preset.created_at,
                    preset.updated_at,
                ),
            )

        await self._db.write(work, short=True)

    async def delete(self, user_id: str, preset_id: str) -> None:
        """Raises ``NotFound`` when it is not the user's own."""

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "DELETE FROM chat_presets WHERE id = ? AND user_id = ?", (preset_id, user_id)
            )
            if gone.rowcount == 0:
                raise NotFound("There is no such chat preset of yours.")

        await self._db.write(work, short=True)


def _preset(row: sqlite3.Row) -> ChatPreset:
    return ChatPreset(
        id=row["id"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        name=row["name"],
        description=row["description"],
        manner=Manner.read(row["manner"]),
        shared=bool(row["shared"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
