"""Which jobs of whom ended and were not told of yet. What is told is one commit with how far."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from studio.models import JobStatus
from studio.store.db import Database
from studio.store.telegram_outbox import post_messages
from studio.telegram_records import Outgoing

MOST: Final = 500
SETTLED_MS: Final = 1_000
"""So long after its end a job's row has certainly been written."""


@dataclass(frozen=True, slots=True)
class Ended:
    """A job that ended, with the reason if it failed."""

    title: str
    status: JobStatus
    code: str
    reason: str


class TelegramNotices:
    """Rows of the outbox that nobody asked for."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def ended(self, chat_id: int, now_ms: int) -> tuple[list[Ended], int]:
        """Jobs of a chat's user that ended since it was last told, runs of chats apart, and the
        time until which these are all."""

        def work(connection: sqlite3.Connection) -> tuple[list[Ended], int]:
            rows = connection.execute(
                "SELECT jobs.title, status, error, completed_at FROM telegram_pairings "
                "JOIN jobs ON jobs.user_id = telegram_pairings.user_id "
                "WHERE chat_id = ? AND completed_at > told_until AND completed_at <= ? "
                "AND origin <> 'warmup' "
                "AND NOT EXISTS (SELECT 1 FROM telegram_run_jobs WHERE job_id = jobs.id) "
                # Whoever asked a language model for it sees it in that conversation.
                "AND NOT EXISTS (SELECT 1 FROM message_calls WHERE job_id = jobs.id) "
                "ORDER BY completed_at LIMIT ?",
                (chat_id, now_ms - SETTLED_MS, MOST),
            ).fetchall()
            found = [
                Ended(row["title"], JobStatus(row["status"]), *_reason(row["error"]))
                for row in rows
            ]
            return found, max((row["completed_at"] for row in rows), default=0)

        return await self._db.read(work)

    async def tell_jobs(
        self, chat_id: int, until_ms: int, messages: Sequence[Outgoing], now_ms: int
    ) -> None:
        """Store what is said of them; what ended until then is told."""

        def work(connection: sqlite3.Connection) -> None:
            moved = connection.execute(
                "UPDATE telegram_pairings SET told_until = ?2 WHERE chat_id = ?1 "
                "AND notify_jobs AND told_until < ?2",
                (chat_id, until_ms),
            )
            if moved.rowcount:
                post_messages(connection, f"jobs.{chat_id}.{until_ms}", chat_id, messages, now_ms)

        await self._db.write(work)

    async def tell_disk(self, chat_id: int, message: Outgoing | None, now_ms: int) -> None:
        """Say once that a disk is nearly full; ``None``: it is not, and the next time is told."""

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE telegram_pairings SET disk_told = ?2 WHERE chat_id = ?1 "
                "AND notify_disk AND disk_told <> ?2",
                (chat_id, int(message is not None)),
            )
            if changed.rowcount and message is not None:
                post_messages(connection, f"disk.{chat_id}.{now_ms}", chat_id, [message], now_ms)

        await self._db.write(work)


def _reason(error: str | None) -> tuple[str, str]:
    """The code and the message of what a job failed by."""
    found = {} if error is None else orjson.loads(error)
    return str(found.get("code", "")), str(found.get("message", ""))
