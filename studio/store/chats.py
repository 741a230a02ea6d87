"""Conversations: each one's user alone sees it, whoever owns this Studio."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Final

from studio.errors import Conflict, NotFound
from studio.store import chat_records as records
from studio.store.chat_records import Conversation
from studio.store.db import Database
from studio.store.prompts import like_words

MAX_CONVERSATIONS: Final = 5_000
_SNIPPET_WORDS: Final = 12


@dataclass(frozen=True, slots=True)
class Found:
    """A conversation in a list; ``snippet`` is where the words were found, if in a message."""

    conversation: Conversation
    snippet: str


class ChatStore:
    """Rows of conversations."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(
        self, user_id: str, query: str, *, start: int, limit: int
    ) -> tuple[list[Found], int]:
        """The user's conversations, the latest first, and how many there are in all."""
        terms = _match(query)
        hits = "SELECT NULL AS conversation_id, NULL AS hit WHERE 0"
        if terms:
            hits = (
                "SELECT messages.conversation_id, max(messages_fts.rowid) AS hit"
                " FROM messages_fts JOIN messages ON messages.seq = messages_fts.rowid"
                " JOIN conversations AS own ON own.id = messages.conversation_id"
                " WHERE messages_fts MATCH :terms AND own.user_id = :user"
                " GROUP BY messages.conversation_id"
            )
        source = (
            f"FROM conversations LEFT JOIN ({hits}) AS hits"
            " ON hits.conversation_id = conversations.id WHERE user_id = :user"
            " AND (:query = '' OR hits.conversation_id IS NOT NULL"
            " OR title LIKE :like ESCAPE '\\')"
        )
        facts = {
            "user": user_id,
            "query": query,
            "terms": terms,
            "like": like_words(query),
            "start": start,
            "limit": limit,
        }

        def work(connection: sqlite3.Connection) -> tuple[list[Found], int]:
            rows = connection.execute(
                f"SELECT conversations.*, hits.hit {source}"
                " ORDER BY updated_at DESC, id LIMIT :limit OFFSET :start",
                facts,
            ).fetchall()
            total = connection.execute(f"SELECT count(*) {source}", facts).fetchone()[0]
            return [
                Found(records.conversation(row), _snippet(connection, terms, row["hit"]))
                for row in rows
            ], total

        return await self._db.read(work)

    async def get(self, user_id: str, conversation_id: str) -> Conversation:
        """Raises ``NotFound`` for one that is not the user's."""
        return await self._db.read(lambda connection: own(connection, user_id, conversation_id))

    async def add(self, new: Conversation) -> None:
        """Raises ``Conflict`` when the user has as many as there may be."""

        def work(connection: sqlite3.Connection) -> None:
            there = connection.execute(
                "SELECT count(*) FROM conversations WHERE user_id = ?", (new.user_id,)
            ).fetchone()[0]
            if there >= MAX_CONVERSATIONS:
                raise Conflict(
                    f"You have {MAX_CONVERSATIONS} conversations, which is the limit. "
                    "Delete some first."
                )
            connection.execute(
                "INSERT INTO conversations (id, user_id, title, titled_by, preset_id, manner, tip,"
                " created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    new.id,
                    new.user_id,
                    new.title,
                    new.titled_by,
                    new.preset_id,
                    new.manner.written(),
                    new.tip,
                    new.created_at,
                    new.updated_at,
                ),
            )

        await self._db.write(work, short=True)

    async def update(self, changed: Conversation) -> None:
        """Store title, preset and manner; raises ``NotFound`` when it is gone."""

        def work(connection: sqlite3.Connection) -> None:
            own(connection, changed.user_id, changed.id)
            connection.execute(
                "UPDATE conversations SET title = ?, titled_by = ?, preset_id = ?, manner = ?"
                " WHERE id = ?",
                (
                    changed.title,
                    changed.titled_by,
                    changed.preset_id,
                    changed.manner.written(),
                    changed.id,
                ),
            )

        await self._db.write(work, short=True)

    async def name(self, conversation_id: str, title: str) -> None:
        """A title by the model, unless a person has given one meanwhile."""
        await self._db.write(
            lambda connection: (
                connection.execute(
                    "UPDATE conversations SET title = ?, titled_by = 'model'"
                    " WHERE id = ? AND titled_by = 'words'",
                    (title, conversation_id),
                ).rowcount
            ),
            short=True,
        )

    async def show(self, user_id: str, conversation_id: str, tip: str) -> None:
        """Show another branch from now on.

        Raises:
            NotFound: there is no such conversation or message of the user's.
        """

        def work(connection: sqlite3.Connection) -> None:
            own(connection, user_id, conversation_id)
            there = connection.execute(
                "SELECT 1 FROM messages WHERE id = ? AND conversation_id = ?",
                (tip, conversation_id),
            ).fetchone()
            if there is None:
                raise NotFound("There is no such message.")
            connection.execute(
                "UPDATE conversations SET tip = ? WHERE id = ?", (tip, conversation_id)
            )

        await self._db.write(work, short=True)

    async def delete(self, user_id: str, conversation_id: str) -> None:
        """Delete a conversation with all that was said; raises ``NotFound``."""

        def work(connection: sqlite3.Connection) -> None:
            own(connection, user_id, conversation_id)
            connection.execute(
                "DELETE FROM messages_fts WHERE rowid IN"
                " (SELECT seq FROM messages WHERE conversation_id = ?)",
                (conversation_id,),
            )
            connection.execute("DELETE FROM conversations WHERE id = ?", (conversation_id,))

        await self._db.write(work)


def own(connection: sqlite3.Connection, user_id: str, conversation_id: str) -> Conversation:
    """The user's conversation; raises ``NotFound`` for one that is not theirs."""
    row = connection.execute(
        "SELECT * FROM conversations WHERE id = ? AND user_id = ?", (conversation_id, user_id)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such conversation.")
    return records.conversation(row)


def _snippet(connection: sqlite3.Connection, terms: str, seq: int | None) -> str:
    """The words around those that were found in that message."""
    if seq is None:
        return ""
    row = connection.execute(
        f"SELECT snippet(messages_fts, 0, '', '', '…', {_SNIPPET_WORDS}) FROM messages_fts"
        " WHERE messages_fts MATCH ? AND rowid = ?",
        (terms, seq),
    ).fetchone()
    return "" if row is None else str(row[0])


def _match(text: str) -> str:
    """The words of a search as FTS5 wants them: all of them, each as a beginning."""
    return " ".join(f'"{word}"*' for word in re.findall(r"\w+", text))
