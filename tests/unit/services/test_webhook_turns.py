"""Whose turn it is among ten thousand messages, and what a dead receiver costs the others."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.clients.webhook_receiver import Answer
from studio.models import OWNER_ID
from studio.services.webhook_delivery import MAX_PER_ENDPOINT, MAX_SILENT
from studio.store.webhook_deliveries import DeliveryStore
from tests.fakes.webhook_desk import Desk, open_desk
from tests.faults.harness import until


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as made:
        yield made


async def fill(desk: Desk, webhook_id: str, count: int, *, places: int = 1) -> None:
    """That many messages, all due, for one receiver or more."""
    now_ms = desk.clock.now_ms()

    def work(connection: sqlite3.Connection) -> None:
        connection.executemany(
            "INSERT INTO webhook_deliveries (id, webhook_id, key, type, lane, body, endpoint, "
            "state, created_at, next_at) VALUES (?, ?, ?, 'disk.low', ?, ?, ?, 'waiting', ?, ?)",
            [
                (
                    f"msg_{webhook_id}_{number}",
                    webhook_id,
                    f"old {number}",
                    f"{webhook_id} {number}",
                    "{}" + " " * 1_000,
                    webhook_id if places == 1 else f"{webhook_id} https://{number % places}.org",
                    now_ms,
                    now_ms - 1,
                )
                for number in range(count)
            ],
        )

    await desk.db.write(work)


async def test_ten_thousand_messages_for_a_dead_receiver_delay_nobody_else(desk: Desk) -> None:
    desk.hanging = {await desk.add("dead", OWNER_ID)}
    url = await desk.add("fine", OWNER_ID)
    await fill(desk, "dead", 10_000)
    desk.answer = Answer(200, None, "", 1)
    for number in range(30):
        await desk.tell(str(number))
    await until(lambda: desk.asked[url] == 30, "the other is told everything")
    assert desk.asked["https://example.org/dead"] <= MAX_PER_ENDPOINT


@pytest.mark.parametrize("places", [1, 50])
async def test_whose_turn_it_is_costs_the_same_however_much_waits(desk: Desk, places: int) -> None:
    await desk.add("dead", OWNER_ID)
    await desk.add("fine", OWNER_ID)
    await desk.delivery.close()
    now_ms, store = desk.clock.now_ms(), DeliveryStore(desk.db)
    names = [f"dead https://{number}.org" for number in range(places)] if places > 1 else ["dead"]
    steps: list[int] = []

    async def cost() -> int:
        """How many instructions SQLite's machine takes, in fifties."""
        counted = [0]

        def tick() -> int:
            counted[0] += 1
            return 0

        await desk.db.read(lambda connection: connection.set_progress_handler(tick, 50))
        for full, expected in (((), "dead"), (names, "fine")):
            found = await store.due(now_ms, but_lanes=(), but_endpoints=full, but_users=(), most=1)
            assert [due.webhook_id for due in found] == [expected]
        await desk.db.read(lambda connection: connection.set_progress_handler(None, 0))
        return counted[0]

    await fill(desk, "dead", 100, places=places)
    await fill(desk, "fine", 1)
    steps.append(await cost())
    await desk.db.write(
        lambda connection: connection.execute(
            "DELETE FROM webhook_deliveries WHERE webhook_id = 'dead'"
        )
    )
    await fill(desk, "dead", 10_000, places=places)
    steps.append(await cost())
    assert steps[0] > 0
    assert steps[1] <= steps[0] * 1.5


async def invite_four(desk: Desk) -> None:
    await desk.db.write(
        lambda connection: connection.executemany(
            "INSERT INTO users (id, name, role, created_at) VALUES (?, ?, 'member', 0)",
            [(f"u{number}", f"U{number}") for number in range(4)],
        )
    )


async def test_receivers_whose_next_message_waits_for_their_last_one_delay_nobody_else(
    desk: Desk,
) -> None:
    await invite_four(desk)
    slow = [await desk.add(f"slow-{number}", f"u{number % 3}") for number in range(9)]
    desk.hanging, desk.answer = set(slow), Answer(200, None, "", 1)
    await desk.tell("first", about="a disk")
    await desk.tell("second", about="a disk")
    await until(lambda: all(desk.asked[each] for each in slow), "each has one under way")
    url = await desk.add("fine", "u3")
    desk.clock.advance(1)
    await desk.tell("third", about="a disk")
    await until(lambda: desk.asked[url] == 1, "the other is told")
    assert [desk.asked[each] for each in slow] == [1] * 9


async def test_receivers_that_do_not_answer_share_half_of_all_attempts(desk: Desk) -> None:
    await invite_four(desk)
    desk.answer = Answer(None, "timeout", "", 1)
    silent = [await desk.add(f"silent-{number}", f"u{number % 3}") for number in range(12)]
    await desk.tell("first")
    await until(lambda: all(desk.asked[each] for each in silent), "each was asked once")
    await desk.attempts(1)
    url = await desk.add("fine", "u3")
    desk.asked.clear()
    desk.hanging = set(silent)
    desk.answer = Answer(200, None, "", 1)
    for number in range(20):
        await desk.tell(str(number))
    await until(lambda: desk.asked[url] == 20, "who answers is told everything")
    asked = [desk.asked[each] for each in silent]
    assert max(asked) <= 1
    assert sum(asked) <= MAX_SILENT


async def test_a_page_of_few_among_ten_thousand_is_found_by_an_index(desk: Desk) -> None:
    await desk.delivery.close()
    await fill(desk, "hook", 10_000)

    def some_failed(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE webhook_deliveries SET state = 'failed', ended_at = 1 WHERE seq IN (3, 5000)"
        )

    await desk.db.write(some_failed)
    counted = [0]

    def tick() -> int:
        counted[0] += 1
        return 0

    await desk.db.read(lambda connection: connection.set_progress_handler(tick, 50))
    failed = await desk.history.page("hook", state="failed", before=None, limit=50)
    newest = await desk.history.page("hook", state=None, before=None, limit=50)
    older = await desk.history.page("hook", state="failed", before=failed[0].seq, limit=50)
    await desk.db.read(lambda connection: connection.set_progress_handler(None, 0))
    assert [one.seq for one in failed] == [5000, 3]
    assert [one.seq for one in older] == [3]
    assert len(newest) == 50
    # All ten thousand would take more than a hundred thousand.
    assert counted[0] * 50 < 20_000


@pytest.mark.parametrize("state", ["delivered", "failed"])
async def test_of_what_has_ended_only_so_much_is_kept(desk: Desk, state: str) -> None:
    await desk.delivery.close()
    await desk.add("other", OWNER_ID)
    await fill(desk, "hook", 5_000)
    await fill(desk, "other", 50)
    now_ms = desk.clock.now_ms()

    def end(connection: sqlite3.Connection) -> None:
        connection.execute(
            "UPDATE webhook_deliveries SET state = ?, next_at = NULL, ended_at = ?", (state, now_ms)
        )

    await desk.db.write(end)
    assert await desk.delivery.sweep(most_ended=60) == 4_940
    left = await desk.history.page("hook", state=state, before=None, limit=200)
    assert [one.seq for one in left] == list(range(5_000, 4_940, -1))
    assert len(await desk.history.page("other", state=state, before=None, limit=200)) == 50
