"""Films that are planned: each one's user alone sees it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from studio.errors import Conflict, NotFound
from studio.store.db import Database

MAX_FILMS: Final = 200


@dataclass(frozen=True, slots=True)
class Scene:
    """What happens, and for how many seconds."""

    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Film:
    """A plan in steps: a picture, what is seen in it, scenes, and what makes the video.

    That is a preset, or a workflow without one. ``count`` is how many scenes are to be written.
    Times are milliseconds since the epoch.
    """

    id: str
    user_id: str
    picture: str | None
    description: str
    count: int
    scenes: tuple[Scene, ...]
    preset_id: str | None
    workflow_id: str | None
    created_at: int
    updated_at: int


class FilmStore:
    """Rows of films and of their scenes."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def all(self, user_id: str) -> list[Film]:
        """The user's films, the one that changed last first."""

        def work(connection: sqlite3.Connection) -> list[Film]:
            rows = connection.execute(
                "SELECT * FROM films WHERE user_id = ? ORDER BY updated_at DESC, id", (user_id,)
            ).fetchall()
            return [_film(connection, row) for row in rows]

        return await self._db.read(work)

    async def get(self, user_id: str, film_id: str) -> Film:
        """Raises ``NotFound`` for one that is not the user's."""
        return await self._db.read(lambda connection: _own(connection, user_id, film_id))

    async def add(self, film: Film) -> None:
        """Store a new one.

        Raises:
            Conflict: the user has as many as there may be.
            NotFound: the picture is not the user's.
        """

        def work(connection: sqlite3.Connection) -> None:
            there = connection.execute(
                "SELECT count(*) FROM films WHERE user_id = ?", (film.user_id,)
            ).fetchone()[0]
            if there >= MAX_FILMS:
                raise Conflict(
                    f"You have {MAX_FILMS} films, which is the limit. Delete some first."
                )
            _require_picture(connection, film)
            connection.execute(
                "INSERT INTO films (id, user_id, picture, description, count, preset_id,"
                " workflow_id, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    film.id,
                    film.user_id,
                    film.picture,
                    film.description,
                    film.count,
                    film.preset_id,
                    film.workflow_id,
                    film.created_at,
                    film.updated_at,
                ),
            )
            _put_scenes(connection, film)

        await self._db.write(work)

    async def update(
        self,
        user_id: str,
        film_id: str,
        change: Callable[[Film], Film],
        *,
        has_new_picture: bool,
    ) -> Film:
        """Change a film as it is when its turn comes; answers it.

        Raises:
            NotFound: it is gone, or its new picture is not the user's.
            InvalidChat: ``change`` refuses.
        """

        def work(connection: sqlite3.Connection) -> Film:
            film = change(_own(connection, user_id, film_id))
            if has_new_picture:
                _require_picture(connection, film)
            connection.execute(
                "UPDATE films SET picture = ?, description = ?, count = ?, preset_id = ?,"
                " workflow_id = ?, updated_at = ? WHERE id = ?",
                (
                    film.picture,
                    film.description,
                    film.count,
                    film.preset_id,
                    film.workflow_id,
                    film.updated_at,
                    film.id,
                ),
            )
            _put_scenes(connection, film)
            return film

        return await self._db.write(work, short=True)

    async def delete(self, user_id: str, film_id: str) -> None:
        """Raises ``NotFound`` when it is not the user's."""

        def work(connection: sqlite3.Connection) -> None:
            _own(connection, user_id, film_id)
            connection.execute("DELETE FROM films WHERE id = ?", (film_id,))

        await self._db.write(work, short=True)


def _own(connection: sqlite3.Connection, user_id: str, film_id: str) -> Film:
    row = connection.execute(
        "SELECT * FROM films WHERE id = ? AND user_id = ?", (film_id, user_id)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such film.")
    return _film(connection, row)


def _require_picture(connection: sqlite3.Connection, film: Film) -> None:
    if film.picture is None:
        return
    there = connection.execute(
        "SELECT 1 FROM assets WHERE id = ? AND user_id = ? AND trashed_at IS NULL"
        " AND content_type LIKE 'image/%'",
        (film.picture, film.user_id),
    ).fetchone()
    if there is None:
        raise NotFound("This picture is not among yours.")


def _put_scenes(connection: sqlite3.Connection, film: Film) -> None:
    connection.execute("DELETE FROM film_scenes WHERE film_id = ?", (film.id,))
    connection.executemany(
        "INSERT INTO film_scenes (film_id, position, text, seconds) VALUES (?, ?, ?, ?)",
        [(film.id, at, scene.text, scene.seconds) for at, scene in enumerate(film.scenes)],
    )


def _film(connection: sqlite3.Connection, row: sqlite3.Row) -> Film:
    scenes = connection.execute(
        "SELECT text, seconds FROM film_scenes WHERE film_id = ? ORDER BY position", (row["id"],)
    )
    return Film(
        id=row["id"],
        user_id=row["user_id"],
        picture=row["picture"],
        description=row["description"],
        count=row["count"],
        scenes=tuple(Scene(each["text"], each["seconds"]) for each in scenes),
        preset_id=row["preset_id"],
        workflow_id=row["workflow_id"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
