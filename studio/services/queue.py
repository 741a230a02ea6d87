"""The live picture of every unfinished job: order, progress, watchers.

SQLite is the truth; this is the copy that answers without asking it. One picture for the whole
process, so a status poll, a queue position or a pick costs no query.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, insort
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

from studio.graphs.graph import Graph
from studio.models import Asset, Job, JobStatus, Preview, Progress
from studio.services.events import StatusChanged, Watcher
from studio.store.blobs import StagedBlob

MAX_OVERTAKES: Final = 8
MAX_OVERTAKEN_S: Final = 60.0
MAX_FINISHED: Final = 1024


@dataclass(slots=True, eq=False)
class LiveJob:
    """An unfinished job in memory.

    ``graph`` is the user's own graph when it is at hand, else it is read from the database.
    ``credentials`` are short-lived values that came with the request and exist nowhere else.
    """

    job: Job
    graph: Graph | None = None
    credentials: dict[str, str] = field(default_factory=dict)
    download_credentials: dict[int, str] = field(default_factory=dict)
    """Values for what its graph names by an address, by their place in the request; the same."""
    progress: Progress | None = None
    preview: Preview | None = None
    outputs: list[Asset] = field(default_factory=list)
    watchers: set[Watcher] = field(default_factory=set)
    waiting: bool = False
    """In the waiting line, free to be picked or cancelled without asking an engine."""
    held: bool = False
    """What it names has to be fetched first: it keeps its place, and others pass it."""
    overtaken: int = 0
    head_since_s: float | None = None
    started_s: float | None = None
    """When it began to run, on the monotonic clock of this process."""
    overdue: bool = False
    """Its deadline passed before it started: it is being taken back from its engine."""
    marked: bool = False
    """The row already says to which engine and under which prompt id the job goes."""
    collected: dict[tuple[str, int], tuple[Asset, StagedBlob]] = field(default_factory=dict)
    """Outputs on Studio's disk that the finishing commit will publish."""
    collecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    closing: bool = False
    """Its end is being written: outputs are published by that commit alone."""
    excluded: set[str] = field(default_factory=set)
    """Engines this job must not go to: their own validation refused it."""

    def is_late(self, now_ms: int) -> bool:
        """Whether its deadline has passed before it started."""
        deadline = self.job.deadline_at
        return deadline is not None and deadline <= now_ms and self.job.started_at is None

    def update(self, **changes: Any) -> Job:
        """Replace fields of the row's copy and return it."""
        self.job = self.job.changed(**changes)
        return self.job

    def announce(self, queue_position: int | None = None) -> None:
        """Tell every watcher the present status."""
        change = StatusChanged(self.job.status, queue_position)
        for watcher in tuple(self.watchers):
            watcher.show_status(change)

    def publish(self, outputs: Iterable[Asset]) -> None:
        """Show outputs that are durable now to everybody who looks or watches."""
        self.outputs.extend(outputs)
        for watcher in tuple(self.watchers):
            watcher.show_outputs()


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A job that ended lately, kept in memory because somebody is likely to ask for it."""

    job: Job
    outputs: tuple[Asset, ...]
    expires_at: int


class QueueListener(Protocol):
    """Whoever follows the whole queue."""

    def on_job(self, live: LiveJob) -> None:
        """A job came, or was given another place."""

    def on_queue(self) -> None:
        """Who waits, or in which order, has changed; this may be in the midst of the change."""

    def on_outputs(self, finished: FinishedJob) -> None:
        """A job that has ended lost an output."""


class WaitingLine:
    """The waiting jobs of one user at one priority, in order."""

    __slots__ = ("_jobs", "_ranks", "_shapes")

    def __init__(self) -> None:
        self._shapes: dict[str, tuple[Job, int]] = {}
        self._ranks: list[tuple[float, str]] = []
        self._jobs: dict[str, LiveJob] = {}

    def __len__(self) -> int:
        return len(self._ranks)

    def __iter__(self) -> Iterator[LiveJob]:
        return (self._jobs[job_id] for _, job_id in self._ranks)

    def add(self, live: LiveJob) -> None:
        insort(self._ranks, (live.job.rank, live.job.id))
        self._jobs[live.job.id] = live
        shape = self._shapes.get(live.job.graph_key)
        self._shapes[live.job.graph_key] = (live.job, 1 if shape is None else shape[1] + 1)

    def remove(self, live: LiveJob) -> None:
        position = bisect_left(self._ranks, (live.job.rank, live.job.id))
        if self._ranks[position][1] != live.job.id:
            raise KeyError(live.job.id)
        del self._ranks[position]
        del self._jobs[live.job.id]
        job, count = self._shapes.pop(live.job.graph_key)
        if count > 1:
            self._shapes[live.job.graph_key] = (job, count - 1)

    def shapes(self) -> Iterable[tuple[Job, int]]:
        """A job of each kind, and how many of its kind wait: one kind runs where one of it does."""
        return self._shapes.values()

    def ahead_of(self, rank: float, job_id: str) -> int:
        """How many jobs of this line come before that place."""
        return bisect_left(self._ranks, (rank, job_id))


class JobQueue:
    """Every live job by id, and those that wait, by priority and user."""

    def __init__(self) -> None:
        self.live: dict[str, LiveJob] = {}
        self.paused = False
        self.stopping = False
        """Studio is about to be stopped: nothing is sent, and nothing new is taken."""
        self.listener: QueueListener | None = None
        self.finished: OrderedDict[str, FinishedJob] = OrderedDict()
        self._lines: dict[int, dict[str, WaitingLine]] = {}
        self._by_user: dict[str, int] = {}
        self._top_rank = 0.0

    @property
    def depth(self) -> int:
        """Unfinished jobs, running ones included."""
        return len(self.live)

    @property
    def has_waiting(self) -> bool:
        return bool(self._lines)

    def depth_of(self, user_id: str) -> int:
        return self._by_user.get(user_id, 0)

    def next_rank(self) -> float:
        """A place behind everything."""
        self._top_rank += 1.0
        return self._top_rank

    def add(self, live: LiveJob, *, waiting: bool) -> None:
        """Take a job in; ``waiting`` ones can be picked at once."""
        self.live[live.job.id] = live
        self._by_user[live.job.user_id] = self.depth_of(live.job.user_id) + 1
        self._top_rank = max(self._top_rank, live.job.rank)
        if waiting:
            self.wait(live)
        if self.listener is not None:
            self.listener.on_job(live)
            self.listener.on_queue()

    def pause(self, paused: bool) -> None:
        """Whether nothing more is to be sent to any engine."""
        self.paused = paused
        if self.listener is not None:
            self.listener.on_queue()

    @property
    def is_sending(self) -> bool:
        """Whether engines get what waits."""
        return not (self.paused or self.stopping)

    def stop(self, stopping: bool) -> None:
        """Whether Studio gets ready to be stopped; not remembered, unlike a pause."""
        self.stopping = stopping
        if self.listener is not None:
            self.listener.on_queue()

    def wait(self, live: LiveJob) -> None:
        """Put a live job (back) into its line."""
        if not live.waiting:
            users = self._lines.setdefault(live.job.priority, {})
            users.setdefault(live.job.user_id, WaitingLine()).add(live)
            live.waiting = True
            if self.listener is not None:
                self.listener.on_queue()

    def claim(self, live: LiveJob) -> None:
        """Take a job out of its line: from now on whoever claimed it answers for it."""
        if live.waiting:
            users = self._lines[live.job.priority]
            line = users[live.job.user_id]
            line.remove(live)
            if not line:
                del users[live.job.user_id]
                if not users:
                    del self._lines[live.job.priority]
            live.waiting = False
            live.head_since_s = None
            if self.listener is not None:
                self.listener.on_queue()

    def finish(self, live: LiveJob, expires_at: int) -> None:
        """Let a job go; its watchers have been told."""
        self.finished[live.job.id] = FinishedJob(live.job, tuple(live.outputs), expires_at)
        if len(self.finished) > MAX_FINISHED:
            self.finished.popitem(last=False)
        self.claim(live)
        if self.live.pop(live.job.id, None) is not None:
            left = self.depth_of(live.job.user_id) - 1
            if left:
                self._by_user[live.job.user_id] = left
            else:
                self._by_user.pop(live.job.user_id, None)
            if self.listener is not None:
                self.listener.on_queue()

    def forget_output(self, job_id: str, asset_id: str) -> None:
        """An output of a finished job was deleted: it is not shown any more."""
        known = self.finished.get(job_id)
        if known is None:
            return
        left = tuple(asset for asset in known.outputs if asset.id != asset_id)
        self.finished[job_id] = finished = replace(known, outputs=left)
        if self.listener is not None:
            self.listener.on_outputs(finished)

    def forget(self, job_ids: Iterable[str]) -> None:
        """Their rows have changed since they ended: whoever asks for one reads it anew."""
        for job_id in job_ids:
            self.finished.pop(job_id, None)

    def move(self, live: LiveJob, *, rank: float, priority: int) -> None:
        """Give a waiting job another place."""
        self.claim(live)
        live.update(rank=rank, priority=priority)
        self.wait(live)
        if self.listener is not None:
            self.listener.on_job(live)

    def lines(self) -> Iterable[tuple[int, dict[str, WaitingLine]]]:
        """Waiting lines by priority, the highest first."""
        return sorted(self._lines.items(), reverse=True)

    def position(self, live: LiveJob) -> int | None:
        """The job's place counting from 1, running jobs not counted; ``None`` once it runs."""
        if live.job.status is not JobStatus.QUEUED:
            return None
        if not live.waiting:
            return 1
        ahead = 0
        for priority, users in self._lines.items():
            if priority < live.job.priority:
                continue
            for line in users.values():
                ahead += (
                    len(line)
                    if priority > live.job.priority
                    else line.ahead_of(live.job.rank, live.job.id)
                )
        return ahead + 1

    def in_order(self) -> Iterator[LiveJob]:
        """Waiting jobs as the queue page lists them: priority, then place."""
        for _, users in self.lines():
            if len(users) == 1:
                yield from next(iter(users.values()))
            else:
                everyone = [live for line in users.values() for live in line]
                yield from sorted(everyone, key=lambda live: (live.job.rank, live.job.id))


def output_order(asset: Asset) -> tuple[int, str, int]:
    """Outputs by node, numbers before names, then by index."""
    node = asset.node_id or ""
    return (int(node) if node.isdigit() else 1 << 60, node, asset.output_index or 0)
