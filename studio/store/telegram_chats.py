"""What the bot heard, is in the midst of, and has to say. An update's effects and its id are one
commit; so is the end of a run with the messages that tell of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from studio.models import NewJob
from studio.settings import DAY_MS
from studio.store.batches import Beside
from studio.store.db import Database
from studio.store.telegram import note_attempt, take_code
from studio.telegram_records import KEEP, Delivery, Effects, Outgoing, Run

KEPT_MS: Final = 3 * DAY_MS
"""How long ids of updates, and what was sent, are remembered. Telegram repeats for one day."""
RUNS_KEPT: Final = 200
"""Runs of a chat whose buttons still work."""


class UpdateHandled(Exception):
    """The update had its effect before: nothing was stored."""


@dataclass(frozen=True, slots=True)
class Heard:
    """An update's place among all, and the chat that it came from."""

    bot_id: int
    update_id: int
    chat_id: int


@dataclass(frozen=True, slots=True)
class NewRun:
    """A run whose jobs are accepted by the same commit."""

    id: str
    user_id: str
    title: str
    order: Mapping[str, Any]


class TelegramChats:
    """Rows by chat. Times are milliseconds since the epoch."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # -- what was heard --------------------------------------------------------------------------

    async def offset(self, bot_id: int) -> tuple[int, int] | None:
        """Where to ask on, and when something was last heard; ``None`` for a new bot."""

        def work(connection: sqlite3.Connection) -> tuple[int, int] | None:
            row = connection.execute(
                "SELECT next_update, heard_at FROM telegram_bots WHERE bot_id = ?", (bot_id,)
            ).fetchone()
            return None if row is None else (row["next_update"], row["heard_at"])

        return await self._db.read(work)

    async def confirm(self, bot_id: int, next_update: int, now_ms: int) -> None:
        """All updates before ``next_update`` had their effects."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO telegram_bots (bot_id, next_update, heard_at) "
                "VALUES (?, ?, ?)",
                (bot_id, next_update, now_ms),
            )
            _forget_old(connection, now_ms)

        await self._db.write(work, durable=False)

    async def is_handled(self, heard: Heard) -> bool:
        """Whether an update had its effect; the commit of its effect asks once more."""

        def work(connection: sqlite3.Connection) -> bool:
            found = connection.execute(
                "SELECT 1 FROM telegram_updates WHERE bot_id = ? AND update_id = ?",
                (heard.bot_id, heard.update_id),
            ).fetchone()
            return found is not None

        return await self._db.read(work)

    async def dialogue(self, chat_id: int) -> dict[str, Any] | None:
        """What a chat is in the midst of."""

        def work(connection: sqlite3.Connection) -> dict[str, Any] | None:
            row = connection.execute(
                "SELECT state FROM telegram_dialogues WHERE chat_id = ?", (chat_id,)
            ).fetchone()
            return None if row is None else dict(orjson.loads(row["state"]))

        return await self._db.read(work)

    async def commit(self, heard: Heard, effects: Effects, now_ms: int) -> None:
        """Store an update's effects with its id, or, had it them before, nothing."""

        def work(connection: sqlite3.Connection) -> None:
            if _claim(connection, heard, now_ms):
                _apply(connection, heard, effects, now_ms)

        await self._db.write(work)

    async def pair(
        self,
        heard: Heard,
        code_hash: str,
        person: Mapping[str, Any],
        *,
        paired: Effects,
        wrong: Effects,
        now_ms: int,
    ) -> None:
        """Try a code: the chat is paired and told so, or the attempt is counted and told."""

        def work(connection: sqlite3.Connection) -> None:
            if not _claim(connection, heard, now_ms):
                return
            if take_code(connection, code_hash, person, now_ms):
                _apply(connection, heard, paired, now_ms)
            else:
                note_attempt(connection, "guess", heard.chat_id, now_ms)
                _apply(connection, heard, wrong, now_ms)

        await self._db.write(work)

    async def brush_off(self, heard: Heard, effects: Effects, now_ms: int) -> None:
        """``commit`` for a stranger, who is told something only now and then."""

        def work(connection: sqlite3.Connection) -> None:
            if _claim(connection, heard, now_ms):
                note_attempt(connection, "told", heard.chat_id, now_ms)
                _apply(connection, heard, effects, now_ms)

        await self._db.write(work)

    def beside(self, heard: Heard, run: NewRun, effects: Effects, now_ms: int) -> Beside:
        """What the commit that accepts a run's jobs stores too; an update has one run at most."""

        def work(connection: sqlite3.Connection, new: Sequence[NewJob]) -> None:
            if not _claim(connection, heard, now_ms):
                raise UpdateHandled
            connection.execute(
                "INSERT INTO telegram_runs (id, chat_id, user_id, title, run_order, created_at) "
                "VALUES (?, ?, ?, ?, ?, ?)",
                (
                    run.id,
                    heard.chat_id,
                    run.user_id,
                    run.title,
                    orjson.dumps(run.order).decode(),
                    now_ms,
                ),
            )
            connection.executemany(
                "INSERT INTO telegram_run_jobs (job_id, run_id, position) VALUES (?, ?, ?)",
                [(each.job.id, run.id, at) for at, each in enumerate(new)],
            )
            connection.execute(
                "DELETE FROM telegram_runs WHERE chat_id = ?1 AND done_at IS NOT NULL AND id NOT IN"
                " (SELECT id FROM telegram_runs WHERE chat_id = ?1"
                " ORDER BY created_at DESC, id LIMIT ?2)",
                (heard.chat_id, RUNS_KEPT),
            )
            _apply(connection, heard, effects, now_ms)

        return work

    # -- runs ------------------------------------------------------------------------------------

    async def runs(self, *, chat_id: int | None = None, run_id: str | None = None) -> list[Run]:
        """Runs that have not been told the end of, in a chat or in all; or the one of that id."""

        def work(connection: sqlite3.Connection) -> list[Run]:
            rows = connection.execute(
                "SELECT * FROM telegram_runs WHERE (?1 IS NULL OR chat_id = ?1) "
                "AND CASE WHEN ?2 IS NULL THEN done_at IS NULL ELSE id = ?2 END "
                "ORDER BY created_at, id",
                (chat_id, run_id),
            ).fetchall()
            return [_run(connection, row) for row in rows]

        return await self._db.read(work)

    async def finish(self, run: Run, messages: Sequence[Outgoing], now_ms: int) -> None:
        """A run has ended: the messages that tell of it are stored with that, once."""

        def work(connection: sqlite3.Connection) -> None:
            ended = connection.execute(
                "UPDATE telegram_runs SET done_at = ? WHERE id = ? AND done_at IS NULL",
                (now_ms, run.id),
            )
            if ended.rowcount:
                post_messages(connection, f"run.{run.id}", run.chat_id, messages, now_ms)

        await self._db.write(work)

    # -- what is to be said ----------------------------------------------------------------------

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
                    message=Outgoing.from_data(orjson.loads(row["body"])),
                    attempts=row["attempts"],
                    created_at=row["created_at"],
                )
                for row in rows
            ]

        return await self._db.read(work)

    async def next_due(self) -> int | None:
        """When the next message that waits is to be tried; ``None`` while none does."""

        def work(connection: sqlite3.Connection) -> int | None:
            found = connection.execute(
                "SELECT min(next_at) FROM telegram_outbox WHERE seq IN (SELECT min(seq) "
                "FROM telegram_outbox WHERE ended_at IS NULL GROUP BY chat_id)"
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

    async def give_up(self, delivery: Delivery, trouble: str, now_ms: int) -> None:
        """A message cannot be sent."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE telegram_outbox SET ended_at = ?, trouble = ? WHERE seq = ?",
                (now_ms, trouble, delivery.seq),
            )
        )


def _claim(connection: sqlite3.Connection, heard: Heard, now_ms: int) -> bool:
    """Whether this is the first time that the update has an effect."""
    claimed = connection.execute(
        "INSERT OR IGNORE INTO telegram_updates (bot_id, update_id, handled_at) VALUES (?, ?, ?)",
        (heard.bot_id, heard.update_id, now_ms),
    )
    return claimed.rowcount == 1


def _apply(connection: sqlite3.Connection, heard: Heard, effects: Effects, now_ms: int) -> None:
    if effects.dialogue is None:
        connection.execute("DELETE FROM telegram_dialogues WHERE chat_id = ?", (heard.chat_id,))
    elif effects.dialogue != KEEP:
        connection.execute(
            "INSERT OR REPLACE INTO telegram_dialogues (chat_id, state, updated_at) "
            "VALUES (?, ?, ?)",
            (heard.chat_id, orjson.dumps(effects.dialogue).decode(), now_ms),
        )
    key = f"{heard.bot_id}.{heard.update_id}"
    post_messages(connection, key, heard.chat_id, effects.messages, now_ms)


def post_messages(
    connection: sqlite3.Connection,
    key: str,
    chat_id: int,
    messages: Sequence[Outgoing],
    now_ms: int,
) -> None:
    """Inside a caller's transaction, put messages into the outbox, those of a key once."""
    connection.executemany(
        "INSERT OR IGNORE INTO telegram_outbox (id, chat_id, body, next_at, created_at) "
        "VALUES (?, ?, ?, ?, ?)",
        [
            (f"{key}.{at}", chat_id, orjson.dumps(message.as_data()).decode(), now_ms, now_ms)
            for at, message in enumerate(messages)
        ],
    )


def _run(connection: sqlite3.Connection, row: sqlite3.Row) -> Run:
    jobs = connection.execute(
        "SELECT job_id FROM telegram_run_jobs WHERE run_id = ? ORDER BY position", (row["id"],)
    )
    return Run(
        id=row["id"],
        chat_id=row["chat_id"],
        user_id=row["user_id"],
        title=row["title"],
        order=orjson.loads(row["run_order"]),
        job_ids=tuple(each["job_id"] for each in jobs),
        message_id=row["message_id"],
        created_at=row["created_at"],
        done_at=row["done_at"],
    )


def _forget_old(connection: sqlite3.Connection, now_ms: int) -> None:
    old = now_ms - KEPT_MS
    for statement in (
        "DELETE FROM telegram_updates WHERE handled_at < ?",
        "DELETE FROM telegram_outbox WHERE ended_at < ?",
        "DELETE FROM telegram_attempts WHERE at < ?",
        "DELETE FROM telegram_codes WHERE expires_at < ?",
    ):
        connection.execute(statement, (old,))
