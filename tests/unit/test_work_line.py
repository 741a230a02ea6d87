"""The line before the connection: what runs together, what waits, in which order."""

from __future__ import annotations

import asyncio
import sqlite3

import pytest

from studio.errors import StorageUnavailable
from studio.store.work_line import Item, WorkLine


def _nothing(_: sqlite3.Connection) -> None:
    return None


def _item(*, writes: bool = True, **flags: bool) -> Item:
    return Item(_nothing, asyncio.get_running_loop().create_future(), writes, **flags)


def _line(*items: Item) -> WorkLine:
    line = WorkLine()
    for item in items:
        line.add(item)
    return line


async def test_all_that_waits_runs_together_in_its_order() -> None:
    items = [_item(), _item(writes=False), _item(durable=False), _item(short=True)]
    line = _line(*items)
    assert line.is_pressing
    assert line.take() == items
    assert line.take() == []
    assert not line.is_pressing


async def test_work_that_must_run_alone_parts_the_line() -> None:
    first, second = _item(), _item(writes=False)
    alone, also_alone, last = _item(alone=True), _item(alone=True), _item()
    line = _line(first, second, alone, also_alone, last)
    batches = [line.take() for _ in range(5)]
    assert batches == [[first, second], [alone], [also_alone], [last], []]


async def test_what_comes_first_is_taken_first() -> None:
    usual, urgent = _item(), _item(alone=True)
    line = _line(usual)
    line.add(urgent, first=True)
    assert [line.take(), line.take()] == [[urgent], [usual]]


async def test_a_patient_write_comes_along_with_a_durable_one() -> None:
    items = [_item(patient=True), _item(writes=False), _item(), _item(patient=True)]
    line = _line(*items)
    assert line.take() == items


@pytest.mark.parametrize(
    "company", [{"durable": False}, {"writes": False}], ids=["not durable", "read"]
)
async def test_a_patient_write_does_not_join_what_costs_no_fsync(company: dict[str, bool]) -> None:
    patient, other = _item(patient=True), _item(**company)
    line = _line(patient, other)
    assert line.take() == [other]
    pressing = [line.is_pressing]
    line.press()
    assert [*pressing, line.is_pressing] == [False, True]
    assert line.take() == [patient]


async def test_patient_writes_alone_are_nothing_to_hurry_for() -> None:
    patient = [_item(patient=True), _item(patient=True)]
    line = _line(*patient)
    assert not line.is_pressing
    assert line.take() == []
    line.press()
    assert line.take() == patient


async def test_a_patient_write_does_not_hasten_for_a_commit_that_comes_after_a_pause() -> None:
    """Work that runs alone lies between them: they could not share a commit now."""
    patient, alone, durable = _item(patient=True), _item(alone=True), _item()
    line = _line(patient, alone, durable)
    assert [line.take(), line.take()] == [[alone], [patient, durable]]


async def test_work_that_runs_alone_lets_go_first_what_may_share_a_commit_before_it() -> None:
    patient, durable, alone = _item(patient=True), _item(), _item(alone=True)
    line = _line(patient, durable, alone)
    assert [line.take(), line.take()] == [[patient, durable], [alone]]


async def test_refused_writes_are_told_and_reads_stay() -> None:
    read, write, patient, gone = _item(writes=False), _item(), _item(patient=True), _item()
    gone.future.cancel()
    line = _line(write, read, patient, gone)
    line.refuse_writes(StorageUnavailable("not now"))
    for refused in (write, patient):
        with pytest.raises(StorageUnavailable, match="not now"):
            await refused.future
    assert gone.future.cancelled()
    assert line.take() == [read]


async def test_an_item_tells_what_came_of_it_unless_nobody_waits() -> None:
    done, failed, gone = _item(), _item(), _item()
    gone.future.cancel()
    for item in (done, gone):
        item.settle((7, None))
    failed.settle((None, ValueError("broken")))
    assert await done.future == 7
    with pytest.raises(ValueError, match="broken"):
        await failed.future
    assert gone.future.cancelled()
