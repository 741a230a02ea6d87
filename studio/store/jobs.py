"""Jobs: the rows that make a job durable, from the accepting commit to the finishing one."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final

import orjson

from studio.errors import NotFound
from studio.models import Asset, Job, NewJob, Recipe
from studio.store.assets import AssetStore
from studio.store.blobs import StagedBlob
from studio.store.db import Database
from studio.store.job_inputs import hold_inputs
from studio.store.job_keys import claim_key
from studio.store.job_recipes import insert_recipe, recipe_of
from studio.store.job_rows import COLUMNS, error_text, job_from, values_of
from studio.store.job_stats import REPEAT
from studio.store.outbox import Outbox, add_job_webhook
from studio.store.outbox import insert as insert_told
from studio.store.quotas import charge_job

LET_GO: Final = "let_go"
"""In ``Job.extra``: the life of the engine in which a Studio left it that was asked to end."""
_FEW: Final = 16
_INSERT: Final = (
    f"INSERT INTO jobs ({COLUMNS}, prompt_text, graph) VALUES ("
    + ", ".join("?" * (len(COLUMNS.split(",")) + 2))
    + ")"
)


class JobStore:
    """Rows of jobs, their graphs, inputs and idempotency keys."""

    def __init__(self, db: Database, assets: AssetStore) -> None:
        self._db = db
        self._assets = assets
        self.outbox = Outbox(db)

    async def insert(
        self, new: NewJob, idempotency_key: str | None = None, *, at_once: bool = False
    ) -> None:
        """Make a job durable: once this returns it will be finished.

        Args:
            at_once: whether it waits for no others to share its commit with.

        Raises:
            IdempotencyKeyReuse: the key was used in the last 24 hours; nothing is stored.
            MissingAsset: an input was deleted since it was looked up; nothing is stored.
        """
        await self._db.write(
            lambda connection: insert_jobs(connection, [new], idempotency_key),
            short=True,
            at_once=at_once,
        )
        self.accepted([new])

    def accepted(self, new: Sequence[NewJob]) -> None:
        """They are durable, by whichever commit: what is to be told of them can be."""
        if any(each.told for each in new):
            self.outbox.wake()

    async def update(self, job: Job, *, durable: bool = True) -> None:
        """Store the changeable fields of a live job.

        Args:
            durable: whether the change matters after a power cut; see ``Database.write``.
        """
        await self._db.write(
            lambda connection: update_row(connection, job),
            durable=durable,
            short=True,
            at_once=not durable,
        )

    async def update_start(self, job: Job, *, durable: bool) -> None:
        """Store that a job runs, unless it has ended meanwhile."""

        def work(connection: sqlite3.Connection) -> bool:
            stored = connection.execute(
                "UPDATE jobs SET status = ?, started_at = ?, executing = ? "
                "WHERE id = ? AND completed_at IS NULL AND prompt_id = ?",
                (job.status.value, job.started_at, int(job.executing), job.id, job.prompt_id),
            )
            if stored.rowcount:
                self.outbox.note_start(connection, job)
            return bool(stored.rowcount)

        if await self._db.write(work, durable=durable, short=True):
            self.outbox.begin(job)

    async def let_go(self) -> None:
        """Studio ends as it was asked to: an engine that ends with it dies of none of its jobs."""
        await self._db.write(
            lambda connection: connection.execute(
                "UPDATE jobs SET extra = json_set(extra, '$.' || ?, engine_boot) "
                "WHERE completed_at IS NULL AND executing",
                (LET_GO,),
            )
        )

    async def finish(
        self,
        job: Job,
        *,
        expires_at: int,
        duration_ms: int | None,
        outputs: Sequence[tuple[Asset, StagedBlob]],
        patient: bool = False,
    ) -> list[Asset]:
        """The one commit that ends a job: its status and its outputs together.

        Args:
            outputs: those that are not stored yet, with their bytes.
            patient: whether it may wait a moment to share its commit; see ``Database.write``.

        Returns:
            The stored outputs, once each however often this is called.
        """

        def work(connection: sqlite3.Connection) -> list[Asset]:
            stored = [
                self._assets.add_output(connection, asset, staged) for asset, staged in outputs
            ]
            if duration_ms and job.completed_at is not None:
                charge_job(connection, job.id, job.completed_at, duration_ms)
            connection.execute(
                "UPDATE jobs SET status = ?, started_at = ?, completed_at = ?, expires_at = ?, "
                "duration_ms = ?, engine = ?, attempt = ?, deaths = ?, executing = 0, "
                "cancel_requested_at = ?, error = ?, extra = coalesce(?, extra) WHERE id = ?",
                (
                    job.status.value,
                    job.started_at,
                    job.completed_at,
                    expires_at,
                    duration_ms,
                    job.engine,
                    job.attempt,
                    job.deaths,
                    job.cancel_requested_at,
                    error_text(job.error),
                    orjson.dumps(job.extra).decode() if job.extra.get(REPEAT) else None,
                    job.id,
                ),
            )
            self.outbox.note_end(connection, job, stored)
            return stored

        stored = await self._db.write(
            work, short=_are_few(outputs), patient=patient, at_once=not patient
        )
        if self.outbox.concerns(job):
            self.outbox.wake()
        await self._assets.settle(outputs, stored)
        return stored

    async def add_inputs(self, job: Job, asset_ids: Sequence[str]) -> None:
        """Store files that were found to be a job's inputs only when it was sent.

        Raises:
            MissingAsset: one was deleted since it was looked up; nothing is stored.
        """

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(
                "UPDATE jobs SET extra = ? WHERE id = ?",
                (orjson.dumps(job.extra).decode(), job.id),
            )
            hold_inputs(connection, job, asset_ids, None)

        await self._db.write(work)

    async def add_outputs(self, outputs: Sequence[tuple[Asset, StagedBlob]]) -> list[Asset]:
        """Store outputs of a job that still runs."""

        def work(connection: sqlite3.Connection) -> list[Asset]:
            stored = [
                self._assets.add_output(connection, asset, staged) for asset, staged in outputs
            ]
            self.outbox.note_outputs(connection, stored)
            return stored

        stored = await self._db.write(work, short=_are_few(outputs))
        self.outbox.wake()
        await self._assets.settle(outputs, stored)
        return stored

    async def get(self, job_id: str, user_id: str | None) -> Job:
        """One job the user may see (``None`` sees all).

        Raises:
            NotFound: unknown, or another user's.
        """

        def work(connection: sqlite3.Connection) -> Job:
            row = connection.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE id = ? AND (? IS NULL OR user_id = ?)",
                (job_id, user_id, user_id),
            ).fetchone()
            if row is None:
                raise NotFound("There is no such job.")
            return job_from(row)

        return await self._db.read(work)

    async def graph(self, job_id: str) -> bytes:
        """The graph as it was submitted, JSON bytes."""

        def work(connection: sqlite3.Connection) -> bytes:
            row = connection.execute("SELECT graph FROM jobs WHERE id = ?", (job_id,)).fetchone()
            if row is None:
                raise NotFound("There is no such job.")
            return bytes(row["graph"])

        return await self._db.read(work)

    async def recipe(self, job_id: str) -> Recipe | None:
        """What a job was made from, ``None`` when that was no workflow of Studio's."""
        return await self._db.read(lambda connection: recipe_of(connection, job_id))

    async def expiry(self, job_id: str) -> int | None:
        """When a finished job will be purged, milliseconds since the epoch."""

        def work(connection: sqlite3.Connection) -> int | None:
            row = connection.execute(
                "SELECT expires_at FROM jobs WHERE id = ?", (job_id,)
            ).fetchone()
            return None if row is None else row["expires_at"]

        return await self._db.read(work)

    async def unfinished(self) -> list[Job]:
        """Every job that has not ended, in queue order."""

        def work(connection: sqlite3.Connection) -> list[Job]:
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM jobs WHERE completed_at IS NULL "
                "ORDER BY priority DESC, rank"
            )
            return [job_from(row) for row in rows]

        return await self._db.read(work)

    async def input_ids(self, job_id: str) -> list[str]:
        """Ids of the assets a job reads."""

        def work(connection: sqlite3.Connection) -> list[str]:
            rows = connection.execute("SELECT asset_id FROM job_inputs WHERE job_id = ?", (job_id,))
            return [row["asset_id"] for row in rows]

        return await self._db.read(work)


