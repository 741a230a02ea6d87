"""Waiting for an event: in time, too late, and cancelled at the very moment."""

from __future__ import annotations

import asyncio

import pytest

from studio.waits import set_within


async def test_it_says_whether_the_event_was_set_in_time() -> None:
    event = asyncio.Event()
    assert not await set_within(event, 0.01)
    asyncio.get_running_loop().call_later(0.01, event.set)
    assert await set_within(event, 20)
    assert await set_within(event, 0)
    assert await set_within(event, None)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("seconds", [None, 20.0])
async def test_a_cancel_that_was_accepted_is_not_swallowed(
    turns: int, seconds: float | None
) -> None:
    event = asyncio.Event()

    async def waits() -> None:
        """Once more, as loops do: a swallowed cancel would leave it there for ever."""
        await set_within(event, seconds)
        event.clear()
        await set_within(event, 5)

    task = asyncio.create_task(waits())
    for _ in range(3):
        await asyncio.sleep(0)
    event.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    assert task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
