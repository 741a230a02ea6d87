"""What jobs, the queue and engines tell the feed, how often, and that it costs nothing unheard."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.clients.comfy import ComfyClient
from studio.clock import FrozenClock
from studio.models import ROLE_SCOPES, Identity, JobStatus, Preview, Progress, Role
from studio.services.engine import Engine, EngineState
from studio.services.engines import EngineService
from studio.services.feed import Feed, Reader
from studio.services.health import HealthService
from studio.services.job_news import MAX_FINISHED, MAX_ORDER, JobNews
from studio.services.news import Frame, JobPicture, JobPreview, News, Topic
from studio.services.pace import Pace
from studio.services.queue import JobQueue, LiveJob
from studio.services.system_news import SystemNews
from studio.settings import EngineSetting
from studio.store.db import Database
from tests.fakes.jobs import a_job

OWNER = Identity("owner", Role.OWNER, ROLE_SCOPES[Role.OWNER])
ANNA = Identity("anna", Role.MEMBER, ROLE_SCOPES[Role.MEMBER])
EVERYTHING = set(Topic)


class Desk:
    """A queue, what is told of it, and one reader who keeps all of it."""

    def __init__(self) -> None:
        self.queue = JobQueue()
        self.feed = Feed(is_live=lambda _: True, linger_s=0.0)
        self.jobs = JobNews(feed=self.feed, queue=self.queue, expiry=lambda _: 7)
        self.feed.connect(self.jobs)
        self.heard: list[News] = []
        self.reader = Reader(OWNER, kind="owner", render=self._hear)
        self.reader.topics |= EVERYTHING

    def _hear(self, news: News) -> Frame:
        self.heard.append(news)
        return b"told"

    def add(self, user: str = "owner", *, waiting: bool = True) -> LiveJob:
        number = self.queue.next_rank()
        live = LiveJob(
            a_job(
                id=f"job {number:.0f}",
                user_id=user,
                status=JobStatus.QUEUED if waiting else JobStatus.RUNNING,
                created_at=int(number),
                rank=number,
            )
        )
        self.queue.add(live, waiting=waiting)
        return live

    def end(self, live: LiveJob) -> None:
        """As the finisher does."""
        live.job = replace(live.job, status=JobStatus.SUCCEEDED, completed_at=1)
        live.publish([])
        self.queue.finish(live, 7)
        live.announce()

    def told(self, topic: Topic, event: str) -> list[News]:
        return [news for news in self.heard if (news.topic, news.event) == (topic, event)]


def at(value: float) -> Progress:
    return Progress(value=value, nodes_done=0, nodes_total=1)


async def test_a_job_that_nobody_follows_has_no_watcher() -> None:
    desk = Desk()
    before, listener = desk.add(), desk.queue.listener
    assert (before.watchers, listener) == (set(), None)
    desk.feed.enter(desk.reader)
    during = desk.add()
    assert [len(live.watchers) for live in (before, during)] == [1, 1]
    desk.feed.leave(desk.reader)
    await asyncio.sleep(0.02)
    assert [len(live.watchers) for live in (before, during, desk.add())] == [0, 0, 0]
    assert desk.queue.listener is None
    assert desk.heard == []


async def test_an_end_with_its_outputs_is_one_event_and_the_last_of_its_job() -> None:
    desk = Desk()
    desk.feed.enter(desk.reader)
    live = desk.add(waiting=False)
    await asyncio.sleep(0)
    for watcher in live.watchers:
        watcher.show_progress(at(0.1))
        watcher.show_progress(at(0.2))
    desk.end(live)
    await asyncio.sleep(0.3)
    pictures = [news.data for news in desk.told(Topic.JOBS, "changed")]
    assert [one.job.status for one in pictures if isinstance(one, JobPicture)] == [
        JobStatus.RUNNING,
        JobStatus.SUCCEEDED,
    ]
    assert desk.told(Topic.JOBS, "progress") == []
    assert live.watchers == set()


async def test_the_progress_of_a_job_that_ended_is_told_to_nobody_who_comes_later() -> None:
    desk = Desk()
    other = Reader(OWNER, kind="another", render=lambda _: b"")
    desk.feed.enter(other)
    desk.reader.topics.clear()
    live = desk.add(waiting=False)
    for watcher in live.watchers:
        watcher.show_progress(at(0.5))
    await asyncio.sleep(0.1)
    last = desk.feed.last
    desk.end(live)
    await asyncio.sleep(0.1)
    assert last == 3
    desk.feed.enter(desk.reader)
    assert desk.feed.resume(desk.reader, {Topic.JOBS}, 0)
    await asyncio.wait_for(desk.reader.next(), 5)
    assert [news.event for news in desk.heard] == ["changed", "changed"]


async def test_progress_and_previews_are_told_four_times_a_second_and_the_latest_always() -> None:
    desk = Desk()
    desk.feed.enter(desk.reader)
    live = desk.add(waiting=False)
    for number in range(100):
        for watcher in live.watchers:
            watcher.show_progress(at(number / 100))
            watcher.show_preview(Preview("1", "image/png", str(number).encode()))
        await asyncio.sleep(0.002)
    await asyncio.sleep(0.4)
    told = [news.data for news in desk.told(Topic.JOBS, "progress")]
    shown = [news.data for news in desk.told(Topic.PREVIEWS, "preview")]
    assert 2 <= len(told) == len(shown) < 20
    last = shown[-1]
    assert isinstance(last, JobPreview)
    assert last.preview.data == b"99"


async def test_many_changes_of_the_queue_are_told_together() -> None:
    desk = Desk()
    desk.feed.enter(desk.reader)
    lives = [desk.add() for _ in range(50)]
    await asyncio.sleep(0.1)
    for live in lives[:49]:
        desk.queue.claim(live)
    desk.queue.pause(True)
    await asyncio.sleep(0.3)
    told = desk.told(Topic.QUEUE, "changed")
    assert len(told) == 2
    picture = desk.jobs.queue()
    assert told[-1].data == picture
    # Those that were handed to an engine have not started yet, and stand before the rest.
    assert (picture.paused, picture.everything.order) == (
        True,
        tuple(live.job.id for live in lives),
    )
    assert picture.everything.positions == tuple(range(1, 51))


async def test_a_long_queue_is_told_with_its_first_jobs() -> None:
    desk = Desk()
    for number in range(3 * MAX_ORDER):
        desk.add("anna" if number % 2 else "ben")
    picture = desk.jobs.queue()
    line = picture.line(ANNA)
    assert (line.depth, len(line.order)) == (3 * MAX_ORDER // 2, MAX_ORDER)
    assert line.positions[:3] == (2, 4, 6)
    assert picture.line(OWNER).depth == 3 * MAX_ORDER
    assert picture.line(Identity("nobody", Role.GUEST, frozenset())).order == ()


async def test_a_job_that_ends_while_its_list_is_read_is_in_the_snapshot() -> None:
    desk = Desk()
    stays, ends = desk.add(), desk.add()
    others = [desk.add("anna") for _ in range(2)]
    stored: list[JobPicture] = []
    desk.end(ends)
    desk.end(others[0])
    found = desk.jobs.jobs(OWNER, stored)
    assert [one.job.id for one in found] == [
        live.job.id for live in (others[1], others[0], ends, stays)
    ]
    assert [one.job.id for one in desk.jobs.jobs(ANNA, stored)] == [
        live.job.id for live in others[::-1]
    ]


async def test_a_snapshot_has_the_latest_twenty_of_those_that_ended() -> None:
    desk = Desk()
    for _ in range(2 * MAX_FINISHED):
        desk.end(desk.add())
    found = desk.jobs.jobs(OWNER, [])
    assert [one.job.created_at for one in found] == list(range(40, 20, -1))


# -- engines and readiness ------------------------------------------------------------------------


@pytest.fixture
async def health(tmp_path: Path) -> AsyncIterator[tuple[HealthService, Engine]]:
    engines = EngineService(
        settings=(),
        supervisor=None,
        record=tmp_path / "engines.json",
        clock=FrozenClock(),
        hang_s=300.0,
        pace=Pace(),
    )
    setting = EngineSetting("one", "remote", "http://127.0.0.1:1")
    engine = Engine(setting=setting, client=ComfyClient(setting.url), client_id="us")
    engines.engines["one"] = engine
    db = Database(tmp_path / "studio.db")
    yield HealthService(db=db, engines=engines, isolated=True, notices=["hello"]), engine
    await engine.client.close()


async def test_a_change_of_an_engine_is_told_once(
    health: tuple[HealthService, Engine],
) -> None:
    service, engine = health
    desk = Desk()
    desk.feed.connect(SystemNews(feed=desk.feed, health=service, look_every_s=0.01))
    desk.feed.enter(desk.reader)
    await asyncio.sleep(0.05)
    assert desk.heard == []
    engine.state, engine.reason = EngineState.READY, ""
    await asyncio.sleep(0.1)
    engine.log_tail.append("a new line")
    await asyncio.sleep(0.1)
    engines = [news.data for news in desk.told(Topic.ENGINES, "changed")]
    system = [news.data for news in desk.told(Topic.SYSTEM, "changed")]
    assert engines[-1] == {"engines": service.engines()}
    assert len(engines) == 2
    expected = {"ready": True, "reasons": [], "notices": ["hello"]}
    assert system == [{**expected, "engine_kinds": {"one": "remote"}}]
    desk.feed.stop()
