"""Boards: named collections of files of the library, each with an owner of its own."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from studio.errors import NameTaken, NotFound
from studio.store.db import Database
from studio.store.pictures import Changed

_SELECT: Final = """
SELECT boards.id, boards.user_id, boards.name, boards.created_at,
    coalesce(
        (SELECT asset_id FROM pictures WHERE asset_id = boards.cover AND trashed_at IS NULL),
        (SELECT pictures.asset_id FROM board_pictures JOIN pictures USING (asset_id)
         WHERE board_id = boards.id AND trashed_at IS NULL ORDER BY added_at DESC, seq DESC LIMIT 1)
    ) AS cover,
    (SELECT count(*) FROM board_pictures JOIN pictures USING (asset_id)
     WHERE board_id = boards.id AND trashed_at IS NULL) AS count
FROM boards
"""


@dataclass(frozen=True, slots=True)
class Board:
    """A board; what is in the trash does not count."""

    id: str
    user_id: str
    name: str
    created_at: int
    cover: str | None
    """The file that stands for it: the chosen one, or the one that came last."""
    count: int


class BoardStore:
    """Rows of boards and of what is on them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self, viewer: str | None) -> list[Board]:
        """The viewer's boards by name; ``None`` sees everybody's."""

        def work(connection: sqlite3.Connection) -> list[Board]:
            rows = connection.execute(
                f"{_SELECT} WHERE ? IS NULL OR user_id = ? ORDER BY name_key, id", (viewer, viewer)
            )
            return [_board(row) for row in rows]

        return await self._db.read(work)

    async def add(self, board: Board, name_key: str, limit: int) -> bool:
        """Store a new board; ``False`` when its user has ``limit`` of them.

        Raises:
            NameTaken: the user has one of that name.
        """

        def work(connection: sqlite3.Connection) -> bool:
            _require_free(connection, board.user_id, name_key, board.id)
            return bool(
                connection.execute(
                    "INSERT INTO boards (id, user_id, name, name_key, created_at)"
                    " SELECT ?1, ?2, ?3, ?4, ?5"
                    " WHERE (SELECT count(*) FROM boards WHERE user_id = ?2) < ?6",
                    (board.id, board.user_id, board.name, name_key, board.created_at, limit),
                ).rowcount
            )

        return await self._db.write(work)

    async def update(
        self,
        board_id: str,
        viewer: str | None,
        *,
        name: tuple[str, str] | None,
        cover: str | None,
        has_cover: bool,
    ) -> Board:
        """Change what is given; ``name`` with its key, ``cover`` if ``has_cover``.

        Raises:
            NotFound: the viewer has no such board, or the cover is not on it.
            NameTaken: another board of its user has that name.
        """

        def work(connection: sqlite3.Connection) -> Board:
            board = _get(connection, board_id, viewer)
            if name is not None:
                _require_free(connection, board.user_id, name[1], board_id)
                connection.execute(
                    "UPDATE boards SET name = ?, name_key = ? WHERE id = ?", (*name, board_id)
                )
            if has_cover:
                if cover is not None and not _is_on(connection, board_id, cover):
                    raise NotFound("That file is not on this board.")
                connection.execute("UPDATE boards SET cover = ? WHERE id = ?", (cover, board_id))
            return _get(connection, board_id, viewer)

        return await self._db.write(work)

    async def delete(self, board_id: str, viewer: str | None) -> None:
        """Delete a board; what was on it stays in the library.

        Raises:
            NotFound: the viewer has no such board.
        """

        def work(connection: sqlite3.Connection) -> None:
            _get(connection, board_id, viewer)
            connection.execute("DELETE FROM boards WHERE id = ?", (board_id,))

        await self._db.write(work)

    async def put(
        self, board_id: str, ids: Sequence[str], viewer: str | None, now_ms: int
    ) -> Changed:
        """Put files on a board; those that are there already are not counted.

        Raises:
            NotFound: the viewer has no such board.
        """
        return await self._change(
            "INSERT OR IGNORE INTO board_pictures (board_id, asset_id, added_at)"
            " VALUES (:board, :asset, :now)",
            board_id,
            ids,
            viewer,
            now_ms,
        )

    async def take(self, board_id: str, ids: Sequence[str], viewer: str | None) -> Changed:
        """Take files off a board; those that are not on it are not counted.

        Raises:
            NotFound: the viewer has no such board.
        """
        return await self._change(
            "DELETE FROM board_pictures WHERE board_id = :board AND asset_id = :asset",
            board_id,
            ids,
            viewer,
        )

    async def _change(
        self,
        statement: str,
        board_id: str,
        ids: Sequence[str],
        viewer: str | None,
        now_ms: int | None = None,
    ) -> Changed:
        """Do ``statement`` for each file that the viewer sees."""

        def work(connection: sqlite3.Connection) -> Changed:
            _get(connection, board_id, viewer)
            count, lost = 0, []
            for one in ids:
                if _is_visible(connection, one, viewer):
                    fields = {"board": board_id, "asset": one, "now": now_ms}
                    count += connection.execute(statement, fields).rowcount
                else:
                    lost.append(one)
            return Changed(count, tuple(lost))

        return await self._db.write(work)


def _get(connection: sqlite3.Connection, board_id: str, viewer: str | None) -> Board:
    row = connection.execute(
        f"{_SELECT} WHERE id = ? AND (? IS NULL OR user_id = ?)", (board_id, viewer, viewer)
    ).fetchone()
    if row is None:
        raise NotFound("There is no such board.")
    return _board(row)


def _require_free(
    connection: sqlite3.Connection, user_id: str, name_key: str, board_id: str
) -> None:
    taken = connection.execute(
        "SELECT 1 FROM boards WHERE user_id = ? AND name_key = ? AND id <> ?",
        (user_id, name_key, board_id),
    ).fetchone()
    if taken is not None:
        raise NameTaken("There is a board of that name already. Choose another one.")


def _is_visible(connection: sqlite3.Connection, asset_id: str, viewer: str | None) -> bool:
    query = "SELECT 1 FROM pictures WHERE asset_id = ? AND (? IS NULL OR user_id = ?)"
    return connection.execute(query, (asset_id, viewer, viewer)).fetchone() is not None


def _is_on(connection: sqlite3.Connection, board_id: str, asset_id: str) -> bool:
    query = "SELECT 1 FROM board_pictures WHERE board_id = ? AND asset_id = ?"
    return connection.execute(query, (board_id, asset_id)).fetchone() is not None


def _board(row: sqlite3.Row) -> Board:
    return Board(
        id=row["id"],
        user_id=row["user_id"],
        name=row["name"],
        created_at=row["created_at"],
        cover=row["cover"],
        count=row["count"],
    )
