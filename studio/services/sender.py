"""Hands one job to one engine, once, and waits for the prompt's end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from studio.clients.comfy import EngineError, PromptRejected, ReplyLost
from studio.clock import Clock, new_id
from studio.errors import InvalidWorkflow, StudioError
from studio.graphs.files import file_references
from studio.graphs.graph import Graph
from studio.graphs.validation import validate
from studio.models import OWNER_ID, Identity, Job, Role
from studio.services.assets import AssetService
from studio.services.collector import is_paid
from studio.services.engine import Engine
from studio.services.engines import EngineService
from studio.services.follower import Follower
from studio.services.pace import Pace
from studio.services.queue import LiveJob
from studio.services.run import End, Ended, Run
from studio.services.staging import Staging, input_records
from studio.store.jobs import LET_GO, JobStore
from studio.store.secrets import SecretStore


class Requeue(Exception):
    """The job goes back to its line; nothing counts against it."""


class CredentialsLost(StudioError):
    code, status = "credentials_lost", 500


class Sender:
    """Chooses the prompt id, commits it, sends, and finds out what became of it.

    Args:
        take_up: counts what had to be fetched for a job as used; whether all of it is there.
    """

    def __init__(
        self,
        *,
        engines: EngineService,
        jobs: JobStore,
        secrets: SecretStore,
        assets: AssetService,
        staging: Staging,
        follower: Follower,
        clock: Clock,
        pace: Pace,
        take_up: Callable[[Job], Awaitable[bool]],
    ) -> None:
        self._take_up = take_up
        self._engines = engines
        self._jobs = jobs
        self._secrets = secrets
        self._assets = assets
        self._staging = staging
        self._follower = follower
        self._clock = clock
        self._pace = pace

    async def send(
        self,
        engine: Engine,
        live: LiveJob,
        graph: Graph,
        classes: dict[str, str],
        rerun: frozenset[str],
    ) -> Ended:
        """Send the job once and wait for the prompt's end.

        Raises:
            ReplyLost: it may be resent, nothing of it is inside the engine.
            EngineUnreachable, EngineRefused: it was not accepted.
            Requeue: another engine may accept it, or something has to be fetched again.
        """
        if not await self._take_up(live.job):
            raise Requeue
        await self._engines.make_room(engine, live.job)
        if live.job.extra.get("unchecked") or not engine.can_run(live.job):
            validate(graph, engine.info or {})
        if live.job.extra.get("unchecked") and is_paid(engine, classes, frozenset(classes)):
            # Nobody could know when it was accepted: no engine had been reached.
            live.update(paid=True)
        if live.job.extra.get("unchecked") or len(self._engines.engines) > 1:
            await self._claim_files(engine, live, graph)
        extra_data = {"preview_method": "auto", **await self._credentials(live)}
        prompt = await self._staging.build_prompt(engine, live.job, graph, rerun)
        prompt_id = await self._mark(engine, live)
        if live.job.cancel_requested_at is not None:
            return Ended(End.VANISHED)
        number = await self._turn(engine) if engine.foreign else None
        run = self._follower.open(engine, live, prompt_id, classes)
        try:
            run.awaiting_reply = True
            try:
                node_errors = await engine.client.submit(
                    prompt_id=prompt_id,
                    client_id=engine.client_id,
                    graph=prompt,
                    extra_data=extra_data,
                    number=number,
                )
            except PromptRejected as error:
                live.excluded.add(engine.name)
                if self.may_go_elsewhere(live):
                    raise Requeue from error
                raise _rejection(error) from error
            except ReplyLost:
                await self._find(run)
                node_errors = {}
            run.awaiting_reply = False
            run.accepted = True
            engine.refused_jobs = 0
            now_s = self._clock.monotonic_s()
            if engine.last_frame_s < run.last_news_s:
                engine.submitted_s = now_s
            if node_errors:
                await self._follower.withdraw(run)
                raise InvalidWorkflow(
                    "The engine refuses part of this graph.", details={"node_errors": node_errors}
                )
            return await run.ended
        finally:
            self._follower.close(run)

    async def _turn(self, engine: Engine) -> float | None:
        """A place beside a line of the editor's: next, or next but one if it is the editor's turn.

        Without it a job would wait for all of that line, or always overtake it.
        """
        try:
            queue = await engine.client.queue()
        except EngineError:
            return None
        theirs = sorted(
            number
            for prompt, number in queue.numbers.items()
            if queue.clients.get(prompt) != engine.client_id
        )
        if any(queue.clients.get(prompt) != engine.client_id for prompt in queue.running):
            return theirs[0] - 1 if theirs else None
        return (theirs[0] + theirs[1]) / 2 if len(theirs) > 1 else None

    async def _claim_files(self, engine: Engine, live: LiveJob, graph: Graph) -> None:
        """Find the user's own file behind every value that this engine takes for a file.

        Which values those are is the engine's to say, and the one asked at the submit may have
        been another, or none.

        Raises:
            MissingAsset: a file is not the user's.
        """
        known = {(node_id, tuple(path)) for node_id, path, *_ in live.job.extra.get("inputs", ())}
        references = [
            reference
            for reference in file_references(graph, engine.info)
            if reference.key not in known
        ]
        if not references:
            return
        role = Role.OWNER if live.job.user_id == OWNER_ID else Role.MEMBER
        user = Identity(live.job.user_id, role, frozenset())
        found = await self._assets.resolve(user, references)
        inputs = [*live.job.extra.get("inputs", ()), *input_records(found)]
        job = live.update(extra={**live.job.extra, "inputs": inputs})
        await self._jobs.add_inputs(job, [asset.id for asset in found.values()])

    async def _mark(self, engine: Engine, live: LiveJob) -> str:
        """Commit where the job goes before it goes there, and return its prompt id."""
        marked, live.marked = live.marked, False
        if marked and live.job.engine_boot == engine.boot and live.job.prompt_id is not None:
            return live.job.prompt_id
        prompt_id = new_id()
        job = live.update(
            engine=engine.name,
            engine_boot=engine.boot,
            prompt_id=prompt_id,
            attempt=live.job.attempt + 1,
            # What has cost money once stays marked as started, whatever is sent after it.
            executing=live.job.paid and live.job.executing,
        )
        # A power cut takes a managed engine and its queue along: then the mark tells nothing but
        # that a paid job may have cost its money already.
        await self._jobs.update(job, durable=job.paid or not engine.managed)
        return prompt_id

    def expect(self, engine: Engine, live: LiveJob) -> None:
        """Before the engine is reached: its prompt of this job will be asked about."""
        if live.job.prompt_id is not None:
            self._follower.expect(engine, live.job.prompt_id)

    async def rejoin(self, engine: Engine, live: LiveJob, classes: dict[str, str]) -> Ended:
        """Follow a prompt that an earlier Studio sent, if it ever arrived there."""
        prompt_id = live.job.prompt_id
        assert prompt_id is not None
        run = self._follower.open(engine, live, prompt_id, classes)
        run.boot = live.job.engine_boot or ""
        run.executing = live.job.executing
        run.let_go = live.job.extra.get(LET_GO) == live.job.engine_boot
        run.epoch = -1
        try:
            await self._follower.wait_attached(run)
            if run.ended.done():
                return await run.ended
            if engine.managed and run.boot != engine.boot:
                return Ended(End.DIED, counted=run.is_suspect)
            run.boot = engine.boot
            run.let_go = False
            # What the editor queued became a job only after the engine had accepted it.
            run.accepted = live.job.from_editor
            try:
                await self._find(run)
            except ReplyLost:
                if not run.executing and not run.accepted:
                    raise
                # It did arrive, and this life of the engine does not know it any more.
                return Ended(End.VANISHED if engine.managed else End.DIED, counted=True)
            run.accepted = True
            return await run.ended
        finally:
            self._follower.close(run)

    async def _find(self, run: Run) -> None:
        """After a reply that never came: some seconds of answers decide whether it was accepted.

        Raises:
            ReplyLost: the engine answers and knows nothing of the prompt.
        """
        since_s: float | None = None
        patience_s = 0.0 if run.executing else self._pace.lost_reply_s
        while not run.ended.done():
            try:
                known = await self._follower.look(run)
            except EngineError:
                since_s = None
            else:
                now_s = self._clock.monotonic_s()
                if since_s is None:
                    since_s = now_s
                if known:
                    return
                if now_s - since_s >= patience_s:
                    raise ReplyLost("the engine does not know the prompt")
            await asyncio.wait({run.ended}, timeout=self._pace.reply_poll_s)

    def may_go_elsewhere(self, live: LiveJob) -> bool:
        """Whether another engine may accept what this one refused."""
        return any(
            engine.name not in live.excluded and engine.can_run(live.job)
            for engine in self._engines.engines.values()
        )

    async def _credentials(self, live: LiveJob) -> dict[str, Any]:
        """``extra_data`` for the engine: short-lived values, else the owner's named secrets."""
        values: dict[str, Any] = {}
        for name in live.job.extra.get("credentials", ()):
            if name not in live.credentials:
                raise CredentialsLost(
                    f"The {name} that came with this job lived in memory only and Studio was "
                    "restarted. Submit it again, or store a named secret."
                )
            values[name] = live.credentials[name]
        for name, secret in live.job.extra.get("secrets", {}).items():
            values[name] = await self._secrets.reveal(live.job.user_id, secret)
        return values


def _rejection(error: PromptRejected) -> InvalidWorkflow:
    message = str(error.error.get("message") or "The engine refuses this graph.")
    details = str(error.error.get("details") or "").strip()
    return InvalidWorkflow(
        f"{message}: {details}" if details else message,
        details={"node_errors": error.node_errors, "type": error.error.get("type")},
    )
