"""Runs of the editor's as jobs: taken over when the engine accepts them, and followed like ours.

The editor's own prompt id makes the job, so each run is one job however often Studio restarts: it
is adopted like any job that an earlier Studio had sent.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import orjson

from studio.clock import Clock, new_id
from studio.errors import StudioError
from studio.graphs.facts import describe
from studio.graphs.graph import parse
from studio.models import EDITOR_ORIGIN, Identity, Job, JobStatus, NewJob
from studio.services.engine import Engine
from studio.services.queue import JobQueue, LiveJob
from studio.services.runner import Runner
from studio.store.jobs import JobStore

log = logging.getLogger(__name__)

TITLE: Final = "ComfyUI editor"


class EditorRuns:
    """Makes jobs of what the editor queued."""

    def __init__(self, *, queue: JobQueue, jobs: JobStore, runner: Runner, clock: Clock) -> None:
        self._queue = queue
        self._jobs = jobs
        self._runner = runner
        self._clock = clock

    async def take_over(
        self, identity: Identity, engine: Engine, prompt_id: str, workflow: Any
    ) -> None:
        """Follow a prompt that the engine has just accepted; it runs whether or not this works."""
        known = any(live.job.prompt_id == prompt_id for live in self._queue.live.values())
        if known or not engine.boot:
            return
        try:
            graph = parse(workflow)
            facts = describe(graph, engine.info)
            job = Job(
                id=new_id(),
                user_id=identity.user_id,
                status=JobStatus.QUEUED,
                created_at=self._clock.now_ms(),
                rank=self._queue.next_rank(),
                priority=0,
                graph_key=facts.graph_key,
                affinity_key=facts.affinity_key,
                classes=facts.classes,
                models=facts.models,
                paid=facts.paid,
                engine=engine.name,
                engine_boot=engine.boot,
                prompt_id=prompt_id,
                attempt=1,
                title=TITLE,
                origin=EDITOR_ORIGIN,
            )
            await self._jobs.insert(NewJob(job, orjson.dumps(graph), facts.prompt_text))
        except (StudioError, orjson.JSONEncodeError) as error:
            log.warning("a run of the editor's is not shown as a job: %s", error)
            return
        live = LiveJob(job, graph=graph)
        self._queue.add(live, waiting=False)
        self._runner.adopt(engine, live)
