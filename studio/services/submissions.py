"""Accepting a job: judged, its files found, its row committed, its place in the queue taken."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from studio.clock import Clock, new_id
from studio.errors import (
    Forbidden,
    InvalidRequest,
    InvalidWorkflow,
    NotFound,
    StudioError,
    Unprocessable,
)
from studio.graphs.facts import describe
from studio.graphs.files import replace_references
from studio.graphs.graph import Graph, parse
from studio.graphs.prefixes import check_prefixes
from studio.graphs.validation import validate
from studio.models import Identity, Job, JobStatus, JobWebhook, NewJob, Recipe, Role
from studio.services.download_credentials import KEY as DOWNLOAD_CREDENTIALS
from studio.services.download_credentials import Credential, credential_records
from studio.services.engines import EngineService
from studio.services.entrance import Entrance
from studio.services.fetches import KEY as FETCHES
from studio.services.fetches import cached_names, fetch_records
from studio.services.intake import Intake
from studio.services.media_inputs import KEY as MEDIA
from studio.services.media_inputs import media_records
from studio.services.on_demand import OnDemand
from studio.services.queue import JobQueue, LiveJob
from studio.services.quotas import QuotaService
from studio.services.staging import input_records
from studio.store.job_stats import SIZES
from studio.store.jobs import JobStore
from studio.store.outbox import MARK as WEBHOOK
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
    download_credentials: Sequence[Credential] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    origin: str = "api"
    retry_of: str | None = None
    only_engine: str | None = None
    recipe: Recipe | None = None
    inputs: Mapping[tuple[str, tuple[str | int, ...]], str] = field(default_factory=dict)
    """Asset ids for file values of the graph that must not be looked up by name again."""
    webhook: JobWebhook | None = None
    keeps_webhook: bool = False
    """It is that of an earlier run: what does not allow it by now ends deliveries, not the job."""


class SubmissionService:
    """Turns submissions into durable jobs.

    Args:
        wake: asks the dispatcher to look at the queue.
        max_depth: unfinished jobs in all; what one person may have say the quotas.
    """

    def __init__(
        self,
        *,
        queue: JobQueue,
        jobs: JobStore,
        secrets: SecretStore,
        engines: EngineService,
        clock: Clock,
        wake: Callable[[], None],
        intake: Intake,
        on_demand: OnDemand,
        max_depth: int,
        quotas: QuotaService,
    ) -> None:
        self._on_demand = on_demand
        self._queue = queue
        self._jobs = jobs
        self._secrets = secrets
        self._engines = engines
        self._clock = clock
        self._wake = wake
        self._intake = intake
        self._quotas = quotas
        self._entrance = Entrance(queue, quotas, max_depth)

    async def submit(self, identity: Identity, submission: Submission) -> LiveJob:
        """Accept a job: once this returns it is durable and will end with outputs or a reason.

        Raises:
            InvalidWorkflow, WorkflowFormatUi, MissingAsset: the graph cannot run as it is.
            IdempotencyKeyReuse, QueueFull, Forbidden, InvalidRequest, DiskFull.
            QuotaExceeded, DiskQuotaExceeded: the caller may not use up more.
        """
        close = self._entrance.open(identity)
        try:
            await self._quotas.require(identity)
            new, graph = await self._judged(identity, submission)
            async with self._quotas.time_for(identity, [new.job]):
                return await asyncio.shield(self._accept(submission, new, graph, close))
        finally:
            close()

    async def submit_all(
        self,
        identity: Identity,
        submissions: Sequence[Submission],
        store: Callable[[Sequence[NewJob]], Awaitable[None]],
    ) -> list[LiveJob]:
        """Accept all of them or none.

        Args:
            store: makes the jobs durable in one commit, together with what belongs to them.

        Raises:
            What ``submit`` raises; the details name the submission by its ``index``.
        """
        close = self._entrance.open(identity, len(submissions))
        try:
            await self._quotas.require(identity)
            for webhook in {each.webhook for each in submissions if each.webhook is not None}:
                self._on_demand.media.check_url(webhook.url)
            new = []
            for index, submission in enumerate(submissions):
                try:
                    new.append((await self._judged(identity, submission))[0])
                except StudioError as error:
                    error.details = {**(error.details or {}), "index": index}
                    raise
                # A thousand judgements take a while, and others want to be served meanwhile.
                await asyncio.sleep(0)
            async with self._quotas.time_for(identity, [each.job for each in new]):
                return await asyncio.shield(self._accept_all(submissions, new, store, close))
        finally:
            close()

    async def _judged(self, identity: Identity, submission: Submission) -> tuple[NewJob, Graph]:
        """What is to be stored for a submission that can run, and its graph."""
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
        fetches = await self._on_demand.planner.plan(
            identity, graph, info, submission.download_credentials
        )
        admitted = await self._on_demand.media.admit(
            identity, graph, info, submission.inputs, submission.download_credentials
        )
        graph, inputs = admitted.graph, admitted.inputs
        named = replace_references(graph, cached_names(fetches)) if fetches else graph
        facts = describe(named, info)
        extra: dict[str, Any] = {SIZES: facts.sizes}
        if info is None:
            extra["unchecked"] = True
        if inputs:
            extra["inputs"] = input_records(inputs)
        if fetches:
            extra[FETCHES] = fetch_records(fetches)
        if admitted.media:
            extra[MEDIA] = media_records(admitted.media)
        if fetches or admitted.media:
            extra[DOWNLOAD_CREDENTIALS] = credential_records(submission.download_credentials)
        if submission.credentials:
            extra["credentials"] = sorted(submission.credentials)
        if submission.secrets:
            extra["secrets"] = dict(submission.secrets)
        if submission.only_engine is not None:
            extra["only_engine"] = submission.only_engine
        if submission.webhook is not None:
            if not submission.keeps_webhook:
                self._on_demand.media.check_url(submission.webhook.url)
            await self._jobs.outbox.of_jobs(identity.user_id, self._clock.now_ms())
            extra[WEBHOOK] = True
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
        new = NewJob(
            job,
            orjson.dumps(graph),
            facts.prompt_text,
            sorted({asset.id for asset in inputs.values()}),
            submission.recipe,
            submission.webhook,
            self._jobs.outbox.queued(job, submission.webhook),
        )
        return new, graph

    # Neither is cancelled half-way: what is stored has its place in the queue, whoever has gone.

    async def _accept_all(
        self,
        submissions: Sequence[Submission],
        new: Sequence[NewJob],
        store: Callable[[Sequence[NewJob]], Awaitable[None]],
        close: Callable[[], None],
    ) -> list[LiveJob]:
        await store(new)
        # Without their graphs, together maybe large: they are read when their turn comes.
        accepted = [LiveJob(each.job) for each in new]
        for live, submission in zip(accepted, submissions, strict=True):
            live.download_credentials = _values(submission.download_credentials)
            self._queue.add(live, waiting=True)
            self._on_demand.hold(live)
        close()
        self._jobs.accepted(new)
        self._wake()
        return accepted

    async def _accept(
        self, submission: Submission, new: NewJob, graph: Graph, close: Callable[[], None]
    ) -> LiveJob:
        live = LiveJob(new.job, graph=graph, credentials=dict(submission.credentials))
        live.download_credentials = _values(submission.download_credentials)
        if submission.only_engine is not None:
            live.excluded = set(self._engines.engines) - {submission.only_engine}
        may_go = (
            submission.only_engine is None
            and not new.job.extra.get("unchecked")
            and await self._on_demand.is_ready(new.job)
        )
        key = submission.idempotency_key
        is_sent = await self._intake.take(new, live, key, may_go=may_go)
        close()
        if not is_sent:
            self._on_demand.hold(live)
            self._wake()
        return live

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


def check_priority(identity: Identity, priority: int) -> None:
    """Refuse a priority that is out of bounds or above what the caller may ask for.

    Raises:
        InvalidRequest, Forbidden.
    """
    if not -MAX_PRIORITY <= priority <= MAX_PRIORITY:
        raise InvalidRequest(f"priority lies between -{MAX_PRIORITY} and {MAX_PRIORITY}.")
    if priority > 0 and identity.role is not Role.OWNER:
        raise Forbidden("Only the owner may raise a job above normal priority.")


def _values(credentials: Sequence[Credential]) -> dict[int, str]:
    return {at: each.value for at, each in enumerate(credentials) if each.value is not None}
