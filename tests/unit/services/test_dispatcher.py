"""Which waiting job goes where: shares, priorities, models, windows, capable engines."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from studio.clients.comfy import ComfyClient
from studio.clock import FrozenClock, new_id
from studio.services.dispatcher import WINDOW, Dispatcher
from studio.services.engine import Engine, EngineState
from studio.services.engines import EngineService
from studio.services.pace import Pace
from studio.services.queue import MAX_OVERTAKEN_S, MAX_OVERTAKES, JobQueue, LiveJob
from studio.services.usage import Usage
from studio.settings import EngineSetting
from tests.fakes.comfy_graphs import CLASSES, MODELS
from tests.fakes.jobs import a_job

RED, BLUE = MODELS


class Bench:
    """A queue, engines that take whatever they are given, and the dispatcher between them."""

    def __init__(self, clock: FrozenClock, engines: EngineService) -> None:
        self.clock = clock
        self.queue = JobQueue()
        self.usage = Usage(clock)
        self.engines = engines
        self.started: list[tuple[str, str]] = []
        self.expired: list[str] = []
        self.taken_back: list[str] = []
        self.dispatcher = Dispatcher(
            queue=self.queue,
            engines=engines,
            usage=self.usage,
            clock=clock,
            start=self._start,
            expire=self._expire,
            take_back=lambda live: self.taken_back.append(live.job.title),
        )

    def _start(self, engine: Engine, live: LiveJob) -> None:
        engine.occupied += 1
        self.started.append((engine.name, live.job.title))

    async def _expire(self, live: LiveJob) -> None:
        assert not live.waiting, "it could still be picked while its end is written"
        self.expired.append(live.job.title)
        for other in list(self.queue.live.values()):
            # While this end was written, somebody else took the next one.
            if other is not live and other.waiting:
                self.queue.claim(other)

    def add(self, title: str, *, user: str = "ann", model: str = "", **fields: Any) -> LiveJob:
        """A waiting job; ``model`` is the one file it loads."""
        job = a_job(
            id=new_id(),
            user_id=user,
            created_at=self.clock.now_ms(),
            rank=self.queue.next_rank(),
            priority=fields.pop("priority", 0),
            graph_key=f"key {model} {fields.get('classes', '')}",
            affinity_key=model,
            classes=fields.pop("classes", frozenset({"SaveImage"})),
            models=(("Loader", "ckpt_name", model),) if model else (),
            title=title,
            **fields,
        )
        live = LiveJob(job)
        self.queue.add(live, waiting=True)
        return live

    def take(self, engine: Engine) -> str | None:
        """What ``engine`` gets next."""
        live = self.dispatcher.pick(engine)
        if live is None:
            return None
        self.queue.claim(live)
        engine.loaded[live.job.affinity_key] = ()
        return live.job.title

    def take_all(self, engine: Engine) -> list[str]:
        return [title for title in iter(lambda: self.take(engine), None) if title is not None]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    clock = FrozenClock()
    service = EngineService(
        settings=(),
        supervisor=None,
        record=tmp_path / "engines.json",
        clock=clock,
        hang_s=300,
        pace=Pace(),
    )
    for name in ("one", "two"):
        setting = EngineSetting(name, "remote", "http://127.0.0.1:1")
        engine = Engine(setting=setting, client=ComfyClient(setting.url), client_id=name)
        engine.learn(CLASSES)
        engine.state = EngineState.READY
        service.engines[name] = engine
    yield Bench(clock, service)
    await service.stop()


@pytest.fixture
def one(bench: Bench) -> Engine:
    return bench.engines.engines["one"]


@pytest.fixture
def two(bench: Bench) -> Engine:
    return bench.engines.engines["two"]


def test_jobs_of_one_user_go_in_the_order_they_came(bench: Bench, one: Engine) -> None:
    for number in range(5):
        bench.add(str(number))
    assert bench.take_all(one) == ["0", "1", "2", "3", "4"]


def test_two_users_share_though_one_came_with_a_hundred_jobs(bench: Bench, one: Engine) -> None:
    for number in range(100):
        bench.add(f"ann {number}")
    for number in range(3):
        bench.add(f"bob {number}", user="bob")
    order = []
    for _ in range(6):
        title = bench.take(one)
        assert title is not None
        order.append(title)
        bench.usage.add(title.split()[0], 10.0)

    assert sorted(order) == ["ann 0", "ann 1", "ann 2", "bob 0", "bob 1", "bob 2"]


def test_what_was_used_long_ago_counts_for_less(bench: Bench, one: Engine) -> None:
    bench.usage.add("ann", 100.0)
    bench.clock.advance(4 * 3600)
    bench.usage.add("bob", 10.0)
    bench.add("ann")
    bench.add("bob", user="bob")
    assert bench.take(one) == "ann"


def test_priority_goes_before_share_and_age(bench: Bench, one: Engine) -> None:
    bench.add("old")
    bench.usage.add("bob", 1000.0)
    bench.add("urgent", user="bob", priority=5)
    bench.add("idle", user="cid", priority=-5)
    assert bench.take_all(one) == ["urgent", "old", "idle"]


def test_a_loaded_model_overtakes_but_at_most_eight_times(bench: Bench, one: Engine) -> None:
    one.loaded[RED] = ()
    bench.add("blue", model=BLUE)
    for number in range(20):
        bench.add(f"red {number}", model=RED)
    order = bench.take_all(one)

    assert order.index("blue") == MAX_OVERTAKES == 8
    assert order[:8] == [f"red {number}" for number in range(8)]


def test_one_leap_passes_at_most_eight_jobs(bench: Bench, one: Engine) -> None:
    one.loaded[RED] = ()
    for number in range(9):
        bench.add(f"blue {number}", model=BLUE)
    bench.add("red", model=RED)
    assert bench.take(one) == "blue 0"
    one.loaded.pop(BLUE, None)
    assert bench.take(one) == "red"


def test_a_job_at_the_head_for_a_minute_is_overtaken_no_more(bench: Bench, one: Engine) -> None:
    one.loaded[RED] = ()
    bench.add("blue", model=BLUE)
    for number in range(5):
        bench.add(f"red {number}", model=RED)
    assert bench.take(one) == "red 0"
    bench.clock.advance(MAX_OVERTAKEN_S - 1)
    assert bench.take(one) == "red 1"
    bench.clock.advance(1)
    assert bench.take(one) == "blue"


def test_an_affinity_never_outweighs_another_users_share(bench: Bench, one: Engine) -> None:
    one.loaded[RED] = ()
    bench.usage.add("ann", 60.0)
    bench.add("ann red", model=RED)
    bench.add("bob blue", user="bob", model=BLUE)
    assert bench.take(one) == "bob blue"


def test_an_engine_that_lacks_a_class_leaves_the_job_to_the_other(
    bench: Bench, one: Engine, two: Engine
) -> None:
    one.learn({name: node for name, node in CLASSES.items() if name != "ShowText"})
    bench.add("words", classes=frozenset({"ShowText"}))
    bench.add("picture")
    assert bench.take(one) == "picture"
    assert bench.take(one) is None
    assert bench.take(two) == "words"


def test_an_engine_that_lacks_a_model_leaves_the_job_to_the_other(
    bench: Bench, one: Engine, two: Engine
) -> None:
    loader = {**CLASSES["Loader"], "input": {"required": {"ckpt_name": [[BLUE]]}}}
    one.learn({**CLASSES, "Loader": loader})
    bench.add("red", model=RED)
    assert bench.take(one) is None
    assert bench.take(two) == "red"


def test_a_job_that_no_engine_can_run_is_sent_to_be_refused_by_name(
    bench: Bench, one: Engine
) -> None:
    bench.add("strange", classes=frozenset({"NoSuchNode"}))
    assert bench.take(one) == "strange"


def test_a_job_is_kept_for_an_engine_that_was_not_reached_yet(
    bench: Bench, one: Engine, two: Engine
) -> None:
    two.info, two.state = None, EngineState.DOWN
    bench.add("strange", classes=frozenset({"NoSuchNode"}))
    assert bench.take(one) is None
    bench.clock.advance(299)
    assert bench.take(one) is None


@pytest.mark.parametrize(
    ("state", "waited_s"),
    [
        (EngineState.DOWN, 301),
        (EngineState.STARTING, 301),
        (EngineState.STOPPED, 0),
        (EngineState.INCOMPATIBLE, 0),
    ],
)
def test_a_job_is_not_kept_for_ever_for_an_engine_that_was_never_reached(
    bench: Bench, one: Engine, two: Engine, state: EngineState, waited_s: float
) -> None:
    two.info, two.state = None, state
    bench.add("strange", classes=frozenset({"NoSuchNode"}))
    bench.clock.advance(waited_s)
    assert bench.take(one) == "strange"


def test_an_engine_finds_its_job_behind_thousands_that_only_the_other_can_run(
    bench: Bench, one: Engine
) -> None:
    one.learn({name: node for name, node in CLASSES.items() if name != "ShowText"})
    for number in range(5000):
        bench.add(f"words {number}", classes=frozenset({"ShowText"}))
    bench.add("picture")
    assert bench.take(one) == "picture"


async def test_each_engine_holds_at_most_two_jobs_and_the_editors_own_count(
    bench: Bench, one: Engine, two: Engine
) -> None:
    two.foreign = 1
    for number in range(10):
        bench.add(str(number))
    bench.dispatcher.wake()
    await _turns()

    assert (one.occupied, two.occupied) == (WINDOW, 1)
    two.count_foreign(queue_remaining=1)
    bench.dispatcher.wake()
    await _turns()
    assert two.occupied == WINDOW


async def test_nothing_is_sent_to_an_engine_that_is_not_ready(bench: Bench) -> None:
    for engine in bench.engines.engines.values():
        engine.distrust("it refused a connection")
    bench.add("fox")
    bench.dispatcher.wake()
    await _turns()
    assert bench.started == []


async def test_a_deadline_ends_only_what_still_waits(bench: Bench) -> None:
    past = bench.clock.now_ms() - 1
    for number in range(3):
        bench.add(str(number), deadline_at=past)
    watching = asyncio.create_task(bench.dispatcher.watch_deadlines())
    await asyncio.sleep(1.2)
    watching.cancel()
    assert bench.expired == ["0"]


async def test_a_paused_queue_sends_nothing(bench: Bench) -> None:
    bench.queue.paused = True
    bench.add("fox")
    bench.dispatcher.wake()
    await _turns()
    assert bench.started == []
    assert bench.dispatcher.reserve(bench.add("hen").job) is None


def test_an_engine_that_can_run_none_of_thousands_gets_none(bench: Bench, one: Engine) -> None:
    one.learn({name: node for name, node in CLASSES.items() if name != "ShowText"})
    jobs = [bench.add(str(n), classes=frozenset({"ShowText"})) for n in range(500)]
    assert bench.take(one) is None
    bench.queue.claim(jobs[0])
    picture = bench.add("picture")
    assert bench.take(one) == "picture"
    bench.queue.wait(picture)
    picture.excluded.add("one")
    assert bench.take(one) is None


def test_ten_thousand_jobs_are_picked_in_the_right_order(bench: Bench, one: Engine) -> None:
    chance = random.Random(7)
    expected = []
    for number in range(10_000):
        priority = chance.choice([0, 0, 0, 1, 2])
        bench.add(str(number), priority=priority)
        expected.append((-priority, number))
    order = bench.take_all(one)

    assert order == [str(number) for _, number in sorted(expected)]


async def _turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)
