"""Saved prompts and word lists."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from studio.errors import Conflict, NotFound
from studio.store.db import Database

PromptKind = Literal["positive", "negative", "text"]

MAX_PROMPTS: Final = 2_000
MAX_LISTS: Final = 200


@dataclass(frozen=True, slots=True)
class SavedPrompt:
    """A text to use again. Times are milliseconds since the epoch."""

    id: str
    user_id: str
    name: str
    kind: PromptKind
    text: str
    tags: tuple[str, ...]
    shared: bool
    created_at: int
    updated_at: int


class PromptStore:
    """Saved prompts; ``user_id`` sees and changes their own, ``None`` everybody's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, user_id: str | None, query: str, kind: str | None) -> list[SavedPrompt]:
        """What a user may use, their own and shared ones, by name."""
        like = like_words(query)

        def work(connection: sqlite3.Connection) -> list[SavedPrompt]:
            rows = connection.execute(
                "SELECT * FROM prompts WHERE (? IS NULL OR user_id = ? OR shared) "
                "AND (? IS NULL OR kind = ?) "
                "AND (name || ' ' || text || ' ' || tags) LIKE ? ESCAPE '\\' "
                "ORDER BY name COLLATE NOCASE, id",
                (user_id, user_id, kind, kind, like),
            )
            return [_prompt(row) for row in rows]

        return await self._db.read(work)

    async def get(self, prompt_id: str, user_id: str | None) -> SavedPrompt:
        """One that a user may change.

        Raises:
            NotFound: there is none of theirs.
        """

        def work(connection: sqlite3.Connection) -> SavedPrompt:
            row = connection.execute(
                "SELECT * FROM prompts WHERE id = ? AND (? IS NULL OR user_id = ?)",
                (prompt_id, user_id, user_id),
            ).fetchone()
            if row is None:
                raise NotFound("There is no such prompt of yours.")
            return _prompt(row)

        return await self._db.read(work)

    async def put(self, prompt: SavedPrompt) -> None:
        """Store a prompt, or what changed of it.

        Raises:
            Conflict: its user has as many as there may be.
        """

        def work(connection: sqlite3.Connection) -> None:
            require_room(connection, "prompts", prompt.user_id, prompt.id, MAX_PROMPTS)
            connection.execute(
                "INSERT OR REPLACE INTO prompts (id, user_id, name, kind, text, tags, shared, "
                "created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    prompt.id,
                    prompt.user_id,
                    prompt.name,
                    prompt.kind,
                    prompt.text,
                    orjson.dumps(prompt.tags).decode(),
                    int(prompt.shared),
                    prompt.created_at,
                    prompt.updated_at,
                ),
            )

        await self._db.write(work)

    async def delete(self, prompt_id: str, user_id: str | None) -> None:
        """Raises ``NotFound`` when there is none of theirs."""

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "DELETE FROM prompts WHERE id = ? AND (? IS NULL OR user_id = ?)",
                (prompt_id, user_id, user_id),
            )
            if gone.rowcount == 0:
                raise NotFound("There is no such prompt of yours.")

        await self._db.write(work)


class WordListStore:
    """The word lists of each user, one word or phrase to a line."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, user_id: str) -> list[tuple[str, int, int]]:
        """(name, number of lines, time of the last change) of each."""

        def work(connection: sqlite3.Connection) -> list[tuple[str, int, int]]:
            rows = connection.execute(
                "SELECT name, line_count, updated_at FROM word_lists WHERE user_id = ? "
                "ORDER BY name",
                (user_id,),
            )
            return [(row["name"], row["line_count"], row["updated_at"]) for row in rows]

        return await self._db.read(work)

    async def get(self, user_id: str, names: Collection[str]) -> dict[str, list[str]]:
        """The lines of those lists that exist."""
        wanted = orjson.dumps(sorted(names)).decode()

        def work(connection: sqlite3.Connection) -> dict[str, list[str]]:
            rows = connection.execute(
                "SELECT name, content FROM word_lists WHERE user_id = ? "
                "AND name IN (SELECT value FROM json_each(?))",
                (user_id, wanted),
            )
            return {row["name"]: row["content"].split("\n") for row in rows}

        return await self._db.read(work)

    async def put(self, user_id: str, name: str, lines: list[str], now_ms: int) -> None:
        """Store a list in the place of an earlier one of its name.

        Raises:
            Conflict: its user has as many as there may be.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT INTO word_lists (user_id, name, content, line_count, updated_at) "
                "VALUES (?, ?, ?, ?, ?) ON CONFLICT (user_id, name) DO UPDATE SET "
                "content = excluded.content, line_count = excluded.line_count, "
                "updated_at = excluded.updated_at",
                (user_id, name, "\n".join(lines), len(lines), now_ms),
            )
            count = connection.execute(
                "SELECT COUNT(*) FROM word_lists WHERE user_id = ?", (user_id,)
            ).fetchone()[0]
            if count > MAX_LISTS:
                raise Conflict(f"You have {MAX_LISTS} lists; delete one first.")

        await self._db.write(work)

    async def delete(self, user_id: str, name: str) -> None:
        """Raises ``NotFound`` when there is none of that name."""

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute(
                "DELETE FROM word_lists WHERE user_id = ? AND name = ?", (user_id, name)
            )
            if gone.rowcount == 0:
                raise NotFound("You have no list of that name.")

        await self._db.write(work)


def require_room(
    connection: sqlite3.Connection, table: str, user_id: str, row_id: str, most: int
) -> None:
    """Refuse a new row where a user has ``most`` already.

    Raises:
        Conflict: it says how many there may be.
    """
    count = connection.execute(
        f"SELECT COUNT(*) FROM {table} WHERE user_id = ? AND id <> ?",
        (user_id, row_id),
    ).fetchone()[0]
    if count >= most:
        raise Conflict(f"You have {most} {table}; delete one first.")


def like_words(query: str) -> str:
    """A pattern for LIKE that finds ``query`` anywhere, whatever its case."""
    escaped = "".join(f"\\{char}" if char in "\\%_" else char for char in query)
    return f"%{escaped}%"


def _prompt(row: sqlite3.Row) -> SavedPrompt:
    return SavedPrompt(
        id=row["id"],
        user_id=row["user_id"],
        name=row["name"],
        kind=row["kind"],
        text=row["text"],
        tags=tuple(orjson.loads(row["tags"])),
        shared=bool(row["shared"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
