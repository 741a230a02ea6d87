"""What jobs were made from: a workflow's version and the values it was filled with."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import orjson

from studio.models import Recipe
from studio.store.db import Database


class RecipeStore:
    """The recipes of several jobs at once."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def of(self, job_ids: Sequence[str]) -> dict[str, Recipe]:
        """The recipe of each of these jobs that has one; whose they are is not asked."""

        def work(connection: sqlite3.Connection) -> dict[str, Recipe]:
            found = ((job_id, recipe_of(connection, job_id)) for job_id in job_ids)
            return {job_id: recipe for job_id, recipe in found if recipe is not None}

        return await self._db.read(work)


def insert_recipe(connection: sqlite3.Connection, job_id: str, recipe: Recipe) -> None:
    """Note a job's recipe inside the transaction that accepts it."""
    connection.execute(
        "INSERT INTO job_recipes (job_id, workflow_id, version, preset_id, batch_id, cell, "
        '"values", answers) VALUES (?, ?, ?, ?, ?, ?, ?, ?)',
        (
            job_id,
            recipe.workflow_id,
            recipe.version,
            recipe.preset_id,
            recipe.batch_id,
            recipe.cell,
            orjson.dumps(recipe.values).decode(),
            orjson.dumps(recipe.answers).decode(),
        ),
    )


def recipe_of(connection: sqlite3.Connection, job_id: str) -> Recipe | None:
    """The recipe of a job, ``None`` when it was not made from a workflow of Studio's."""
    row = connection.execute("SELECT * FROM job_recipes WHERE job_id = ?", (job_id,)).fetchone()
    if row is None:
        return None
    return Recipe(
        workflow_id=row["workflow_id"],
        version=row["version"],
        preset_id=row["preset_id"],
        batch_id=row["batch_id"],
        cell=row["cell"],
        values=orjson.loads(row["values"]),
        answers=orjson.loads(row["answers"]),
    )
