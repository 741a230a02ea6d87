"""Accepting a job: judged, its files found, its row committed, its place in the queue taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

from studio.clock import Clock, new_id
from studio.errors import (
    Forbidden,
    InvalidRequest,
    InvalidWorkflow,
    NotFound,
    QueueFull,
    Unprocessable,
)
from studio.graphs.facts import describe
from studio.graphs.files import FileReference, file_references
from studio.graphs.graph import Graph, parse
from studio.graphs.prefixes import check_prefixes
from studio.graphs.validation import validate
from studio.models import Asset, Identity, Job, JobStatus, Recipe, Role
from studio.services.assets import AssetService
from studio.services.engine import Engine
from studio.services.engines import EngineService
from studio.services.queue import JobQueue, LiveJob
from studio.services.staging import input_records
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
    workflow_id: str = ""
    idempotency_key: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    origin: str = "api"
    retry_of: str | None = None
    only_engine: str | None = None
    recipe: Recipe | None = None
    inputs: Mapping[tuple[str, tuple[str | int, ...]], str] = field(default_factory=dict)
    """Asset ids for file values of the graph that must not be looked up by name again."""


class SubmissionService:
    """Turns submissions into durable jobs.

    Args:
        wake: asks the dispatcher to look at the queue.
        reserve: an engine's free place for a job nobody waits before, or ``None``.
        start: sends a job to the engine whose place it got.
        max_depth: unfinished jobs in all; ``max_depth_member`` of one member or guest.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        jobs: JobStore,
        assets: AssetService,
        secrets: SecretStore,
        engines: EngineService,
        clock: Clock,
        wake: Callable[[], None],
        reserve: Callable[[Job], Engine | None],
        start: Callable[[Engine, LiveJob], None],
        max_depth: int,
        max_depth_member: int,
    ) -> None:
        self._queue = queue
        self._jobs = jobs
        self._assets = assets
        self._secrets = secrets
        self._engines = engines
        self._clock = clock
        self._wake = wake
        self._reserve = reserve
        self._start = start
        self._max_depth = max_depth
        self._max_depth_member = max_depth_member
        # Submits at once must not all see the last free place.
        self._entering: Counter[str] = Counter()

    async def submit(self, identity: Identity, submission: Submission) -> LiveJob:
        """Accept a job: once this returns it is durable and will end with outputs or a reason.

        Raises:
            InvalidWorkflow, WorkflowFormatUi, MissingAsset: the graph cannot run as it is.
            IdempotencyKeyReuse, QueueFull, Forbidden, InvalidRequest, DiskFull.
        """
        self._check_depth(identity)
        self._entering[identity.user_id] += 1
        try:
            return await self._accept(identity, submission)
        finally:
            self._entering[identity.user_id] -= 1

    async def _accept(self, identity: Identity, submission: Submission) -> LiveJob:
        check_priority(identity, submission.priority)
        if submission.deadline_at is not None and submission.deadline_at <= self._clock.now_ms():
            raise Unprocessable("deadline_at has passed already.")
        graph = parse(submission.workflow)
        info = await self._judge(graph)
        check_prefixes(graph)
        for field_name, secret in submission.secrets.items():
            try:
                await self._secrets.reveal(identity.user_id, secret)
            except NotFound:
                # Whoever took the value for the name must not find it in an answer.
                raise NotFound(f"secrets.{field_name} names no secret of yours.") from None
        references = _pinned(file_references(graph, info), submission.inputs)
        inputs = await self._assets.resolve(identity, references) if references else {}
        facts = describe(graph, info)
        extra: dict[str, Any] = {}
        if info is None:
            extra["unchecked"] = True
        if inputs:
            extra["inputs"] = input_records(inputs)
        if submission.credentials:
            extra["credentials"] = sorted(submission.credentials)
        if submission.secrets:
            extra["secrets"] = dict(submission.secrets)
        if submission.only_engine is not None:
            extra["only_engine"] = submission.only_engine
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
            workflow_id=submission.workflow_id[:_TITLE_LENGTH],
            origin=submission.origin,
            metadata=dict(submission.metadata),
            extra=extra,
            retry_of=submission.retry_of,
        )
        engine = None
        if submission.only_engine is None and not extra.get("unchecked"):
            engine = self._reserve(job)
        if engine is not None:
            job = replace(
                job,
                engine=engine.name,
                engine_boot=engine.boot,
                prompt_id=new_id(),
                attempt=1,
            )
        try:
            await self._store(job, graph, facts.prompt_text, inputs.values(), submission)
        except BaseException:
            if engine is not None:
                engine.occupied -= 1
                self._wake()
            raise
        if engine is not None:
            engine.occupied -= 1
        live = LiveJob(job, graph=graph, credentials=dict(submission.credentials))
        if submission.only_engine is not None:
            live.excluded = set(self._engines.engines) - {submission.only_engine}
        self._queue.add(live, waiting=engine is None)
        if engine is not None:
            live.marked = True
            self._start(engine, live)
        else:
            self._wake()
        return live

    async def _store(
        self,
        job: Job,
        graph: Graph,
        prompt_text: str,
        inputs: Iterable[Asset],
        submission: Submission,
    ) -> None:
        await self._jobs.insert(
            job,
            graph=orjson.dumps(graph),
            prompt_text=prompt_text,
            input_ids={asset.id for asset in inputs},
            idempotency_key=submission.idempotency_key,
            recipe=submission.recipe,
        )

    def info_for(self, job: Job) -> dict[str, Any] | None:
        """The ``object_info`` of an engine that can run the job, ``None`` when there is none."""
        engines = self._engines.engines.values()
        return next((engine.info for engine in engines if engine.can_run(job)), None)

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
        if self._queue.depth + self._entering.total() >= self._max_depth:
            raise QueueFull(
                f"The queue is full ({self._max_depth} jobs). Try again soon.", retry_after_s=5
            )
        own = self._queue.depth_of(identity.user_id) + self._entering[identity.user_id]
        if identity.role is not Role.OWNER and own >= self._max_depth_member:
            raise QueueFull(
                f"You have {own} unfinished jobs, which is your limit. Try again soon.",
                retry_after_s=5,
            )


def check_priority(identity: Identity, priority: int) -> None:
    """Refuse a priority that is out of bounds or above what the caller may ask for.

    Raises:
        InvalidRequest, Forbidden.
    """
    if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidRequest(f"priority lies between -{MAX_PRIORITY} and {MAX_PRIORITY}.")
    if priority > 0 and identity.role is not Role.OWNER:
        raise Forbidden("Only the owner may raise a job above normal priority.")


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
