"""What webhooks are to be told, written by the very commit that makes it true.

Who listens is kept in memory, so a job of which nobody is told costs a look into a dictionary.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import orjson

from studio.clock import new_id
from studio.models import Asset, Job, JobWebhook, NewDelivery
from studio.store.asset_rows import first_outputs
from studio.store.db import Database
from studio.webhook_events import (
    ENDS,
    OF_JOBS,
    PING,
    PROGRESS,
    body_of,
    expanded,
    job_data,
    output_data,
)
from studio.webhook_signing import new_secret

MARK: Final = "webhook"
"""In ``Job.extra``: this job has a webhook of its own."""
MESSAGE_PREFIX: Final = "msg_"
_STARTED: Final = "job.started"
_QUEUED: Final = "job.queued"
_OUTPUT: Final = "output.created"
_INSERT: Final = (
    "INSERT OR IGNORE INTO webhook_deliveries (id, webhook_id, key, type, lane, body, endpoint, "
    "url, secret, state, created_at, next_at) "
    "SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, "
    "CASE WHEN paused_at IS NULL THEN ? END FROM webhooks "
    "WHERE id = ? AND disabled_at IS NULL"
)


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told of some types of events; ``url`` where it is a job's own webhook."""

    webhook_id: str
    events: frozenset[str]
    url: str | None = None
    secret: str | None = None


