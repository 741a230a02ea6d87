"""Tasks that end before their time are told, and a disk that cannot be asked ends none."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from studio.services import library_rules
from studio.services.background import watched
from studio.services.library_rules import LibraryRules


async def test_a_task_that_fails_is_told_by_its_name(caplog: pytest.LogCaptureFixture) -> None:
    async def fails() -> None:
        raise RuntimeError("nobody foresaw this")

    async def goes_on() -> None:
        await asyncio.Event().wait()

    failing, ended = watched(fails(), "library index"), watched(goes_on(), "retention")
    await asyncio.wait({failing})
    ended.cancel()
    await asyncio.wait({ended})
    await asyncio.sleep(0)
    [said] = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert "library index" in said.getMessage()
    assert said.exc_info is not None


async def test_a_disk_that_cannot_be_asked_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asyncio.Event()
    rounds = 0

    async def apply(_: LibraryRules) -> None:
        nonlocal rounds
        rounds += 1
        if rounds > 1:
            asked.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(library_rules, "EVERY_S", 0.0)
    monkeypatch.setattr(LibraryRules, "apply", apply)
    task = asyncio.create_task(LibraryRules.__new__(LibraryRules).run())
    async with asyncio.timeout(5):
        await asked.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
