"""Drawing models, and which jobs an order of pictures became."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import orjson

from studio.errors import Conflict, NotFound
from studio.models import NewJob
from studio.settings import DAY_MS
from studio.store.batches import Beside
from studio.store.db import Database


@dataclass(frozen=True, slots=True)
class Target:
    """What draws: a preset, or a workflow as it is.

    ``fields`` says which input takes what, by role; an empty one leaves all of that to a guess.
    """

    preset_id: str | None = None
    workflow_id: str | None = None
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DrawingModel:
    """A name that programs call, and what draws for it from words and over pictures."""

    name: str
    generate: Target | None
    edit: Target | None
    updated_at: int = 0


@dataclass(frozen=True, slots=True)
class OrderedDrawing:
    """The jobs of an order that came with a key; ``digest`` is of what was asked for."""

    digest: str
    job_ids: Sequence[str]


class DrawingStore:
    """Rows of both."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def list(self) -> list[DrawingModel]:
        """All models by name."""

        def work(connection: sqlite3.Connection) -> list[DrawingModel]:
            rows = connection.execute("SELECT * FROM drawing_models ORDER BY name").fetchall()
            return [
                DrawingModel(
                    row["name"], _target(row["generate"]), _target(row["edit"]), row["updated_at"]
                )
                for row in rows
            ]

        return await self._db.read(work)

    async def put(self, model: DrawingModel, most: int) -> None:
        """Store a model, in the place of one of that name.

        Raises:
            Conflict: there are ``most`` already.
        """

        def work(connection: sqlite3.Connection) -> None:
            stored = connection.execute(
                "INSERT INTO drawing_models (name, generate, edit, updated_at)"
                " SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM drawing_models WHERE name = ?1)"
                " OR (SELECT count(*) FROM drawing_models) < ?5"
                " ON CONFLICT (name) DO UPDATE SET generate = excluded.generate,"
                " edit = excluded.edit, updated_at = excluded.updated_at",
                (model.name, _json(model.generate), _json(model.edit), model.updated_at, most),
            )
            if stored.rowcount == 0:
                raise Conflict(f"There are {most} drawing models; delete one first.")

        await self._db.write(work)

    async def delete(self, name: str) -> None:
        """Raises ``NotFound`` when nothing of that name was stored."""

        def work(connection: sqlite3.Connection) -> None:
            gone = connection.execute("DELETE FROM drawing_models WHERE name = ?", (name,))
            if gone.rowcount == 0:
                raise NotFound("There is no drawing model of that name to delete.")

        await self._db.write(work)

    async def order(self, user_id: str, key: str, now_ms: int) -> OrderedDrawing | None:
        """What a user's key was used for within the last day."""

        def work(connection: sqlite3.Connection) -> OrderedDrawing | None:
            row = connection.execute(
                "SELECT digest, jobs FROM drawing_orders"
                " WHERE user_id = ? AND key = ? AND created_at >= ?",
                (user_id, key, now_ms - DAY_MS),
            ).fetchone()
            return None if row is None else OrderedDrawing(row["digest"], orjson.loads(row["jobs"]))

        return await self._db.read(work)

    def beside(self, user_id: str, key: str, digest: str, now_ms: int) -> Beside:
        """What the commit that accepts an order's jobs stores too: which they are, for a day."""

        def work(connection: sqlite3.Connection, new: Sequence[NewJob]) -> None:
            jobs = orjson.dumps([each.job.id for each in new]).decode()
            connection.execute(
                "DELETE FROM drawing_orders WHERE created_at < ?", (now_ms - DAY_MS,)
            )
            connection.execute(
                "INSERT OR REPLACE INTO drawing_orders (user_id, key, digest, jobs, created_at)"
                " VALUES (?, ?, ?, ?, ?)",
                (user_id, key, digest, jobs, now_ms),
            )

        return work


def _json(target: Target | None) -> str | None:
    if target is None:
        return None
    kept = {"preset_id": target.preset_id, "workflow_id": target.workflow_id}
    return orjson.dumps({**kept, "fields": dict(target.fields)}).decode()


def _target(text: str | None) -> Target | None:
    return None if text is None else Target(**orjson.loads(text))