class Outbox:
    """Writes what is to be told, and knows who wants to hear it."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._own: dict[str, list[Listener]] = {}
        self._system: list[Listener] = []
        self._of_jobs: dict[str, str] = {}
        """The webhook that stands for those of single jobs, by user."""
        self._on_stored: Callable[[], None] | None = None
        self._on_start: Callable[[Job], None] | None = None
        self.base: str | None = None
        """How people reach Studio from outside."""

    async def open(
        self, *, base: str | None, stored: Callable[[], None], start: Callable[[Job], None]
    ) -> None:
        """Find out who listens.

        Args:
            base: for absolute addresses, ``None`` when nobody said it.
            stored: called after a commit that may have written something.
            start: called once a job runs of whose progress somebody wants to hear.
        """
        self.base, self._on_stored, self._on_start = base, stored, start
        await self.load()

    async def load(self) -> None:
        """Read anew who listens."""

        def work(connection: sqlite3.Connection) -> list[sqlite3.Row]:
            return connection.execute(
                "SELECT id, user_id, kind, events FROM webhooks WHERE disabled_at IS NULL"
            ).fetchall()

        own: dict[str, list[Listener]] = {}
        system, of_jobs = [], {}
        for row in await self._db.read(work):
            listener = Listener(row["id"], expanded(orjson.loads(row["events"])))
            if row["kind"] == "jobs":
                of_jobs[row["user_id"]] = row["id"]
            elif row["kind"] == "system":
                system.append(listener)
            else:
                own.setdefault(row["user_id"], []).append(listener)
        self._own, self._system, self._of_jobs = own, system, of_jobs

    def wake(self) -> None:
        """Something may have been written."""
        if self._on_stored is not None:
            self._on_stored()

    def concerns(self, job: Job) -> bool:
        """Whether anybody may be told of that job."""
        return bool(self._system or job.user_id in self._own or job.extra.get(MARK))

    # -- jobs ------------------------------------------------------------------------------------

    async def of_jobs(self, user_id: str, now_ms: int) -> str:
        """The webhook that stands for those of a user's single jobs, with its secret; made once."""
        known = self._of_jobs.get(user_id)
        if known is not None:
            return known

        def work(connection: sqlite3.Connection) -> str:
            connection.execute(
                "INSERT OR IGNORE INTO webhooks (id, user_id, kind, name, url, events, secret, "
                "created_at, updated_at) VALUES (?, ?, 'jobs', '', '', '[]', ?, ?, ?)",
                (new_id(), user_id, new_secret(), now_ms, now_ms),
            )
            row = connection.execute(
                "SELECT id FROM webhooks WHERE user_id = ? AND kind = 'jobs'", (user_id,)
            ).fetchone()
            return str(row["id"])

        self._of_jobs[user_id] = found = await self._db.write(work, short=True)
        return found

    async def webhook_of(self, job: Job, user_id: str) -> JobWebhook | None:
        """The webhook that a job named itself, for another run of it by the same user."""
        if job.user_id != user_id or not job.extra.get(MARK):
            return None
        found = await self._db.read(lambda connection: _own_of(connection, job.id))
        own = next(iter(found), None)
        if own is None or own.url is None:
            return None
        return JobWebhook(own.url, tuple(sorted(own.events)), own.secret)

    def queued(self, job: Job, webhook: JobWebhook | None) -> list[NewDelivery]:
        """What is told of a job that is about to be stored, with its row."""
        listeners = self._listeners(job.user_id)
        if webhook is not None and (own := self._of_jobs.get(job.user_id)) is not None:
            listeners = [
                *listeners,
                Listener(own, expanded(webhook.events, OF_JOBS), webhook.url, webhook.secret),
            ]
        return self._job_told(_QUEUED, f"{_QUEUED} {job.id}", job.created_at, job, listeners)

    def note_start(self, connection: sqlite3.Connection, job: Job) -> None:
        """Tell that a job runs, inside the commit that says so."""
        if self.concerns(job):
            insert(connection, self._started(job, self._all(connection, job)))

    def note_outputs(self, connection: sqlite3.Connection, stored: Sequence[Asset]) -> None:
        """Tell of outputs, inside the commit that stores them."""
        if stored and stored[0].job_id is not None:
            first = stored[0]
            listeners = [
                *self._listeners(first.user_id),
                *_own_of(connection, str(first.job_id)),
            ]
            insert(connection, self._outputs(stored, listeners))

    def note_end(self, connection: sqlite3.Connection, job: Job, stored: Sequence[Asset]) -> None:
        """Tell of a job's end and of its last outputs, inside the finishing commit."""
        if not self.concerns(job):
            return
        listeners = self._all(connection, job)
        told = self._started(job, listeners) if job.started_at is not None else []
        told += self._outputs(stored, listeners)
        kind = ENDS[job.status]
        if any(kind in one.events for one in listeners):
            made, total = first_outputs(connection, job.id)
            at_ms = job.completed_at or job.created_at
            told += self._job_told(kind, f"{kind} {job.id}", at_ms, job, listeners, made, total)
        insert(connection, told)

    def begin(self, job: Job) -> None:
        """That job runs, and its row says so."""
        if self.concerns(job):
            self.wake()
            if self._on_start is not None:
                self._on_start(job)

    async def hear_progress(self, job: Job) -> list[Listener]:
        """Who wants to hear how far it is."""
        found = await self._db.read(lambda connection: self._all(connection, job))
        return [one for one in found if PROGRESS in one.events]

    def _listeners(self, user_id: str | None) -> list[Listener]:
        own = self._own.get(user_id) if user_id is not None else None
        return [*own, *self._system] if own else self._system

    def _all(self, connection: sqlite3.Connection, job: Job) -> list[Listener]:
        listeners = self._listeners(job.user_id)
        return [*listeners, *_own_of(connection, job.id)] if job.extra.get(MARK) else listeners

    def _started(self, job: Job, listeners: Sequence[Listener]) -> list[NewDelivery]:
        key = f"{_STARTED} {job.id} {job.attempt}"
        at_ms = job.started_at or job.created_at
        return self._job_told(_STARTED, key, at_ms, job, listeners)

    def _job_told(
        self,
        kind: str,
        key: str,
        at_ms: int,
        job: Job,
        listeners: Sequence[Listener],
        made: Sequence[Asset] = (),
        total: int = 0,
    ) -> list[NewDelivery]:
        hearing = [one for one in listeners if kind in one.events]
        if not hearing:
            return []
        body = body_of(kind, at_ms, job_data(job, made, total, self.base))
        return [message(one, key, kind, job.id, body, at_ms) for one in hearing]

    def _outputs(self, stored: Sequence[Asset], listeners: Sequence[Listener]) -> list[NewDelivery]:
        told: list[NewDelivery] = []
        hearing = [one for one in listeners if _OUTPUT in one.events]
        for asset in stored if hearing else ():
            body = body_of(_OUTPUT, asset.created_at, output_data(asset, self.base))
            key, lane = f"{_OUTPUT} {asset.id}", asset.job_id or asset.id
            told += [message(one, key, _OUTPUT, lane, body, asset.created_at) for one in hearing]
        return told

    # -- everything else -------------------------------------------------------------------------

    @property
    def of_the_system(self) -> Sequence[Listener]:
        """Who may hear of what concerns nobody's jobs."""
        return self._system

    async def ping(self, webhook_id: str, at_ms: int) -> str:
        """Something to send to try a webhook; returns the delivery's id.

        Raises:
            DiskFull, StorageUnavailable.
        """
        listener = Listener(webhook_id, frozenset())
        body = body_of(PING, at_ms, {"webhook_id": webhook_id})
        told = message(listener, f"{PING} {new_id()}", PING, new_id(), body, at_ms)
        await self._db.write(lambda connection: insert(connection, [told]), short=True)
        return told.id


