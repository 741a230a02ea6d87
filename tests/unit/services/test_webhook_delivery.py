"""Deliveries over days: the schedule, who is given up, and what is forgotten."""

from __future__ import annotations

import asyncio
import itertools
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.clients.webhook_receiver import Answer
from studio.models import OWNER_ID, JobStatus
from studio.services.queue import JobQueue, LiveJob
from studio.services.webhook_delivery import MAX_PER_USER
from studio.services.webhook_progress import WebhookProgress
from studio.store.webhook_deliveries import DeliveryState
from tests.fakes.jobs import a_job
from tests.fakes.webhook_desk import Desk, open_desk
from tests.faults.harness import until

DAY_S = 86_400.0


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as made:
        yield made


async def test_a_message_is_sent_ten_times_over_three_days(desk: Desk) -> None:
    began = desk.clock.now_ms()
    await desk.tell("one")
    for count in range(1, 11):
        await desk.attempts(count)
        [told] = await desk.history.page(desk.webhook_id, state=None, before=None, limit=10)
        if told.next_at is not None:
            desk.clock.advance((told.next_at - desk.clock.now_ms()) / 1000)
            desk.delivery.wake()
    waited = [round((each - began) / 1000) for each in desk.posts]
    steps = [later - before for before, later in itertools.pairwise(waited)]
    assert steps == [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]
    assert (told.state, told.attempts) == (DeliveryState.FAILED, 10)
    assert desk.disabled == []


async def test_a_webhook_that_takes_nothing_for_five_days_is_disabled(desk: Desk) -> None:
    for key, attempts in (("one", 0), ("two", 10)):
        assert desk.disabled == []
        await desk.tell(key)
        for count in range(1, 11):
            await desk.attempts(attempts + count)
            [told] = await desk.history.page("hook", state=None, before=None, limit=1)
            if told.next_at is not None:
                desk.clock.advance((told.next_at - desk.clock.now_ms()) / 1000)
                desk.delivery.wake()
    await until(lambda: bool(desk.disabled), "it is disabled")
    assert desk.disabled == [("hook", "failing")]
    found = await desk.store.get("hook", None)
    assert found.disabled_reason == "failing"


async def test_what_is_a_week_old_is_forgotten_and_what_waits_that_long_has_failed(
    desk: Desk,
) -> None:
    desk.answer = Answer(200, None, "", 1)
    await desk.tell("taken")
    await desk.attempts(1)
    await desk.store.change("hook", None, {"paused_at": 1}, desk.clock.now_ms())
    await desk.tell("waits")
    desk.clock.advance(8 * DAY_S)
    assert await desk.delivery.sweep() == 2
    [left] = await desk.history.page("hook", state=None, before=None, limit=10)
    assert (left.type, left.state) == ("disk.low", DeliveryState.FAILED)


async def test_of_what_waits_only_so_much_is_kept(desk: Desk) -> None:
    await desk.store.change("hook", None, {"paused_at": 1}, desk.clock.now_ms())
    for number in range(6):
        await desk.tell(str(number))
    assert await desk.delivery.sweep(most_waiting=4) == 2
    waiting = await desk.history.page("hook", state="waiting", before=None, limit=10)
    failed = await desk.history.page("hook", state="failed", before=None, limit=10)
    assert [one.seq for one in failed] == [2, 1]
    assert [one.seq for one in waiting] == [6, 5, 4, 3]


async def test_one_thing_is_told_once(desk: Desk) -> None:
    desk.answer = Answer(200, None, "", 1)
    await desk.tell("same")
    await desk.tell("same")
    await desk.attempts(1)
    assert len(await desk.history.page("hook", state=None, before=None, limit=10)) == 1


async def test_an_attempt_that_breaks_off_counts_as_one(desk: Desk) -> None:
    desk.breaks_off = True
    await desk.tell("one")
    await desk.attempts(1)
    [told] = await desk.history.page("hook", state=None, before=None, limit=10)
    assert (told.state, told.attempts) == (DeliveryState.WAITING, 1)
    assert (told.status, told.error) == (None, "internal_error")
    assert told.next_at == desk.clock.now_ms() + 5_000
    assert len(desk.posts) == 1


