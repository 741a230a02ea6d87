"""Presets: saved values of a workflow."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from studio.errors import NotFound
from studio.store.db import Database
from studio.store.prompts import like_words, require_room
from studio.store.shared_files import note_preset_files

MAX_PRESETS: Final = 1_000
_COLUMNS: Final = (
    "presets.id, user_id, presets.name, users.name AS user_name, description, workflow_id, "
    'workflow_version, "values", tags, rating, shared, runs, presets.created_at, updated_at, '
    "trashed_at, (SELECT id FROM assets WHERE id = cover AND assets.trashed_at IS NULL) AS cover "
    "FROM presets JOIN users ON users.id = user_id"
)


@dataclass(frozen=True, slots=True)
class Preset:
    """Saved values with what people say about them. Times are milliseconds since the epoch."""

    id: str
    user_id: str
    user_name: str
    name: str
    description: str
    workflow_id: str
    workflow_version: int | None
    """The version it is pinned to, or ``None`` for whatever is the newest."""
    values: Mapping[str, Any]
    tags: tuple[str, ...]
    rating: int
    cover: str | None
    """An asset's id; one that was deleted since is ``None``."""
    shared: bool
    created_at: int
    updated_at: int
    runs: int = 0
    trashed_at: int | None = None


@dataclass(frozen=True, slots=True)
class PresetFilter:
    """Which presets are wanted; ``None`` and empty mean all."""

    query: str = ""
    workflow_id: str | None = None
    tag: str | None = None
    trashed: bool = False
    start: int = 0
    limit: int = 100


class PresetStore:
    """Presets; ``user_id`` sees their own and shared ones, ``None`` everybody's."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def page(self, user_id: str | None, wanted: PresetFilter) -> tuple[list[Preset], int]:
        """A page of presets, the one that changed last first, and how many there are in all."""
        # What lies in the trash concerns its owner alone.
        where = (
            "WHERE (:user IS NULL OR user_id = :user OR (shared AND NOT :trashed)) "
            "AND (trashed_at IS NOT NULL) = :trashed "
            "AND (:workflow IS NULL OR workflow_id = :workflow) "
            "AND (:tag IS NULL OR EXISTS (SELECT 1 FROM json_each(tags) WHERE value = :tag)) "
            "AND (presets.name || ' ' || description || ' ' || tags) LIKE :like ESCAPE '\\' "
        )
        facts = {
            "user": user_id,
            "trashed": int(wanted.trashed),
            "workflow": wanted.workflow_id,
            "tag": wanted.tag,
            "like": like_words(wanted.query),
            "start": wanted.start,
            "limit": wanted.limit,
        }

        def work(connection: sqlite3.Connection) -> tuple[list[Preset], int]:
            rows = connection.execute(
                f"SELECT {_COLUMNS} {where} ORDER BY updated_at DESC, presets.id "
                "LIMIT :limit OFFSET :start",
                facts,
            ).fetchall()
            total = connection.execute(f"SELECT COUNT(*) FROM presets {where}", facts).fetchone()[0]
            return [_preset(row) for row in rows], total

        return await self._db.read(work)

    async def get(self, preset_id: str, user_id: str | None, *, own: bool = False) -> Preset:
        """One preset, from the trash too when it is the user's own.

        Args:
            own: only one that the user may change.

        Raises:
            NotFound: the user may not see, or change, such a preset.
        """

        def work(connection: sqlite3.Connection) -> Preset:
            row = connection.execute(
                f"SELECT {_COLUMNS} WHERE presets.id = :id AND (:user IS NULL OR user_id = :user "
                "OR (shared AND trashed_at IS NULL AND NOT :own))",
                {"id": preset_id, "user": user_id, "own": int(own)},
            ).fetchone()
            if row is None:
                raise NotFound(f"There is no such preset{' of yours' if own else ''}.")
            return _preset(row)

        return await self._db.read(work)

    async def add(self, preset: Preset) -> None:
        """Store a new preset.

        Should there be no room, what has been longest in the user's own trash goes.

        Raises:
            Conflict: its user has as many as there may be.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "DELETE FROM presets WHERE id IN (SELECT id FROM presets WHERE user_id = :user "
                "AND trashed_at IS NOT NULL ORDER BY trashed_at, id LIMIT max(0, 1 - :most + "
                "(SELECT COUNT(*) FROM presets WHERE user_id = :user)))",
                {"user": preset.user_id, "most": MAX_PRESETS},
            )
            require_room(connection, "presets", preset.user_id, preset.id, MAX_PRESETS)
            connection.execute(
                "INSERT INTO presets (name, description, workflow_id, workflow_version, "
                '"values", tags, rating, cover, shared, updated_at, trashed_at, id, user_id, '
                "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*_changeable(preset), preset.id, preset.user_id, preset.created_at),
            )
            note_preset_files(connection, preset.id)

        await self._db.write(work)

    async def update(self, preset: Preset) -> None:
        """Store what changed of a preset, its place in the trash included.

        Raises:
            NotFound: it has gone since.
        """

        def work(connection: sqlite3.Connection) -> None:
            changed = connection.execute(
                "UPDATE presets SET name = ?, description = ?, workflow_id = ?, "
                'workflow_version = ?, "values" = ?, tags = ?, rating = ?, cover = ?, shared = ?, '
                "updated_at = ?, trashed_at = ? WHERE id = ?",
                (*_changeable(preset), preset.id),
            )
            if changed.rowcount == 0:
                raise NotFound("There is no such preset of yours.")
            note_preset_files(connection, preset.id)

        await self._db.write(work)


def count_run(connection: sqlite3.Connection, preset_id: str) -> None:
    """Count a run inside the transaction that accepts its jobs."""
    connection.execute("UPDATE presets SET runs = runs + 1 WHERE id = ?", (preset_id,))


def _changeable(preset: Preset) -> tuple[Any, ...]:
    return (
        preset.name,
        preset.description,
        preset.workflow_id,
        preset.workflow_version,
        orjson.dumps(preset.values).decode(),
        orjson.dumps(preset.tags).decode(),
        preset.rating,
        preset.cover,
        int(preset.shared),
        preset.updated_at,
        preset.trashed_at,
    )


def _preset(row: sqlite3.Row) -> Preset:
    return Preset(
        id=row["id"],
        user_id=row["user_id"],
        user_name=row["user_name"],
        name=row["name"],
        description=row["description"],
        workflow_id=row["workflow_id"],
        workflow_version=row["workflow_version"],
        values=orjson.loads(row["values"]),
        tags=tuple(orjson.loads(row["tags"])),
        rating=row["rating"],
        cover=row["cover"],
        shared=bool(row["shared"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        runs=row["runs"],
        trashed_at=row["trashed_at"],
    )
