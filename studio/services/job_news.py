"""What happens to jobs and in the queue, told to the feed while somebody reads it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from studio.models import Identity, Job, JobStatus, Preview, Progress
from studio.services.events import StatusChanged
from studio.services.feed import Feed
from studio.services.news import JobPicture, JobPreview, JobProgress, Line, QueuePicture, Topic
from studio.services.queue import FinishedJob, JobQueue, LiveJob

PROGRESS_EVERY_S: Final = 0.25
QUEUE_EVERY_S: Final = 0.2
SOON_S: Final = 0.05
"""States wait this long for what may outdate them: a job of a few milliseconds has no progress."""
MAX_ORDER: Final = 200
"""A queue is told with this many of the reader's waiting jobs; the rest is in the list of it."""
MAX_UNFINISHED: Final = 500
MAX_FINISHED: Final = 20


class Beat:
    """Does something soon after it was asked for, and not again before ``every_s`` has passed."""

    def __init__(self, every_s: float, act: Callable[[], None]) -> None:
        self._every_s = every_s
        self._act = act
        self._timer: asyncio.TimerHandle | None = None
        self._asked = False

    def ask(self) -> None:
        self._asked = True
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SOON_S, self._strike)

    def _strike(self) -> None:
        self._timer = None
        if self._asked:
            self._asked = False
            self._timer = asyncio.get_running_loop().call_later(self._every_s, self._strike)
            self._act()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._asked = False


class _Watcher:
    """Watches one unfinished job."""

    def __init__(self, live: LiveJob, news: JobNews) -> None:
        self.live = live
        self._news = news
        self._changed = False
        self._progress: Progress | None = None
        self._preview: Preview | None = None
        self._beat = Beat(PROGRESS_EVERY_S, self._tell_progress)

    def show_status(self, _change: StatusChanged) -> None:
        self.show_outputs()

    def show_outputs(self) -> None:
        """Told at the end of this turn of the loop: an end and its outputs become one event."""
        if not self._changed:
            self._changed = True
            asyncio.get_running_loop().call_soon(self._tell)

    def show_progress(self, progress: Progress) -> None:
        self._progress = progress
        self._beat.ask()

    def show_preview(self, preview: Preview) -> None:
        self._preview = preview
        self._beat.ask()

    def stop(self) -> None:
        self.live.watchers.discard(self)
        self._beat.stop()

    def _tell(self) -> None:
        self._changed = False
        if self.live.job.status.is_terminal:
            self._news.part(self)
        self._news.tell(self.live)

    def _tell_progress(self) -> None:
        progress, self._progress = self._progress, None
        preview, self._preview = self._preview, None
        if progress is not None:
            self._news.tell_progress(self.live.job, progress)
        if preview is not None:
            self._news.show(self.live.job, preview)


