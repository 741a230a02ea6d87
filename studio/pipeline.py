"""The way of one job through the services, built in order: from its submission to its end.

Apart from ``app.py`` because it is the longest chain there; docs/architecture.md tells it in words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from studio.clock import Clock
from studio.models import Job, JobStatus, Record
from studio.services.adoption import adopt_unfinished
from studio.services.assets import AssetService
from studio.services.collector import Collector
from studio.services.dispatcher import Dispatcher
from studio.services.durations import Durations
from studio.services.engines import EngineService
from studio.services.fetch_plans import FetchMeans
from studio.services.finisher import Finisher
from studio.services.follower import Follower
from studio.services.indexer import Indexer
from studio.services.intake import Intake
from studio.services.jobs import JobService
from studio.services.media_inputs import MediaInputs
from studio.services.metrics import Metrics
from studio.services.on_demand import OnDemand
from studio.services.output_batch import OutputBatch
from studio.services.pace import Pace
from studio.services.queue import JobQueue
from studio.services.quotas import QuotaService
from studio.services.runner import Runner
from studio.services.sender import Sender
from studio.services.staging import Staging
from studio.services.submissions import SubmissionService
from studio.services.usage import Usage
from studio.services.watchdog import Watchdog
from studio.settings import Settings
from studio.store.assets import AssetStore
from studio.store.blobs import BlobStore
from studio.store.disk_speed import DiskSpeed
from studio.store.jobs import JobStore
from studio.store.secrets import SecretStore


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The services that a job passes, and what they work on."""

    queue: JobQueue
    engines: EngineService
    store: JobStore
    staging: Staging
    collector: Collector
    follower: Follower
    finisher: Finisher
    runner: Runner
    dispatcher: Dispatcher
    submissions: SubmissionService
    jobs: JobService
    on_demand: OnDemand
    adopt: Callable[[], Awaitable[None]]
    """Takes up what was unfinished when the Studio before ended."""

    async def stop(self) -> None:
        """Let go of every job; the next Studio takes them up where they are."""
        await self.on_demand.stop()
        await self.runner.stop()
        await self.follower.stop()


def build_pipeline(
    *,
    settings: Settings,
    clock: Clock,
    pace: Pace,
    queue: JobQueue,
    engines: EngineService,
    usage: Usage,
    jobs: JobStore,
    outputs: AssetStore,
    secrets: SecretStore,
    blobs: BlobStore,
    assets: AssetService,
    speed: DiskSpeed,
    on_finish: Callable[[Job, int | None], None],
    record: Record,
    fetching: FetchMeans,
    quotas: QuotaService,
) -> Pipeline:
    """The services over an opened database; nothing runs yet.

    Args:
        on_finish: told of every job that ended, and how many milliseconds it ran.
        record: told of what people do about jobs.
        fetching: how files come that jobs name by where they are.
    """
    staging = Staging(
        assets=assets,
        batch=OutputBatch(stage=blobs.stage_files, is_busy=lambda: queue.has_waiting),
        speed=speed,
        engine_dir=settings.engine_dir,
        shared=any(engine.managed for engine in settings.engines),
    )
    finisher = Finisher(
        queue=queue,
        jobs=jobs,
        staging=staging,
        usage=usage,
        clock=clock,
        retention_days=settings.job_retention_days,
        on_finish=on_finish,
    )
    on_demand = OnDemand(
        queue=queue,
        engines=engines,
        means=fetching,
        media=MediaInputs(assets=assets, source=fetching.media, check_url=fetching.check_url),
        jobs=jobs,
        finisher=finisher,
        wake=lambda: dispatcher.wake(),
    )
    collector = Collector(jobs=jobs, staging=staging, clock=clock)
    watchdog = Watchdog(stuck_s=settings.job_stuck_s, restart=engines.restart, grace_s=pace.grace_s)
    follower = Follower(jobs=jobs, collector=collector, clock=clock, pace=pace, watchdog=watchdog)
    runner = Runner(
        queue=queue,
        jobs=jobs,
        sender=Sender(
            engines=engines,
            jobs=jobs,
            secrets=secrets,
            assets=assets,
            staging=staging,
            follower=follower,
            clock=clock,
            pace=pace,
            take_up=on_demand.take_up,
        ),
        collector=collector,
        finisher=finisher,
        clock=clock,
        pace=pace,
        wake=lambda: dispatcher.wake(),
        hold=on_demand.hold,
    )
    dispatcher = Dispatcher(
        queue=queue,
        engines=engines,
        usage=usage,
        clock=clock,
        start=runner.start,
        expire=finisher.expire,
        take_back=follower.take_back,
    )
    submissions = SubmissionService(
        queue=queue,
        jobs=jobs,
        secrets=secrets,
        engines=engines,
        clock=clock,
        wake=dispatcher.wake,
        intake=Intake(
            queue=queue,
            jobs=jobs,
            wake=dispatcher.wake,
            reserve=dispatcher.reserve,
            start=runner.start,
        ),
        on_demand=on_demand,
        max_depth=settings.max_queue_depth,
        quotas=quotas,
    )
    return Pipeline(
        queue=queue,
        engines=engines,
        store=jobs,
        staging=staging,
        collector=collector,
        follower=follower,
        finisher=finisher,
        runner=runner,
        dispatcher=dispatcher,
        submissions=submissions,
        on_demand=on_demand,
        jobs=JobService(
            queue=queue,
            jobs=jobs,
            outputs=outputs,
            submissions=submissions,
            finisher=finisher,
            follower=follower,
            clock=clock,
            wake=dispatcher.wake,
            retention_days=settings.job_retention_days,
            record=record,
        ),
        adopt=partial(
            adopt_unfinished,
            queue=queue,
            jobs=jobs,
            assets=outputs,
            engines=engines,
            runner=runner,
            finisher=finisher,
            on_demand=on_demand,
        ),
    )


def counting(
    indexer: Indexer, metrics: Metrics, durations: Durations
) -> Callable[[Job, int | None], None]:
    """Who is told of each end of a job, once it is stored."""

    def count(job: Job, duration_ms: int | None) -> None:
        indexer.note_job(job.id)
        metrics.count_finish(job, duration_ms)
        if duration_ms is not None and job.status is JobStatus.SUCCEEDED:
            durations.note(job, duration_ms)

    return count
