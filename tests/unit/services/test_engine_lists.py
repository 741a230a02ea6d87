"""After models came every engine is asked again, also when it had been asked a moment before."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import cast

from studio.services.engine_lists import EngineLists
from studio.services.engines import REFRESH_MIN_S, EngineService


class Engines:
    """Answers whether anything was asked, as the real ones do, from a list."""

    def __init__(self, *answers: bool) -> None:
        self.answers = list(answers)
        self.asked = asyncio.Event()

    async def refresh(self) -> bool:
        answer = self.answers.pop(0)
        if not self.answers:
            self.asked.set()
        return answer


async def slept(engines: Engines, notes: int) -> list[float]:
    """For how long the task slept until the last answer was given."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        await asyncio.sleep(0)

    lists = EngineLists(cast("EngineService", engines), sleep)
    for _ in range(notes):
        lists.note()
    task = asyncio.create_task(lists.run())
    async with asyncio.timeout(10):
        await engines.asked.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    return waits


async def test_models_that_come_together_are_asked_about_once() -> None:
    engines = Engines(True)
    waits = await slept(engines, notes=3)
    assert engines.answers == [] and REFRESH_MIN_S not in waits


async def test_engines_that_were_just_asked_are_asked_again_when_they_may_be() -> None:
    engines = Engines(False, True)
    assert (await slept(engines, notes=1))[-1] == REFRESH_MIN_S
    assert engines.answers == []
