"""What a new Studio does with the jobs an earlier one left unfinished."""

from __future__ import annotations

import logging

from studio.models import JobError, JobStatus
from studio.services.engines import EngineService
from studio.services.finisher import Finisher
from studio.services.on_demand import OnDemand
from studio.services.queue import JobQueue, LiveJob
from studio.services.runner import Runner
from studio.store.assets import AssetStore
from studio.store.jobs import JobStore

log = logging.getLogger(__name__)


async def adopt_unfinished(
    *,
    queue: JobQueue,
    jobs: JobStore,
    assets: AssetStore,
    engines: EngineService,
    runner: Runner,
    finisher: Finisher,
    on_demand: OnDemand,
) -> None:
    """Queue what never left, rejoin what an engine may hold, end what was to be cancelled.

    A restart of Studio never counts against a job.
    """
    unfinished = await jobs.unfinished()
    sent = [job.id for job in unfinished if job.engine is not None]
    outputs = await assets.outputs_of(sent)
    for job in unfinished:
        live = LiveJob(job, outputs=list(outputs.get(job.id, ())))
        only = job.extra.get("only_engine")
        if only is not None:
            live.excluded = set(engines.engines) - {only}
        engine = engines.engines.get(job.engine) if job.engine is not None else None
        if engine is not None:
            queue.add(live, waiting=False)
            runner.adopt(engine, live)
        elif job.cancel_requested_at is not None:
            queue.add(live, waiting=False)
            await finisher.cancel(live)
        elif job.engine is not None and job.paid and job.executing:
            queue.add(live, waiting=False)
            await finisher.fail(
                live,
                JobError(
                    "engine_crash",
                    f"The engine {job.engine}, which ran this job, is no longer configured. It "
                    "uses paid nodes, so it was not run again by itself; retry it if you want.",
                ),
            )
        elif job.from_editor:
            queue.add(live, waiting=False)
            await finisher.fail(
                live,
                JobError(
                    "engine_crash",
                    f"The engine {job.engine}, in which this run of the editor's was, is no "
                    "longer configured.",
                ),
            )
        elif only is not None and only not in engines.engines:
            queue.add(live, waiting=False)
            await finisher.fail(
                live,
                JobError(
                    "engine_refused",
                    f"The engine {only}, on which alone this job was to run, is no longer "
                    "configured.",
                ),
            )
        else:
            live.update(status=JobStatus.QUEUED, engine=None, executing=False, started_at=None)
            queue.add(live, waiting=True)
            await on_demand.adopt(live)
    await on_demand.tidy()
    if unfinished:
        log.info(
            "%d unfinished jobs taken over, %d of them sent before", len(unfinished), len(sent)
        )
