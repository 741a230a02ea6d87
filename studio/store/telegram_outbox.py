"""What the bot has to say: one row for each message, until it was sent and three days longer."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import orjson

from studio.store.db import Database
from studio.telegram_records import Delivery, Outgoing


class TelegramOutbox:
    """Messages that wait, in the order of each chat. Times are milliseconds since the epoch."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def due(self, now_ms: int) -> list[Delivery]:
        """The first message that waits in each chat, where its time has come."""

        def work(connection: sqlite3.Connection) -> list[Delivery]:
            rows = connection.execute(
                "SELECT * FROM telegram_outbox WHERE seq IN (SELECT min(seq) FROM telegram_outbox "
                "WHERE ended_at IS NULL GROUP BY chat_id) AND next_at <= ? ORDER BY seq",
                (now_ms,),
            )
            return [
                Delivery(
                    seq=row["seq"],
                    id=row["id"],
                    chat_id=row["chat_id"],
                    message=Outgoing.from_data(
                        {**orjson.loads(row["body"]), "follows": row["follows"]}
                    ),
                    attempts=row["attempts"],
                    created_at=row["created_at"],
                )
                for row in rows
            ]

        return await self._db.read(work)

    async def next_due(self, busy: Sequence[int] = ()) -> int | None:
        """When the next message that waits is to be tried; ``None`` while none does.

        Args:
            busy: chats that are left out.
        """

        def work(connection: sqlite3.Connection) -> int | None:
            found = connection.execute(
                "SELECT min(next_at) FROM telegram_outbox WHERE seq IN (SELECT min(seq) "
                "FROM telegram_outbox WHERE ended_at IS NULL GROUP BY chat_id) "
                "AND chat_id NOT IN (SELECT value FROM json_each(?))",
                (orjson.dumps(busy).decode(),),
            ).fetchone()[0]
            return None if found is None else int(found)

        return await self._db.read(work)

    async def sent(self, delivery: Delivery, message_id: int | None, now_ms: int) -> None:
        """A message arrived; the run that it shows learns which one it is."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE telegram_outbox SET ended_at = ?, message_id = ?, attempts = attempts + 1 "
                "WHERE seq = ?",
                (now_ms, message_id, delivery.seq),
            )
            if delivery.message.run_id is not None and message_id is not None:
                connection.execute(
                    "UPDATE telegram_runs SET message_id = ? WHERE id = ?",
                    (message_id, delivery.message.run_id),
                )
                connection.execute(
                    "UPDATE telegram_replies SET message_id = ? WHERE id = ?",
                    (message_id, delivery.message.run_id),
                )
                connection.execute(
                    "UPDATE telegram_outbox SET body = json_set(body, '$.edits', ?) "
                    "WHERE chat_id = ? AND ended_at IS NULL AND follows = ?",
                    (message_id, delivery.chat_id, delivery.message.run_id),
                )

        await self._db.write(work)

    async def put_off(self, delivery: Delivery, next_at: int, *, counts: bool) -> None:
        """Try a message again later; ``counts``: as an attempt that failed."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE telegram_outbox SET next_at = ?, attempts = attempts + ? WHERE seq = ?",
                (next_at, int(counts), delivery.seq),
            ),
            durable=False,
        )

    async def replace(self, delivery: Delivery, messages: Sequence[Outgoing], now_ms: int) -> None:
        """Send others in the place of a message: before what waits behind it in its chat."""

        def work(connection: sqlite3.Connection) -> None:
            behind = connection.execute(
                "SELECT seq FROM telegram_outbox WHERE chat_id = ? AND ended_at IS NULL "
                "AND seq > ? ORDER BY seq",
                (delivery.chat_id, delivery.seq),
            ).fetchall()
            ended = connection.execute(
                "UPDATE telegram_outbox SET ended_at = ?, trouble = 'replaced' "
                "WHERE seq = ? AND ended_at IS NULL",
                (now_ms, delivery.seq),
            )
            if not ended.rowcount:
                return
            post_messages(connection, delivery.id, delivery.chat_id, messages, now_ms)
            for row in behind:
                connection.execute(
                    "UPDATE telegram_outbox SET seq = (SELECT max(seq) + 1 FROM telegram_outbox) "
                    "WHERE seq = ?",
                    (row["seq"],),
                )

        await self._db.write(work)

    async def give_up(self, delivery: Delivery, trouble: str, now_ms: int) -> None:
        """A message cannot be sent."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE telegram_outbox SET ended_at = ?, trouble = ? WHERE seq = ?",
                (now_ms, trouble, delivery.seq),
            )
        )


def placed(
    connection: sqlite3.Connection,
    table: Literal["telegram_runs", "telegram_replies"],
    row_id: str,
    messages: Sequence[Outgoing],
) -> list[Outgoing]:
    """Inside a caller's transaction, what follows a run or a reply in the place of its message.

    While that has not been sent, they learn its id when it is: they are sent after it.
    """
    row = connection.execute(f"SELECT message_id FROM {table} WHERE id = ?", (row_id,)).fetchone()
    message_id = None if row is None else row["message_id"]
    return [each if each.follows is None else replace(each, edits=message_id) for each in messages]


def post_messages(
    connection: sqlite3.Connection,
    key: str,
    chat_id: int,
    messages: Sequence[Outgoing],
    now_ms: int,
) -> None:
    """Inside a caller's transaction, put messages into the outbox, those of a key once."""
    connection.executemany(
        "INSERT OR IGNORE INTO telegram_outbox (id, chat_id, body, follows, next_at, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        [
            (
                f"{key}.{at}",
                chat_id,
                orjson.dumps(message.as_data()).decode(),
                message.follows,
                now_ms,
                now_ms,
            )
            for at, message in enumerate(messages)
        ],
    )
