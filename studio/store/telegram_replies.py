"""Answers of a language model that the bot owes: rows until they were said."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from studio.clock import new_id
from studio.store.db import Database
from studio.store.telegram_outbox import placed, post_messages
from studio.telegram_records import MAX_CHAT_PICTURES, Outgoing, Owed

_SELECT: Final = (
    "SELECT id, chat_id, user_id, text, message_id, conversation_id, said, files, album, stopped, "
    "shown FROM telegram_replies"
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What somebody said to the model, and the message that shows the answer as it comes.

    ``conversation_id`` and ``said`` are ``None`` for what an older Studio owed. ``is_stopped``: its
    person wants no more of it. ``shown`` counts the runs whose files were sent.
    """

    id: str
    chat_id: int
    user_id: str
    text: str
    message_id: int | None
    conversation_id: str | None
    said: str | None
    files: tuple[str, ...]
    album: str | None
    is_stopped: bool
    shown: int


class TelegramReplies:
    """Answers that are owed, by chat."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def owed(self, since_ms: int) -> list[Reply]:
        """The first one of each chat; those that wait for a yes or a no are left out.

        Args:
            since_ms: what was owed before that is too old to be answered.
        """
        return await self._db.read(
            lambda connection: _replies(
                connection,
                "WHERE seq IN (SELECT min(seq) FROM telegram_replies WHERE NOT asking "
                # What an older Studio owed has no time, and gets an end.
                "AND (owed_at = 0 OR owed_at >= ?) GROUP BY chat_id) ORDER BY seq",
                since_ms,
            )
        )

    async def asking(self) -> list[Reply]:
        """Those that wait for a yes or a no."""
        return await self._db.read(
            lambda connection: _replies(connection, "WHERE asking ORDER BY seq")
        )

    async def of_chat(self, chat_id: int) -> list[Reply]:
        """All that is owed to a chat, the first one first."""
        return await self._db.read(
            lambda connection: _replies(connection, "WHERE chat_id = ? ORDER BY seq", chat_id)
        )

    async def get(self, reply_id: str) -> Reply | None:
        """An answer that is owed still."""

        def work(connection: sqlite3.Connection) -> Reply | None:
            return next(iter(_replies(connection, "WHERE id = ?", reply_id)), None)

        return await self._db.read(work)

    async def begin(self, reply_id: str) -> None:
        """It is going to be asked for: no picture joins it any more."""
        await self._mark(reply_id, "begun = 1")

    async def stop(self, reply_id: str) -> None:
        """Its person wants no more of it."""
        await self._mark(reply_id, "stopped = 1, asking = 0")

    async def go_on(self, reply_id: str) -> None:
        """What it waited for was answered elsewhere."""
        await self._mark(reply_id, "asking = 0")

    async def _mark(self, reply_id: str, change: str) -> None:
        await self._db.write(
            lambda connection: connection.execute(
                f"UPDATE telegram_replies SET {change} WHERE id = ?", (reply_id,)
            )
        )

    async def ask(self, reply: Reply, question: Outgoing, now_ms: int) -> None:
        """It waits for a yes or a no from now on, and its person is asked."""

        def work(connection: sqlite3.Connection) -> None:
            waits = connection.execute(
                "UPDATE telegram_replies SET asking = 1 WHERE id = ?", (reply.id,)
            )
            if waits.rowcount:
                there = placed(connection, "telegram_replies", reply.id, [question])
                post_messages(connection, f"ask.{new_id()}", reply.chat_id, there, now_ms)

        await self._db.write(work)

    async def show(
        self, reply: Reply, shown: int, messages: Sequence[Outgoing], now_ms: int
    ) -> None:
        """Send the files of its runs up to the one of that number, each once."""

        def work(connection: sqlite3.Connection) -> None:
            moved = connection.execute(
                "UPDATE telegram_replies SET shown = ?1 WHERE id = ?2 AND shown < ?1",
                (shown, reply.id),
            )
            if moved.rowcount:
                key = f"reply.{reply.id}.{shown}"
                post_messages(connection, key, reply.chat_id, messages, now_ms)

        await self._db.write(work)

    async def finish(self, reply: Reply, messages: Sequence[Outgoing], now_ms: int) -> None:
        """An answer is whole: that, and what is said of it, are one commit."""

        def work(connection: sqlite3.Connection) -> None:
            there = placed(connection, "telegram_replies", reply.id, messages)
            gone = connection.execute("DELETE FROM telegram_replies WHERE id = ?", (reply.id,))
            if gone.rowcount:
                post_messages(connection, f"reply.{reply.id}", reply.chat_id, there, now_ms)

        await self._db.write(work)


def owe(connection: sqlite3.Connection, chat_id: int, owed: Owed, now_ms: int) -> bool:
    """Inside a caller's transaction, owe an answer; ``False``: its picture joined another one."""
    if owed.album is not None:
        joined = connection.execute(
            "UPDATE telegram_replies SET files = json_insert(files, '$[#]', ?), "
            # Any picture of an album may have the words.
            "text = trim(text || char(10) || ?, char(10)) "
            "WHERE chat_id = ? AND conversation_id = ? AND album = ? AND NOT begun "
            "AND json_array_length(files) < ?",
            (
                owed.files[0],
                owed.text,
                chat_id,
                owed.conversation_id,
                owed.album,
                MAX_CHAT_PICTURES,
            ),
        )
        if joined.rowcount:
            return False
    connection.execute(
        "INSERT INTO telegram_replies (id, chat_id, user_id, text, conversation_id, said, files, "
        "album, owed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            owed.id,
            chat_id,
            owed.user_id,
            owed.text,
            owed.conversation_id,
            owed.said,
            orjson.dumps(owed.files).decode(),
            owed.album,
            now_ms,
        ),
    )
    return True


def reply_goes_on(connection: sqlite3.Connection, reply_id: str) -> None:
    """Inside a caller's transaction, an answer waits for nothing any more."""
    connection.execute("UPDATE telegram_replies SET asking = 0 WHERE id = ?", (reply_id,))


def _replies(connection: sqlite3.Connection, where: str, *facts: object) -> list[Reply]:
    return [
        Reply(
            id=row["id"],
            chat_id=row["chat_id"],
            user_id=row["user_id"],
            text=row["text"],
            message_id=row["message_id"],
            conversation_id=row["conversation_id"],
            said=row["said"],
            files=tuple(orjson.loads(row["files"])),
            album=row["album"],
            is_stopped=bool(row["stopped"]),
            shown=row["shown"],
        )
        for row in connection.execute(f"{_SELECT} {where}", facts)
    ]
