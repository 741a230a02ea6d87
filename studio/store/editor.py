"""The editor's port: visits, which are children of sessions and keys, and prompts on their way."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One browser inside the editor, and the session or key that it came with."""

    token_hash: str
    session_id: str | None
    key_id: str | None
    created_at: int


@dataclass(frozen=True, slots=True)
class EditorPrompt:
    """A prompt of the editor's that was, or is about to be, sent to an engine."""

    prompt_id: str
    user_id: str
    engine: str
    graph: bytes
    created_at: int


class EditorStore:
    """Rows of the editor's port; of a visit's token only the hash is kept."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def add_visit(self, visit: VisitRow, *, instead_of: Sequence[str]) -> bool:
        """Store a visit, and end those whose token hashes are given.

        Returns:
            Whether its session or key was still there; if not, nothing is stored.
        """

        def work(connection: sqlite3.Connection) -> bool:
            added = connection.execute(
                "INSERT INTO editor_visits (token_hash, session_id, key_id, created_at) "
                "SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM sessions WHERE id = ?2) "
                "OR EXISTS (SELECT 1 FROM api_keys WHERE id = ?3 AND revoked_at IS NULL)",
                (visit.token_hash, visit.session_id, visit.key_id, visit.created_at),
            )
            _remove_visits(connection, instead_of)
            return added.rowcount == 1

        return await self._db.write(work)

    async def visits(self) -> list[VisitRow]:
        """Every visit, the oldest first."""

        def work(connection: sqlite3.Connection) -> list[VisitRow]:
            rows = connection.execute(
                "SELECT token_hash, session_id, key_id, created_at FROM editor_visits "
                "ORDER BY created_at, token_hash"
            )
            return [VisitRow(*row) for row in rows]

        return await self._db.read(work)

    async def remove_visits(self, token_hashes: Sequence[str]) -> None:
        """End visits."""
        await self._db.write(lambda connection: _remove_visits(connection, token_hashes))

    async def add_prompt(self, prompt: EditorPrompt) -> None:
        """Note a prompt before an engine hears of it."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "INSERT OR REPLACE INTO editor_prompts "
                "(prompt_id, user_id, engine, graph, created_at) VALUES (?, ?, ?, ?, ?)",
                (prompt.prompt_id, prompt.user_id, prompt.engine, prompt.graph, prompt.created_at),
            )

        await self._db.write(work, short=True)

    async def forget_prompt(self, prompt_id: str) -> None:
        """A prompt became a job, or nothing became of it."""
        await self._db.write(
            lambda connection: connection.execute(
                "DELETE FROM editor_prompts WHERE prompt_id = ?", (prompt_id,)
            ),
            durable=False,
            short=True,
        )

    async def prompts(self) -> list[EditorPrompt]:
        """Prompts that no job stands for, the oldest first; the others are forgotten."""

        def work(connection: sqlite3.Connection) -> list[EditorPrompt]:
            connection.execute(
                "DELETE FROM editor_prompts WHERE prompt_id IN "
                "(SELECT prompt_id FROM jobs WHERE prompt_id IS NOT NULL)"
            )
            rows = connection.execute(
                "SELECT prompt_id, user_id, engine, graph, created_at FROM editor_prompts "
                "ORDER BY created_at, prompt_id"
            )
            return [EditorPrompt(*row) for row in rows]

        return await self._db.write(work)


def _remove_visits(connection: sqlite3.Connection, token_hashes: Sequence[str]) -> None:
    connection.executemany(
        "DELETE FROM editor_visits WHERE token_hash = ?", [(one,) for one in token_hashes]
    )