class JobNews:
    """Hears of every job and of the queue, and says what both look like now.

    Args:
        expiry: when a job will be purged, in milliseconds since the epoch.
    """

    def __init__(self, *, feed: Feed, queue: JobQueue, expiry: Callable[[Job], int]) -> None:
        self._feed = feed
        self._queue = queue
        self._expiry = expiry
        self._watchers: dict[str, _Watcher] = {}
        self._beat = Beat(QUEUE_EVERY_S, self._tell_queue)
        self._awake = False

    # -- while somebody reads --------------------------------------------------------------------

    def wake(self) -> None:
        self._awake = True
        self._queue.listener = self
        for live in self._queue.live.values():
            self._watch(live)

    def sleep(self) -> None:
        self._awake = False
        self._queue.listener = None
        self._beat.stop()
        for watcher in self._watchers.values():
            watcher.stop()
        self._watchers.clear()

    def on_job(self, live: LiveJob) -> None:
        """A job came, or was given another place."""
        self._watch(live).show_outputs()

    def on_queue(self) -> None:
        """Who waits, or in which order, has changed."""
        self._beat.ask()

    def on_outputs(self, finished: FinishedJob) -> None:
        """A job that has ended lost an output."""
        picture, user_id = _ended_picture(finished), finished.job.user_id
        self._feed.tell(Topic.JOBS, "changed", picture, user_id=user_id)

    def _watch(self, live: LiveJob) -> _Watcher:
        watcher = self._watchers.get(live.job.id)
        if watcher is None:
            watcher = self._watchers[live.job.id] = _Watcher(live, self)
            live.watchers.add(watcher)
        return watcher

    def part(self, watcher: _Watcher) -> None:
        """That watcher's job has ended."""
        watcher.stop()
        self._watchers.pop(watcher.live.job.id, None)
        self._feed.forget(_progress_of(watcher.live.job))

    def tell(self, live: LiveJob) -> None:
        if self._awake:
            job = live.job
            self._feed.tell(Topic.JOBS, "changed", self._picture(live), user_id=job.user_id)

    def tell_progress(self, job: Job, progress: Progress) -> None:
        self._feed.tell_state(
            _progress_of(job),
            Topic.JOBS,
            "progress",
            JobProgress(job.id, progress),
            user_id=job.user_id,
        )

    def show(self, job: Job, preview: Preview) -> None:
        self._feed.show(JobPreview(job.id, preview), user_id=job.user_id)

    def _tell_queue(self) -> None:
        self._feed.tell_state("queue", Topic.QUEUE, "changed", self.queue())

    # -- as it is now ----------------------------------------------------------------------------

    def jobs(self, identity: Identity, stored: Iterable[JobPicture]) -> list[JobPicture]:
        """The caller's unfinished jobs and the latest finished ones, newest first.

        Args:
            stored: finished ones as they were read a moment ago; what ended since is in memory.
        """
        mine = [live for live in self._queue.live.values() if _is_of(live.job, identity)]
        unfinished = [self._picture(live) for live in mine[-MAX_UNFINISHED:]]
        ended = {picture.job.id: picture for picture in stored if picture.job.status.is_terminal}
        for finished in self._queue.finished.values():
            if _is_of(finished.job, identity):
                ended[finished.job.id] = _ended_picture(finished)
        latest = sorted(ended.values(), key=_age)[-MAX_FINISHED:]
        return sorted([*unfinished, *latest], key=_age, reverse=True)

    def previews(self, identity: Identity) -> list[JobPreview]:
        """The latest picture of each of the caller's jobs that run."""
        return [
            JobPreview(live.job.id, live.preview)
            for live in self._queue.live.values()
            if live.preview is not None and _is_of(live.job, identity)
        ]

    def queue(self) -> QueuePicture:
        """Who waits in which order."""
        everything, by_user = _LineMaker(), dict[str, _LineMaker]()
        for live in self._queue.live.values():
            own = by_user.setdefault(live.job.user_id, _LineMaker())
            for line in (everything, own):
                line.depth += 1
                line.running += live.job.status is not JobStatus.QUEUED
        # Those that an engine holds ready have not started either, and come first.
        ready = [
            live
            for live in self._queue.live.values()
            if not live.waiting and live.job.status is JobStatus.QUEUED
        ]
        for position, live in enumerate((*ready, *self._queue.in_order()), 1):
            for line in (everything, by_user[live.job.user_id]):
                if len(line.order) < MAX_ORDER:
                    line.order.append(live.job.id)
                    line.positions.append(position)
        return QueuePicture(
            self._queue.paused,
            everything.line(),
            {user_id: line.line() for user_id, line in by_user.items()},
        )

    def _picture(self, live: LiveJob) -> JobPicture:
        return JobPicture(
            live.job,
            tuple(live.outputs),
            self._expiry(live.job),
            self._queue.position(live),
            None if live.job.status.is_terminal else live.progress,
        )


@dataclass(slots=True)
class _LineMaker:
    depth: int = 0
    running: int = 0
    order: list[str] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)

    def line(self) -> Line:
        return Line(self.depth, self.running, tuple(self.order), tuple(self.positions))


def _ended_picture(finished: FinishedJob) -> JobPicture:
    return JobPicture(finished.job, finished.outputs, finished.expires_at, None, None)


def _is_of(job: Job, identity: Identity) -> bool:
    return identity.sees_all or job.user_id == identity.user_id


def _age(picture: JobPicture) -> tuple[int, float]:
    # Jobs of one request may be of one millisecond, and still have an order.
    return picture.job.created_at, picture.job.rank


def _progress_of(job: Job) -> str:
    return f"progress {job.id}"