async def test_a_user_whose_receivers_hang_holds_up_nobody_else(desk: Desk) -> None:
    def invite(connection: sqlite3.Connection) -> None:
        connection.execute(
            "INSERT INTO users (id, name, role, created_at) VALUES ('mia', 'Mia', 'member', 0)"
        )

    await desk.db.write(invite)
    desk.hanging = {await desk.add(f"hanging-{number}", OWNER_ID) for number in range(4)}
    url = await desk.add("fine", "mia")
    desk.answer = Answer(200, None, "", 1)
    for number in range(6):
        await desk.tell(str(number))
    await until(lambda: desk.asked[url] == 6, "the other user is told everything")
    assert sum(desk.asked[each] for each in desk.hanging) <= MAX_PER_USER


async def test_nothing_is_sent_once_it_is_closed(desk: Desk) -> None:
    desk.hanging = {"https://example.org/"}
    await desk.tell("one")
    await until(lambda: len(desk.posts) == 1, "it is under way")
    await desk.delivery.close()
    await desk.tell("two")
    async with asyncio.timeout(10):
        await desk.delivery.run()
    assert len(desk.posts) == 1


async def test_no_progress_is_watched_once_that_is_closed(desk: Desk) -> None:
    queue = JobQueue()
    live = LiveJob(a_job(status=JobStatus.RUNNING))
    queue.add(live, waiting=False)

    async def nowhere(_webhook_id: str) -> None:
        return None

    progress = WebhookProgress(
        outbox=desk.outbox,
        queue=queue,
        clock=desk.clock,
        send=desk.delivery.send_progress,
        address=nowhere,
        every_s=0.0,
    )
    progress.begin(live.job)
    assert len(live.watchers) == 1
    await progress.close()
    progress.begin(live.job)
    assert live.watchers == set()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 599])
async def test_a_receiver_in_trouble_that_asks_for_time_gets_it(desk: Desk, status: int) -> None:
    desk.answer = Answer(status, "status", "", 1, retry_after_s=600.0)
    await desk.tell("one")
    await desk.attempts(1)
    [told] = await desk.history.page("hook", state=None, before=None, limit=10)
    assert told.next_at == desk.clock.now_ms() + 600_000


async def test_what_waits_for_a_paused_webhook_is_due_at_no_time_until_it_goes_on(
    desk: Desk,
) -> None:
    async def pause(paused_at: int | None) -> None:
        await desk.store.change("hook", None, {"paused_at": paused_at}, desk.clock.now_ms())
        desk.delivery.wake()

    async def due() -> list[int | None]:
        found = await desk.history.page("hook", state="waiting", before=None, limit=10)
        return [one.next_at for one in found]

    await desk.tell("tried")
    await desk.attempts(1)
    assert await due() != [None]
    await pause(1)
    await desk.tell("told meanwhile")
    assert await due() == [None, None]
    [_, tried] = await desk.history.page("hook", state=None, before=None, limit=10)
    await desk.history.again("hook", tried.id, desk.clock.now_ms())
    assert await due() == [None, None]
    desk.answer = Answer(200, None, "", 1)
    await pause(None)
    await desk.attempts(2)
    assert await due() == []


async def test_an_attempt_under_way_while_its_webhook_is_paused_is_not_followed_by_another(
    desk: Desk,
) -> None:
    held = desk.held = asyncio.Event()
    await desk.tell("one")
    await until(lambda: len(desk.posts) == 1, "it is under way")
    await desk.store.change("hook", None, {"paused_at": 1}, desk.clock.now_ms())
    held.set()
    await desk.attempts(1)
    [told] = await desk.history.page("hook", state="waiting", before=None, limit=10)
    assert (told.attempts, told.next_at) == (1, None)
