"""Messages, their files and the tools that were asked for."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson

from studio.chat_errors import InvalidChat, ReplyRunning
from studio.errors import NotFound
from studio.models import NewJob
from studio.store import chat_records as records
from studio.store.batches import Beside
from studio.store.chat_records import Call, Conversation, Message
from studio.store.chats import own
from studio.store.db import Database

MAX_MESSAGES: Final = 4_000
_RECENT: Final = 20


class MessageStore:
    """Rows of messages: what names a user is filtered by them, the rest is for replies."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, user_id: str, conversation_id: str) -> tuple[Conversation, list[Message]]:
        """A conversation with every message of every branch, the oldest first.

        Raises:
            NotFound: it is not the user's.
        """

        def work(connection: sqlite3.Connection) -> tuple[Conversation, list[Message]]:
            found = own(connection, user_id, conversation_id)
            return found, _messages(connection, conversation_id)

        return await self._db.read(work)

    async def branch(self, tip: str | None) -> list[Message]:
        """The messages that lead to ``tip``, the first one first."""
        if tip is None:
            return []

        def work(connection: sqlite3.Connection) -> list[Message]:
            rows = connection.execute(
                "WITH RECURSIVE up (id, parent, depth) AS ("
                " SELECT id, parent, 0 FROM messages WHERE id = ? UNION ALL"
                " SELECT messages.id, messages.parent, depth + 1 FROM messages"
                " JOIN up ON messages.id = up.parent)"
                " SELECT messages.* FROM up JOIN messages ON messages.id = up.id"
                " ORDER BY depth DESC",
                (tip,),
            ).fetchall()
            return [_message(connection, row) for row in rows]

        return await self._db.read(work)

    async def get(self, user_id: str, conversation_id: str, message_id: str) -> Message:
        """One message; raises ``NotFound`` when it is not the user's."""

        def work(connection: sqlite3.Connection) -> Message:
            own(connection, user_id, conversation_id)
            row = connection.execute(
                "SELECT * FROM messages WHERE id = ? AND conversation_id = ?",
                (message_id, conversation_id),
            ).fetchone()
            if row is None:
                raise NotFound("There is no such message.")
            return _message(connection, row)

        return await self._db.read(work)

    async def add(self, user_id: str, new: Sequence[Message]) -> None:
        """Store messages, each with its files; the last one is the tip from now on.

        Raises:
            NotFound: the conversation, the first one's parent or a file is not the user's.
            ReplyRunning: a reply of that conversation is being written.
            InvalidChat: the conversation has as many messages as there may be.
        """
        conversation_id = new[0].conversation_id

        def work(connection: sqlite3.Connection) -> None:
            own(connection, user_id, conversation_id)
            count, writing = connection.execute(
                "SELECT count(*), coalesce(sum(status = ?), 0) FROM messages"
                " WHERE conversation_id = ?",
                (records.WRITING, conversation_id),
            ).fetchone()
            if writing:
                raise ReplyRunning("A reply is being written. Stop it, or wait for its end.")
            if count + len(new) > MAX_MESSAGES:
                raise InvalidChat(
                    f"A conversation has at most {MAX_MESSAGES} messages. Begin another one."
                )
            _require_parent(connection, new[0])
            for each in new:
                _insert(connection, user_id, each)
            _touch(connection, new[-1])

        await self._db.write(work)

    async def follow(self, done: Message, message: Message) -> None:
        """Store how a reply's part ended, and what it goes on in below that, in one commit."""

        def work(connection: sqlite3.Connection) -> None:
            _update(connection, done)
            _insert(connection, "", message)
            _touch(connection, message)

        await self._db.write(work)

    async def keep(self, message: Message, *, durable: bool = True) -> bool:
        """Store a message's text, status and calls as they are now.

        Returns:
            Whether the message is still there: its conversation may have been deleted meanwhile.
        """

        def work(connection: sqlite3.Connection) -> bool:
            return _update(connection, message)

        return await self._db.write(work, durable=durable)

    async def resume(self, user_id: str, message: Message) -> None:
        """``keep``, for a reply that is to be worked on again.

        Raises:
            NotFound, ReplyRunning: as in ``add``.
        """

        def work(connection: sqlite3.Connection) -> None:
            own(connection, user_id, message.conversation_id)
            if connection.execute(
                "SELECT 1 FROM messages WHERE conversation_id = ? AND status = ?",
                (message.conversation_id, records.WRITING),
            ).fetchone():
                raise ReplyRunning("A reply is being written. Stop it, or wait for its end.")
            _update(connection, message)
            _touch(connection, message)

        await self._db.write(work)

    async def interrupt(self, now_ms: int, conversation_id: str | None = None) -> int:
        """No reply is being written any more, in one conversation or in any. How many there were.

        At the start that is so of all of them.
        """
        return await self._db.write(
            lambda connection: (
                connection.execute(
                    "UPDATE messages SET status = ?1, updated_at = ?2 WHERE status = 'writing'"
                    " AND (?3 IS NULL OR conversation_id = ?3)",
                    (records.INTERRUPTED, now_ms, conversation_id),
                ).rowcount
            ),
            short=True,
        )

    def beside(self, message_id: str, number: int) -> Beside:
        """What the commit that accepts a call's job stores too: which one it is."""

        def work(connection: sqlite3.Connection, new: Sequence[NewJob]) -> None:
            noted = connection.execute(
                "UPDATE message_calls SET job_id = ? WHERE message_id = ? AND number = ?",
                (new[0].job.id, message_id, number),
            )
            if noted.rowcount == 0:
                raise NotFound("This conversation is not there any more.")

        return work

    async def recent_runs(self, preset_id: str) -> list[tuple[int, bytes]]:
        """(ms, graph) of the last runs of a preset that succeeded, whoever's they were."""

        def work(connection: sqlite3.Connection) -> list[tuple[int, bytes]]:
            rows = connection.execute(
                "SELECT completed_at - started_at AS ms, graph FROM job_recipes"
                " JOIN jobs ON jobs.id = job_recipes.job_id WHERE preset_id = ?"
                " AND status = 'succeeded' AND started_at IS NOT NULL"
                " ORDER BY jobs.seq DESC LIMIT ?",
                (preset_id, _RECENT),
            )
            return [(row["ms"], bytes(row["graph"])) for row in rows]

        return await self._db.read(work)