def message(
    listener: Listener, key: str, kind: str, lane: str, body: str, at_ms: int
) -> NewDelivery:
    """One message for one listener, under an id that no retry changes."""
    return NewDelivery(
        id=MESSAGE_PREFIX + new_id().replace("-", ""),
        webhook_id=listener.webhook_id,
        key=key if listener.url is None else f"{key} of the job",
        type=kind,
        lane=lane_of(listener, lane),
        body=body,
        created_at=at_ms,
        url=listener.url,
        secret=listener.secret,
    )


def lane_of(listener: Listener, about: str) -> str:
    """What is told to one listener about one thing goes in its order."""
    return f"{listener.webhook_id} {about}"


def endpoint_of(webhook_id: str, url: str | None) -> str:
    """Whom a delivery goes to, for limits: a webhook, or a host of those of single jobs."""
    if url is None:
        return webhook_id
    parts = urlsplit(url)
    return f"{webhook_id} {parts.scheme}://{parts.netloc}"


def insert(connection: sqlite3.Connection, told: Sequence[NewDelivery]) -> None:
    """Store messages inside the caller's transaction: each once, none for who is gone or off."""
    if told:
        connection.executemany(
            _INSERT,
            [
                (
                    one.id,
                    one.key,
                    one.type,
                    one.lane,
                    one.body,
                    endpoint_of(one.webhook_id, one.url),
                    one.url,
                    one.secret,
                    one.created_at,
                    one.created_at,
                    one.webhook_id,
                )
                for one in told
            ],
        )


def add_job_webhook(connection: sqlite3.Connection, job: Job, webhook: JobWebhook) -> None:
    """Store a job's own webhook inside the commit that accepts the job."""
    connection.execute(
        "INSERT INTO job_webhooks (job_id, webhook_id, url, events, secret) "
        "SELECT ?, id, ?, ?, ? FROM webhooks WHERE user_id = ? AND kind = 'jobs'",
        (
            job.id,
            webhook.url,
            orjson.dumps(webhook.events).decode(),
            webhook.secret,
            job.user_id,
        ),
    )


def _own_of(connection: sqlite3.Connection, job_id: str) -> list[Listener]:
    row = connection.execute(
        "SELECT webhook_id, url, events, secret FROM job_webhooks WHERE job_id = ?", (job_id,)
    ).fetchone()
    if row is None:
        return []
    events = expanded(orjson.loads(row["events"]), OF_JOBS)
    return [Listener(row["webhook_id"], events, row["url"], row["secret"])]
