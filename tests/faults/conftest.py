"""Engines for the fault tests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from tests.fakes.comfy import FakeComfy

# One line for each look at a job would bury what Studio itself says.
logging.getLogger("httpx").setLevel(logging.WARNING)


@pytest.fixture
async def engine() -> AsyncIterator[FakeComfy]:
    """A fake ComfyUI that works until it is told otherwise."""
    fake = FakeComfy()
    await fake.start()
    yield fake
    await fake.stop()
    # What was aborted needs a turn of the loop to be gone.
    await asyncio.sleep(0)


@pytest.fixture
async def other_engine() -> AsyncIterator[FakeComfy]:
    """A second one."""
    fake = FakeComfy()
    await fake.start()
    yield fake
    await fake.stop()
    await asyncio.sleep(0)
