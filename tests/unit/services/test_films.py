"""Films: what two pages change at once is kept of both."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any, cast

from studio.clock import FrozenClock
from studio.models import Identity, Role
from studio.services.chat_news import ChatNews
from studio.services.films import FilmService
from studio.store.db import Database
from studio.store.films import Film, FilmStore, Scene
from studio.store.migrations import migrate

MIA = Identity(user_id="mia", role=Role.MEMBER, scopes=frozenset())
BOTH = 2


def prepare(connection: sqlite3.Connection) -> None:
    migrate(connection)


class Meeting(FilmStore):
    """Whoever reads a film waits for another one who does."""

    def __init__(self, db: Database) -> None:
        super().__init__(db)
        self.meets = asyncio.Barrier(BOTH)

    async def get(self, user_id: str, film_id: str) -> Film:
        found = await super().get(user_id, film_id)
        await self.meets.wait()
        return found


async def test_two_changes_of_a_film_at_once_are_both_kept(tmp_path: Path) -> None:
    db = Database(tmp_path / "studio.db")
    await db.open(prepare)
    try:
        await db.write(
            lambda connection: connection.execute(
                "INSERT INTO users (id, name, role, created_at) VALUES ('mia', 'Mia', 'member', 0)"
            )
        )
        films = FilmService(
            films=Meeting(db),
            presets=cast(Any, None),
            workflows=cast(Any, None),
            news=ChatNews(lambda *_, **__: None),
            clock=FrozenClock(),
        )
        film = await films.create(MIA, {})
        scenes = [{"text": "A fox wakes.", "seconds": 5}]
        async with asyncio.timeout(30):
            await asyncio.gather(
                films.update(MIA, film.id, {"description": "a fox's day"}),
                films.update(MIA, film.id, {"scenes": scenes}),
            )

        [kept] = await films.all(MIA)

        assert (kept.description, kept.scenes) == ("a fox's day", (Scene("A fox wakes.", 5.0),))
    finally:
        await db.close()
