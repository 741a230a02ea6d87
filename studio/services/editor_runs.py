"""Runs of the editor's as jobs: taken over when the engine accepts them, and followed like ours.

A prompt is noted before the engine hears of it. So whatever ends between its answer and the job's
commit, the engine can be asked for that very prompt. The prompt's id makes the job, so each run is
one job however often Studio restarts: it is adopted like any job that an earlier Studio had sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from typing import Any, Final

import orjson

from studio.clients.comfy import EngineError
from studio.clock import Clock, new_id
from studio.errors import InvalidRequest, StudioError
from studio.graphs.facts import describe
from studio.graphs.graph import parse
from studio.models import EDITOR_ORIGIN, Identity, Job, JobStatus, NewJob
from studio.services.engine import Engine
from studio.services.pace import Pace
from studio.services.queue import JobQueue, LiveJob
from studio.services.runner import Runner
from studio.store.editor import EditorPrompt, EditorStore
from studio.store.job_stats import SIZES
from studio.store.jobs import JobStore

log = logging.getLogger(__name__)

TITLE: Final = "ComfyUI editor"


class EditorRuns:
    """Makes jobs of what the editor queued.

    Args:
        engines: every engine by name.
    """

    def __init__(
        self,
        *,
        store: EditorStore,
        engines: Mapping[str, Engine],
        queue: JobQueue,
        jobs: JobStore,
        runner: Runner,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._store = store
        self._engines = engines
        self._queue = queue
        self._jobs = jobs
        self._runner = runner
        self._clock = clock
        self._pace = pace
        self._looking: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Ask no more; the next Studio does."""
        for task in list(self._looking):
            task.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    # -- while the editor waits ------------------------------------------------------------------

    async def announce(
        self, identity: Identity, engine: Engine, prompt_id: str, workflow: Any
    ) -> EditorPrompt:
        """Note a prompt that is about to be sent; it is sent whether or not the disk takes it.

        Raises:
            InvalidRequest: it is none that could be kept.
        """
        try:
            graph = orjson.dumps(workflow)
        except orjson.JSONEncodeError as error:
            raise InvalidRequest(f"This prompt cannot be kept: {error}.") from error
        prompt = EditorPrompt(
            prompt_id=prompt_id,
            user_id=identity.user_id,
            engine=engine.name,
            graph=graph,
            created_at=self._clock.now_ms(),
        )
        try:
            await self._store.add_prompt(prompt)
        except StudioError as error:
            log.warning("a run of the editor's could not be noted: %s", error)
        return prompt

    async def withdraw(self, prompt: EditorPrompt) -> None:
        """Nothing became of a prompt, or a job did."""
        # What stays is looked for, and let go of, after the next start.
        with contextlib.suppress(StudioError):
            await self._store.forget_prompt(prompt.prompt_id)

    async def take_over(self, prompt: EditorPrompt, prompt_id: str) -> None:
        """Follow a prompt that the engine has accepted, under the id that it gave it."""
        engine = self._engines[prompt.engine]
        if engine.boot and not self._is_known(prompt_id):
            try:
                await self._make_job(prompt, prompt_id, engine)
            except (StudioError, ValueError) as error:
                log.warning("a run of the editor's is not shown as a job: %s", error)
                if isinstance(error, StudioError) and error.status >= 500:
                    # The disk's refusal: the next start makes up for it.
                    return
        await self.withdraw(prompt)

    def _is_known(self, prompt_id: str) -> bool:
        return any(live.job.prompt_id == prompt_id for live in self._queue.live.values())

    async def _make_job(self, prompt: EditorPrompt, prompt_id: str, engine: Engine) -> None:
        graph = parse(orjson.loads(prompt.graph))
        facts = describe(graph, engine.info)
        job = Job(
            id=new_id(),
            user_id=prompt.user_id,
            status=JobStatus.QUEUED,
            created_at=prompt.created_at,
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
            extra={SIZES: facts.sizes},
        )
        told = self._jobs.outbox.queued(job, None)
        await self._jobs.insert(NewJob(job, orjson.dumps(graph), facts.prompt_text, told=told))
        live = LiveJob(job, graph=graph)
        self._queue.add(live, waiting=False)
        self._runner.adopt(engine, live)

    # -- when the engine's answer never came -----------------------------------------------------

    async def recover(self) -> None:
        """Look for what an earlier Studio had noted, and never heard the engine's answer to."""
        for prompt in await self._store.prompts():
            self.look_for(prompt)

    def look_for(self, prompt: EditorPrompt) -> None:
        """Ask the engine, in the background, whether it accepted that prompt."""
        task = asyncio.create_task(self._look_for(prompt))
        self._looking.add(task)
        task.add_done_callback(self._looking.discard)

    async def _look_for(self, prompt: EditorPrompt) -> None:
        engine = self._engines.get(prompt.engine)
        if engine is not None and await self._finds(engine, prompt.prompt_id):
            await self.take_over(prompt, prompt.prompt_id)
        else:
            await self.withdraw(prompt)

    async def _finds(self, engine: Engine, prompt_id: str) -> bool:
        """Whether the engine knows a prompt, or gets to know it within the time of a lost reply."""
        since_s: float | None = None
        while since_s is None or self._clock.monotonic_s() - since_s < self._pace.lost_reply_s:
            try:
                if engine.boot and await _knows(engine, prompt_id):
                    return True
            except EngineError:
                since_s = None
            else:
                if engine.boot and since_s is None:
                    since_s = self._clock.monotonic_s()
            await asyncio.sleep(self._pace.reply_poll_s)
        return False


async def _knows(engine: Engine, prompt_id: str) -> bool:
    # In this order and again, because it can move from one to the other between two questions.
    client = engine.client
    return (
        await client.history(prompt_id) is not None
        or prompt_id in await client.queue()
        or await client.history(prompt_id) is not None
    )
