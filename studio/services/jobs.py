"""What people and programs do with jobs: submit, look, cancel, move, retry."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from studio.clock import Clock
from studio.errors import Conflict, NotFound, StudioError
from studio.graphs.graph import Graph, parse
from studio.graphs.seeds import with_new_seeds
from studio.models import (
    Asset,
    Identity,
    Job,
    JobStatus,
    JobWebhook,
    NewJob,
    Recipe,
    Record,
    unrecorded,
)  # fmt: skip
from studio.services.download_credentials import Credential, given_again
from studio.services.finisher import Finisher
from studio.services.follower import Follower
from studio.services.queue import JobQueue, LiveJob
from studio.services.queue_places import QueuePlaces
from studio.services.submissions import Submission, SubmissionService, check_priority
from studio.settings import DAY_MS
from studio.store.assets import AssetStore
from studio.store.jobs import JobStore

_CANCELS_AT_ONCE: Final = 200


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
        outputs: AssetStore,
        submissions: SubmissionService,
        finisher: Finisher,
        follower: Follower,
        clock: Clock,
        wake: Callable[[], None],
        retention_days: int,
        record: Record = unrecorded,
    ) -> None:
        self._queue = queue
        self._record = record
        self._jobs = jobs
        self._places = QueuePlaces(queue, jobs)
        self._outputs = outputs
        self._submissions = submissions
        self._finisher = finisher
        self._follower = follower
        self._clock = clock
        self._wake = wake
        self._retention_ms = retention_days * DAY_MS

    async def submit(self, identity: Identity, submission: Submission) -> JobView:
        """Accept a job; see ``SubmissionService.submit``."""
        return self._view(await self._submissions.submit(identity, submission))

    async def submit_all(
        self,
        identity: Identity,
        submissions: Sequence[Submission],
        store: Callable[[Sequence[NewJob]], Awaitable[None]],
    ) -> list[JobView]:
        """Accept many jobs or none; see ``SubmissionService.submit_all``."""
        accepted = await self._submissions.submit_all(identity, submissions, store)
        return [self._view(live) for live in accepted]

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
        if (
            ended is not None
            and ended.expires_at > self._clock.now_ms()
            and (user_id is None or ended.job.user_id == user_id)
        ):
            return JobView(ended.job, ended.outputs, ended.expires_at)
        job = await self._jobs.get(job_id, user_id)
        outputs = await self._outputs.outputs(job_id)
        expires_at = await self._jobs.expiry(job_id)
        return JobView(job, tuple(outputs), expires_at or self._live_expiry())

    def live(self, job_id: str) -> Job | None:
        """An unfinished job as it stands, for whoever was shown that it exists."""
        live = self._queue.live.get(job_id)
        return None if live is None else live.job

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

    async def recipe(self, job_id: str) -> Recipe | None:
        """What a job was made from, for whoever was shown the job."""
        return await self._jobs.recipe(job_id)

    # -- change ----------------------------------------------------------------------------------

    async def delete_output(self, identity: Identity, job_id: str, asset_id: str) -> None:
        """Delete one output of a job that has ended; its bytes go with the last asset over them.

        Raises:
            NotFound: there is no such job or output, or it is another user's.
            Conflict: the job has not ended.
            AssetInUse: an unfinished job reads it.
        """
        view = await self.get(identity, job_id)
        if view.live is not None:
            raise Conflict("Outputs can be deleted once their job has ended.")
        await self._outputs.delete_output(job_id, asset_id)
        self._queue.forget_output(job_id, asset_id)

    async def cancel(self, identity: Identity, job_id: str) -> JobView:
        """Ask for a job's end; a finished one stays as it is."""
        # Not cancelled half-way itself: what has left its line has to reach its end.
        return await asyncio.shield(self._cancel(identity, job_id))

    async def _cancel(self, identity: Identity, job_id: str) -> JobView:
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
            DiskFull, StorageUnavailable: it could not be stored; the job keeps its place.
        """
        live = self._waiting(await self.get(identity, job_id))
        if priority is not None:
            check_priority(identity, priority)
        rank = live.job.rank
        target_priority = live.job.priority if priority is None else priority
        if before:
            other = self._waiting(await self.get(identity, before))
            target_priority = other.job.priority
            check_priority(identity, target_priority)
            rank = await self._places.before(other, live)
            # Where room had to be made, it may have been sent or cancelled meanwhile.
            self._waiting(self._view(live))
        elif before == "":
            rank = self._queue.next_rank()
        place = live.job.rank, live.job.priority
        self._queue.move(live, rank=rank, priority=target_priority)
        try:
            await self._jobs.update(live.job)
        except StudioError:
            self._put_back(live, *place)
            raise
        self._record(identity.user_id, "job.moved", live.job.title or job_id)
        self._wake()
        return self._view(live)

    def _put_back(self, live: LiveJob, rank: float, priority: int) -> None:
        if live.waiting:
            self._queue.move(live, rank=rank, priority=priority)
        else:
            live.update(rank=rank, priority=priority)

    @staticmethod
    def _waiting(view: JobView) -> LiveJob:
        if view.live is None or not view.live.waiting:
            raise Conflict("Only a job that still waits can be moved.")
        return view.live

    async def retry(
        self,
        identity: Identity,
        job_id: str,
        *,
        new_seed: bool,
        credentials: Mapping[str, str] | None = None,
        download_credentials: Sequence[Credential] = (),
        webhook: JobWebhook | None = None,
    ) -> JobView:
        """Submit the same graph over the same input bytes again, with the same or new seeds.

        With new seeds it is no longer what its recipe says, and has none.

        Args:
            credentials: short-lived ones; those that came with the first run are gone.
            download_credentials: the same, for models that the graph names by their address.
            webhook: who is told of the new job, instead of whom the first run named.

        Raises:
            Conflict: it has not ended, or it came with credentials and none are given now.
        """
        given = dict(credentials or {})
        view = await self.get(identity, job_id)
        if not view.job.status.is_terminal:
            raise Conflict("This job has not ended yet.")
        if lost := sorted(set(view.job.extra.get("credentials", ())) - given.keys()):
            raise Conflict(
                f"This job came with {lost[0]}, which was not kept. Send it again in extra_data.",
                details={"extra_data": lost},
            )
        graph = await self.graph(identity, job_id)
        if new_seed:
            info = self._submissions.info_for(view.job)
            graph = with_new_seeds(graph, random.SystemRandom(), info)
        return await self.submit(
            identity,
            Submission(
                workflow=graph,
                title=view.job.title,
                workflow_id=view.job.workflow_id,
                metadata=view.job.metadata,
                secrets=view.job.extra.get("secrets", {}),
                credentials=given,
                download_credentials=given_again(view.job.extra, download_credentials),
                retry_of=job_id,
                webhook=webhook or await self._jobs.outbox.webhook_of(view.job, identity.user_id),
                keeps_webhook=webhook is None,
                recipe=None if new_seed else await self._jobs.recipe(job_id),
                inputs={
                    (node_id, tuple(path)): asset_id
                    for node_id, path, asset_id, _ in view.job.extra.get("inputs", ())
                },
            ),
        )

    async def cancel_many(
        self, identity: Identity, job_ids: Sequence[str] | None
    ) -> tuple[list[JobView], list[str]]:
        """Cancel these jobs, or (``None``) all of the caller's own that have not started.

        Returns:
            The jobs as they are now, and the ids of which the caller has no job.
        """
        clears = job_ids is None
        if job_ids is None:
            job_ids = [
                live.job.id
                for live in self._queue.live.values()
                if live.job.user_id == identity.user_id and live.job.started_at is None
            ]
        wanted = list(dict.fromkeys(job_ids))
        views: list[JobView] = []
        unknown: list[str] = []
        for start in range(0, len(wanted), _CANCELS_AT_ONCE):
            # Together they share commits; one after another they would take an fsync each.
            batch = wanted[start : start + _CANCELS_AT_ONCE]
            answers = await asyncio.gather(
                *(self.cancel(identity, job_id) for job_id in batch), return_exceptions=True
            )
            for job_id, answer in zip(batch, answers, strict=True):
                if isinstance(answer, NotFound):
                    unknown.append(job_id)
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    views.append(answer)
        if clears:
            self._record(identity.user_id, "queue.cleared", "", jobs=len(views))
        return views, unknown
