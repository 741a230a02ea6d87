"""What people and programs do with jobs: submit, look, cancel, move, retry."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from studio.clock import Clock, new_id
from studio.errors import (
    Conflict,
    Forbidden,
    InvalidRequest,
    InvalidWorkflow,
    NotFound,
    QueueFull,
    StudioError,
)
from studio.graphs.facts import describe
from studio.graphs.files import FileReference, file_references
from studio.graphs.graph import Graph, parse
from studio.graphs.prefixes import check_prefixes
from studio.graphs.seeds import with_new_seeds
from studio.graphs.validation import validate
from studio.models import Asset, Identity, Job, JobStatus, Role
from studio.services.assets import AssetService
from studio.services.engines import EngineService
from studio.services.finisher import Finisher
from studio.services.follower import Follower
from studio.services.queue import JobQueue, LiveJob
from studio.services.staging import staged_name
from studio.settings import DAY_MS
from studio.store.assets import AssetStore
from studio.store.jobs import JobStore
from studio.store.secrets import SecretStore

MAX_PRIORITY: Final = 100
CREDENTIAL_NAMES: Final = frozenset({"api_key_comfy_org"})
_TITLE_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Submission:
    """What a caller asks for.

    ``credentials`` live in memory only; ``secrets`` names stored ones to use instead.
    ``deadline_at`` is milliseconds since the epoch.
    """

    workflow: object
    priority: int = 0
    deadline_at: int | None = None
    title: str = ""
    idempotency_key: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    origin: str = "api"
    retry_of: str | None = None
    only_engine: str | None = None
    inputs: Mapping[tuple[str, tuple[str | int, ...]], str] = field(default_factory=dict)
    """Asset ids for file values of the graph that must not be looked up by name again."""


@dataclass(frozen=True, slots=True)
class JobView:
    """A job as somebody sees it now: the live picture, or the row and its outputs."""

    job: Job
    outputs: tuple[Asset, ...]
    expires_at: int
    queue_position: int | None = None
    live: LiveJob | None = None


class JobService:
    """Jobs of one caller, filtered by user everywhere.

    Args:
        wake: asks the dispatcher to look at the queue.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        jobs: JobStore,
        assets: AssetService,
        outputs: AssetStore,
        secrets: SecretStore,
        engines: EngineService,
        finisher: Finisher,
        follower: Follower,
        clock: Clock,
        wake: Callable[[], None],
        retention_days: int,
        max_depth: int,
        max_depth_member: int,
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._assets = assets
        self._outputs = outputs
        self._secrets = secrets
        self._engines = engines
        self._finisher = finisher
        self._follower = follower
        self._clock = clock
        self._wake = wake
        self._retention_ms = retention_days * DAY_MS
        self._max_depth = max_depth
        self._max_depth_member = max_depth_member

    # -- submit ----------------------------------------------------------------------------------

    async def submit(self, identity: Identity, submission: Submission) -> JobView:
        """Accept a job: once this returns it is durable and will end with outputs or a reason.

        Raises:
            InvalidWorkflow, WorkflowFormatUi, MissingAsset: the graph cannot run as it is.
            IdempotencyKeyReuse, QueueFull, Forbidden, InvalidRequest, DiskFull.
        """
        self._check_depth(identity)
        self._check_priority(identity, submission.priority)
        graph = parse(submission.workflow)
        info = await self._judge(graph)
        check_prefixes(graph)
        for secret in submission.secrets.values():
            await self._secrets.reveal(identity.user_id, secret)
        references = _pinned(file_references(graph, info), submission.inputs)
        inputs = await self._assets.resolve(identity, references) if references else {}
        facts = describe(graph, info)
        extra: dict[str, Any] = {}
        if info is None:
            extra["unchecked"] = True
        if inputs:
            extra["inputs"] = [
                [reference.node_id, list(reference.path), asset.id, staged_name(asset)]
                for reference, asset in inputs.items()
            ]
        if submission.credentials:
            extra["credentials"] = sorted(submission.credentials)
        if submission.secrets:
            extra["secrets"] = dict(submission.secrets)
        job = Job(
            id=new_id(),
            user_id=identity.user_id,
            status=JobStatus.QUEUED,
            created_at=self._clock.now_ms(),
            rank=self._queue.next_rank(),
            priority=submission.priority,
            graph_key=facts.graph_key,
            affinity_key=facts.affinity_key,
            classes=facts.classes,
            models=facts.models,
            paid=facts.paid,
            deadline_at=submission.deadline_at,
            title=submission.title[:_TITLE_LENGTH],
            origin=submission.origin,
            metadata=dict(submission.metadata),
            extra=extra,
            retry_of=submission.retry_of,
        )
        await self._jobs.insert(
            job,
            graph=orjson.dumps(graph),
            prompt_text=facts.prompt_text,
            input_ids={asset.id for asset in inputs.values()},
            idempotency_key=submission.idempotency_key,
        )
        live = LiveJob(job, graph=graph, credentials=dict(submission.credentials))
        if submission.only_engine is not None:
            live.excluded = set(self._engines.engines) - {submission.only_engine}
        self._queue.add(live, waiting=True)
        self._wake()
        return self._view(live)

    async def _judge(self, graph: Graph) -> dict[str, Any] | None:
        """The ``object_info`` of an engine that can run the graph; ``None`` if none is known yet.

        Files and nodes come and go, so a refusal is checked against a fresh list before it stands.
        """
        for attempt in range(2):
            infos = self._engines.infos()
            refusal: InvalidWorkflow | None = None
            for info in infos:
                try:
                    validate(graph, info)
                except InvalidWorkflow as error:
                    refusal = refusal or error
                else:
                    return info
            if refusal is None:
                return None
            if attempt or not await self._engines.refresh():
                raise refusal
        raise AssertionError("unreachable")

    def _check_depth(self, identity: Identity) -> None:
        if self._queue.depth >= self._max_depth:
            raise QueueFull(
                f"The queue is full ({self._max_depth} jobs). Try again soon.", retry_after_s=5
            )
        own = self._queue.depth_of(identity.user_id)
        if identity.role is not Role.OWNER and own >= self._max_depth_member:
            raise QueueFull(
                f"You have {own} unfinished jobs, which is your limit. Try again soon.",
                retry_after_s=5,
            )

    @staticmethod
    def _check_priority(identity: Identity, priority: int) -> None:
        if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
            raise InvalidRequest(f"priority lies between -{MAX_PRIORITY} and {MAX_PRIORITY}.")
        if priority > 0 and identity.role is not Role.OWNER:
            raise Forbidden("Only the owner may raise a job above normal priority.")

    # -- look ------------------------------------------------------------------------------------

    async def get(self, identity: Identity, job_id: str) -> JobView:
        """One job.

        Raises:
            NotFound: unknown, purged, or another user's.
        """
        user_id = None if identity.sees_all else identity.user_id
        live = self._queue.live.get(job_id)
        if live is not None:
            if user_id is not None and live.job.user_id != user_id:
                raise NotFound("There is no such job.")
            return self._view(live)
        ended = self._queue.finished.get(job_id)
        if ended is not None and (user_id is None or ended.job.user_id == user_id):
            return JobView(ended.job, ended.outputs, ended.expires_at)
        job = await self._jobs.get(job_id, user_id)
        outputs = await self._outputs.outputs(job_id)
        expires_at = await self._jobs.expiry(job_id)
        return JobView(job, tuple(outputs), expires_at or self._live_expiry())

    def _view(self, live: LiveJob) -> JobView:
        return JobView(
            live.job,
            tuple(live.outputs),
            self._live_expiry(),
            self._queue.position(live),
            live,
        )

    def _live_expiry(self) -> int:
        return self._clock.now_ms() + self._retention_ms

    async def graph(self, identity: Identity, job_id: str) -> Graph:
        """The graph as the user submitted it."""
        await self.get(identity, job_id)
        return parse(orjson.loads(await self._jobs.graph(job_id)))

    # -- change ----------------------------------------------------------------------------------

    async def cancel(self, identity: Identity, job_id: str) -> JobView:
        """Ask for a job's end; a finished one stays as it is."""
        view = await self.get(identity, job_id)
        live = view.live
        if live is None or live.job.cancel_requested_at is not None or live.closing:
            return view
        now_ms = self._clock.now_ms()
        if live.waiting:
            self._queue.claim(live)
            live.update(cancel_requested_at=now_ms)
            try:
                await self._finisher.cancel(live, patient=False)
            except StudioError:
                live.update(cancel_requested_at=None)
                self._queue.wait(live)
                raise
            self._wake()
            return await self.get(identity, job_id)
        before = live.job.status
        live.update(cancel_requested_at=now_ms, status=JobStatus.CANCELING)
        try:
            await self._jobs.update(live.job)
        except StudioError:
            live.update(cancel_requested_at=None, status=before)
            raise
        live.announce()
        self._follower.cancel(live)
        return await self.get(identity, job_id)

    async def move(
        self, identity: Identity, job_id: str, *, before: str | None, priority: int | None
    ) -> JobView:
        """Give a waiting job another place: before another job, or at the end (``before`` "").

        Raises:
            Conflict: the job, or the one it should precede, no longer waits.
        """
        live = self._waiting(await self.get(identity, job_id))
        if priority is not None:
            self._check_priority(identity, priority)
        rank = live.job.rank
        target_priority = live.job.priority if priority is None else priority
        if before:
            other = self._waiting(await self.get(identity, before))
            target_priority = other.job.priority
            self._check_priority(identity, target_priority)
            rank = self._rank_before(other, live)
        elif before == "":
            rank = self._queue.next_rank()
        self._queue.move(live, rank=rank, priority=target_priority)
        await self._finisher.persist(live)
        self._wake()
        return self._view(live)

    def _rank_before(self, other: LiveJob, moved: LiveJob) -> float:
        ranks = [
            live.job.rank
            for live in self._queue.in_order()
            if live is not moved
            and live.job.priority == other.job.priority
            and live.job.rank < other.job.rank
        ]
        return (ranks[-1] + other.job.rank) / 2 if ranks else other.job.rank - 1.0

    @staticmethod
    def _waiting(view: JobView) -> LiveJob:
        if view.live is None or not view.live.waiting:
            raise Conflict("Only a job that still waits can be moved.")
        return view.live

    async def retry(self, identity: Identity, job_id: str, *, new_seed: bool) -> JobView:
        """Submit the same graph again, with the same or with new seeds."""
        view = await self.get(identity, job_id)
        if not view.job.status.is_terminal:
            raise Conflict("This job has not ended yet.")
        graph = await self.graph(identity, job_id)
        if new_seed:
            graph = with_new_seeds(graph, random.SystemRandom())
        return await self.submit(
            identity,
            Submission(
                workflow=graph,
                title=view.job.title,
                metadata=view.job.metadata,
                secrets=view.job.extra.get("secrets", {}),
                retry_of=job_id,
                inputs={
                    (node_id, tuple(path)): asset_id
                    for node_id, path, asset_id, _ in view.job.extra.get("inputs", ())
                },
            ),
        )

    async def cancel_many(self, identity: Identity, job_ids: list[str] | None) -> list[JobView]:
        """Cancel these jobs, or (``None``) all of the caller's own that have not started."""
        if job_ids is None:
            job_ids = [
                live.job.id
                for live in self._queue.live.values()
                if live.job.user_id == identity.user_id and live.job.started_at is None
            ]
        return [await self.cancel(identity, job_id) for job_id in job_ids]


def _pinned(
    references: list[FileReference], inputs: Mapping[tuple[str, tuple[str | int, ...]], str]
) -> list[FileReference]:
    """A retry reads the bytes that the first run read, whatever was uploaded since."""
    if not inputs:
        return references
    return [
        replace(reference, asset_id=inputs[reference.key], name=None)
        if reference.key in inputs
        else reference
        for reference in references
    ]