def _messages(connection: sqlite3.Connection, conversation_id: str) -> list[Message]:
    files: dict[str, list[str]] = {}
    calls: dict[str, list[Call]] = {}
    of_it = "JOIN messages ON messages.id = message_id WHERE conversation_id = ?"
    for row in connection.execute(
        f"SELECT message_id, asset_id FROM message_files {of_it} ORDER BY position",
        (conversation_id,),
    ):
        files.setdefault(row["message_id"], []).append(row["asset_id"])
    for row in connection.execute(
        f"SELECT message_calls.* FROM message_calls {of_it} ORDER BY number", (conversation_id,)
    ):
        calls.setdefault(row["message_id"], []).append(records.call(row))
    rows = connection.execute(
        "SELECT * FROM messages WHERE conversation_id = ? ORDER BY seq", (conversation_id,)
    )
    return [
        records.message(row, tuple(files.get(row["id"], ())), tuple(calls.get(row["id"], ())))
        for row in rows
    ]


def _message(connection: sqlite3.Connection, row: sqlite3.Row) -> Message:
    files = connection.execute(
        "SELECT asset_id FROM message_files WHERE message_id = ? ORDER BY position", (row["id"],)
    )
    calls = connection.execute(
        "SELECT * FROM message_calls WHERE message_id = ? ORDER BY number", (row["id"],)
    )
    return records.message(
        row,
        tuple(each["asset_id"] for each in files),
        tuple(records.call(each) for each in calls),
    )


def _require_parent(connection: sqlite3.Connection, message: Message) -> None:
    if message.parent is None:
        return
    there = connection.execute(
        "SELECT 1 FROM messages WHERE id = ? AND conversation_id = ?",
        (message.parent, message.conversation_id),
    ).fetchone()
    if there is None:
        raise NotFound("There is no such message to answer.")


def _insert(connection: sqlite3.Connection, user_id: str, message: Message) -> None:
    seq = connection.execute(
        "INSERT INTO messages (id, conversation_id, parent, role, text, thoughts, status, error,"
        " model, usage, dropped, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, '', '', ?, NULL, ?, NULL, 0, ?, ?) RETURNING seq",
        (
            message.id,
            message.conversation_id,
            message.parent,
            message.role,
            message.status,
            message.model,
            message.created_at,
            message.updated_at,
        ),
    ).fetchone()[0]
    for position, asset_id in enumerate(message.files):
        added = connection.execute(
            "INSERT INTO message_files (message_id, position, asset_id)"
            " SELECT ?, ?, id FROM assets WHERE id = ? AND user_id = ? AND trashed_at IS NULL",
            (message.id, position, asset_id, user_id),
        )
        if added.rowcount == 0:
            raise NotFound("A file of this message is not among yours.")
    _fill(connection, seq, message)


def _update(connection: sqlite3.Connection, message: Message) -> bool:
    row = connection.execute("SELECT seq FROM messages WHERE id = ?", (message.id,)).fetchone()
    if row is None:
        return False
    _fill(connection, row["seq"], message)
    return True


def _fill(connection: sqlite3.Connection, seq: int, message: Message) -> None:
    connection.execute(
        "UPDATE messages SET text = ?, thoughts = ?, status = ?, error = ?, model = ?, usage = ?,"
        " dropped = ?, updated_at = ? WHERE seq = ?",
        (
            message.text,
            message.thoughts,
            message.status,
            _json(message.error),
            message.model,
            _json(message.usage),
            message.dropped,
            message.updated_at,
            seq,
        ),
    )
    for call in message.calls:
        # The job may be known to its own commit alone: who was cut just then does not know it.
        connection.execute(
            "INSERT OR REPLACE INTO message_calls (message_id, number, call_id, name, arguments,"
            " state, title, expected_ms, job_id, result, assets, began_at, error)"
            " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, coalesce(?9, (SELECT job_id FROM"
            " message_calls WHERE message_id = ?1 AND number = ?2)), ?10, ?11, ?12, ?13)",
            (
                message.id,
                call.number,
                call.call_id,
                call.name,
                call.arguments,
                call.state,
                call.title,
                call.expected_ms,
                call.job_id,
                call.result,
                orjson.dumps(call.assets).decode(),
                call.began_at,
                _json(call.error),
            ),
        )
    if message.status != records.WRITING:
        connection.execute(
            "INSERT OR REPLACE INTO messages_fts (rowid, text) VALUES (?, ?)", (seq, message.text)
        )


def _touch(connection: sqlite3.Connection, tip: Message) -> None:
    connection.execute(
        "UPDATE conversations SET tip = ?, updated_at = ? WHERE id = ?",
        (tip.id, tip.created_at, tip.conversation_id),
    )


def _json(value: object) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
