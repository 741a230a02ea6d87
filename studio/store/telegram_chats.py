"""What the bot heard, is in the midst of, and runs. An update's effects and its id are one
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
from studio.store.telegram_outbox import placed, post_messages
from studio.store.telegram_replies import owe, reply_goes_on
from studio.telegram_records import KEEP, Effects, Outgoing, Run

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

    async def forget_old(self, now_ms: int) -> None:
        """Drop what is not needed any more; also while nothing is heard."""
        await self._db.write(lambda connection: _forget_old(connection, now_ms), durable=False)

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
    ) -> bool:
        """Try a code: the chat is paired and told so, or the attempt is counted and told.

        Returns:
            Whether the code was taken.
        """

        def work(connection: sqlite3.Connection) -> bool:
            if not _claim(connection, heard, now_ms):
                return False
            taken = take_code(connection, code_hash, person, now_ms)
            if not taken:
                note_attempt(connection, "guess", heard.chat_id, now_ms)
            _apply(connection, heard, paired if taken else wrong, now_ms)
            return taken

        return await self._db.write(work)

    async def brush_off(
        self, heard: Heard, effects: Effects, kinds: Sequence[str], now_ms: int
    ) -> None:
        """``commit`` for a stranger; what is counted of them is remembered with it."""

        def work(connection: sqlite3.Connection) -> None:
            if _claim(connection, heard, now_ms):
                for kind in kinds:
                    note_attempt(connection, kind, heard.chat_id, now_ms)
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
                there = placed(connection, "telegram_runs", run.id, messages)
                post_messages(connection, f"run.{run.id}", run.chat_id, there, now_ms)

        await self._db.write(work)


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
    if effects.goes_on is not None:
        reply_goes_on(connection, effects.goes_on)
    if effects.reply is not None and not owe(connection, heard.chat_id, effects.reply, now_ms):
        # One more picture of an album: the message that shows the answer is there.
        return
    key = f"{heard.bot_id}.{heard.update_id}"
    post_messages(connection, key, heard.chat_id, effects.messages, now_ms)


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
        # Nobody answered what a model asked.
        "DELETE FROM telegram_replies WHERE asking AND owed_at < ?",
        # Studio was away; nobody waits for that answer any more.
        "DELETE FROM telegram_replies WHERE owed_at > 0 AND owed_at < ?",
    ):
        connection.execute(statement, (old,))
    # There was no bot all the while; as one comes, nobody wants to be told of last month.
    connection.execute(
        "UPDATE telegram_outbox SET ended_at = ?, trouble = 'unavailable' "
        "WHERE ended_at IS NULL AND created_at < ?",
        (now_ms, old),
    )
