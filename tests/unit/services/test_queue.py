"""The live picture of unfinished jobs: lines, places, counts."""

from __future__ import annotations

import random
from itertools import count

from studio.models import Preview, Progress
from studio.services.events import StatusChanged
from studio.services.queue import MAX_FINISHED, JobQueue, LiveJob
from tests.fakes.jobs import a_job

_NUMBERS = count()


def live_job(queue: JobQueue, *, user: str = "ann", priority: int = 0, key: str = "") -> LiveJob:
    number = next(_NUMBERS)
    return LiveJob(
        a_job(
            id=f"job {number}",
            user_id=user,
            created_at=number,
            rank=queue.next_rank(),
            priority=priority,
            graph_key=key,
        )
    )


def added(queue: JobQueue, **fields: object) -> LiveJob:
    live = live_job(queue, **fields)  # type: ignore[arg-type]
    queue.add(live, waiting=True)
    return live


def test_places_count_from_one_and_follow_priority_then_age() -> None:
    queue = JobQueue()
    jobs = [added(queue, user=user, priority=p) for user, p in (("a", 0), ("b", 5), ("a", 0))]
    assert [queue.position(live) for live in jobs] == [2, 1, 3]
    assert list(queue.in_order()) == [jobs[1], jobs[0], jobs[2]]


def test_a_claimed_job_is_in_no_line_and_comes_back_to_its_place() -> None:
    queue = JobQueue()
    jobs = [added(queue) for _ in range(3)]
    queue.claim(jobs[1])
    queue.claim(jobs[1])
    assert list(queue.in_order()) == [jobs[0], jobs[2]]
    queue.wait(jobs[1])
    queue.wait(jobs[1])
    assert list(queue.in_order()) == jobs


def test_a_finished_job_leaves_every_count_and_is_remembered() -> None:
    queue = JobQueue()
    live = added(queue)
    queue.finish(live, 5)
    assert (queue.depth, queue.depth_of("ann"), queue.has_waiting) == (0, 0, False)
    assert queue.finished[live.job.id].expires_at == 5
    queue.finish(live, 5)
    assert queue.depth_of("ann") == 0


def test_only_the_latest_finished_jobs_are_remembered() -> None:
    queue = JobQueue()
    jobs = [added(queue) for _ in range(MAX_FINISHED + 3)]
    for live in jobs:
        queue.finish(live, 1)
    assert len(queue.finished) == MAX_FINISHED
    assert jobs[0].job.id not in queue.finished


def test_lines_stay_right_through_ten_thousand_random_changes() -> None:
    chance = random.Random(3)
    queue = JobQueue()
    waiting: list[LiveJob] = []
    claimed: list[LiveJob] = []
    for _ in range(10_000):
        match chance.randrange(5):
            case 0 | 1:
                user, key = chance.choice("abc"), chance.choice("xyz")
                waiting.append(added(queue, user=user, key=key, priority=chance.randrange(3)))
            case 2 if waiting:
                live = waiting.pop(chance.randrange(len(waiting)))
                queue.claim(live)
                claimed.append(live)
            case 3 if claimed:
                live = claimed.pop(chance.randrange(len(claimed)))
                queue.wait(live)
                waiting.append(live)
            case 4 if waiting:
                live = waiting[chance.randrange(len(waiting))]
                queue.move(live, rank=chance.random() * 100, priority=chance.randrange(3))
    expected = sorted(waiting, key=lambda live: (-live.job.priority, live.job.rank, live.job.id))
    assert list(queue.in_order()) == expected
    for place in range(0, len(expected), 97):
        assert queue.position(expected[place]) == place + 1
    for _, users in queue.lines():
        for line in users.values():
            counts = {job.graph_key: count for job, count in line.shapes()}
            assert sum(counts.values()) == len(line)
            for key, number in counts.items():
                assert number == sum(live.job.graph_key == key for live in line)


class _Leaves:
    """Watches until it is told a status."""

    def __init__(self, live: LiveJob) -> None:
        self._live = live
        self.told = 0
        live.watchers.add(self)

    def show_status(self, _change: StatusChanged) -> None:
        self.told += 1
        self._live.watchers.discard(self)

    def show_outputs(self) -> None:
        self._live.watchers.discard(self)

    def show_progress(self, progress: Progress) -> None:
        """Of no interest here."""

    def show_preview(self, preview: Preview) -> None:
        """Nor is this."""


def test_watchers_may_leave_while_they_are_told() -> None:
    live = live_job(JobQueue())
    watchers = [_Leaves(live) for _ in range(5)]
    live.announce()
    assert [watcher.told for watcher in watchers] == [1] * 5
    assert live.watchers == set()
    for _ in range(5):
        _Leaves(live)
    live.publish([])
    assert live.watchers == set()
