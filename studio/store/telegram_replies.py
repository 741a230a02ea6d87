"""Answers of a language model that the bot owes: rows until they were said."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from studio.store.db import Database
from studio.store.telegram_outbox import post_messages
from studio.telegram_records import Outgoing


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody said to the model, and the message that shows the answer as it comes."""

    id: str
    chat_id: int
    user_id: str
    text: str
    message_id: int | None


class TelegramReplies:
    """Answers that are owed, by chat."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def owed(self) -> list[Reply]:
        """The first one of each chat."""

        def work(connection: sqlite3.Connection) -> list[Reply]:
            rows = connection.execute(
                "SELECT id, chat_id, user_id, text, message_id FROM telegram_replies "
                "WHERE seq IN (SELECT min(seq) FROM telegram_replies GROUP BY chat_id) ORDER BY seq"
            )
            return [Reply(*row) for row in rows]

        return await self._db.read(work)

    async def message_of(self, reply_id: str) -> int | None:
        """The message that shows an answer, once it was sent."""

        def work(connection: sqlite3.Connection) -> int | None:
            row = connection.execute(
                "SELECT message_id FROM telegram_replies WHERE id = ?", (reply_id,)
            ).fetchone()
            return None if row is None else row["message_id"]

        return await self._db.read(work)

    async def finish(
        self,
        reply: Reply,
        state: Mapping[str, Any] | None,
        messages: Sequence[Outgoing],
        now_ms: int,
    ) -> None:
        """An answer is whole: what is said of it and what the chat remembers are one commit.

        Args:
            state: the chat's dialogue as it is from now on; ``None`` leaves it. One that is not
                the same any more is left as well.
        """

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute("DELETE FROM telegram_replies WHERE id = ?", (reply.id,))
            if not gone.rowcount:
                return
            if state is not None:
                connection.execute(
                    "UPDATE telegram_dialogues SET state = ?, updated_at = ? "
                    "WHERE chat_id = ? AND json_extract(state, '$.key') = ?",
                    (orjson.dumps(state).decode(), now_ms, reply.chat_id, state["key"]),
                )
            post_messages(connection, f"reply.{reply.id}", reply.chat_id, messages, now_ms)

        await self._db.write(work)
