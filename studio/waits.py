"""Waiting for an event no longer than some time."""

from __future__ import annotations

import asyncio


async def set_within(event: asyncio.Event, seconds: float | None) -> bool:
    """Whether it is set within that time; ``None`` is for as long as it takes.

    Not by ``asyncio.wait_for``: that of Python 3.11 swallows a cancel that comes in the turn in
    which the event is set, and whoever waits for the end of the task would wait for ever.
    """
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