def insert_jobs(
    connection: sqlite3.Connection, new: Sequence[NewJob], idempotency_key: str | None
) -> None:
    """Store jobs of one user inside the caller's transaction: all of them, or it raises.

    Raises:
        IdempotencyKeyReuse, MissingAsset: see ``JobStore.insert``.
    """
    if idempotency_key is not None:
        first = new[0].job
        claim_key(connection, first.user_id, f"job:{idempotency_key}", first.created_at)
    for each in new:
        _insert(connection, each)


def _insert(connection: sqlite3.Connection, new: NewJob) -> None:
    job = new.job
    cursor = connection.execute(_INSERT, (*values_of(job), new.prompt_text, new.graph))
    seq = cursor.lastrowid
    if new.prompt_text:
        connection.execute(
            "INSERT INTO jobs_fts (rowid, prompt_text) VALUES (?, ?)", (seq, new.prompt_text)
        )
    if job.models:
        connection.executemany(
            "INSERT OR IGNORE INTO job_models (model, job_seq) VALUES (?, ?)",
            [(file, seq) for file in job.model_names],
        )
    hold_inputs(connection, job, new.input_ids, job.created_at)
    if new.recipe is not None:
        insert_recipe(connection, job.id, new.recipe)
    if new.webhook is not None:
        add_job_webhook(connection, job, new.webhook)
    insert_told(connection, new.told)


def _are_few(outputs: Sequence[tuple[Asset, StagedBlob]]) -> bool:
    """Whether storing them is a matter of a few rows, without any file to be moved."""
    return len(outputs) <= _FEW and all(staged.placed for _, staged in outputs)


def update_row(connection: sqlite3.Connection, job: Job) -> None:
    """Write the changeable fields of a job inside the caller's transaction."""
    connection.execute(
        "UPDATE jobs SET status = ?, started_at = ?, completed_at = ?, priority = ?, rank = ?, "
        "engine = ?, engine_boot = ?, prompt_id = ?, attempt = ?, deaths = ?, executing = ?, "
        "cancel_requested_at = ?, error = ?, paid = ? WHERE id = ?",
        (
            job.status.value,
            job.started_at,
            job.completed_at,
            job.priority,
            job.rank,
            job.engine,
            job.engine_boot,
            job.prompt_id,
            job.attempt,
            job.deaths,
            int(job.executing),
            job.cancel_requested_at,
            error_text(job.error),
            int(job.paid),
            job.id,
        ),
    )
