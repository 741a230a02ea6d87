"""Whose time a local model's work is, and models whose files go while they run."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from studio.errors import NotFound
from studio.services.local_language import LocalLanguage
from tests.faults.test_language_places import HELLO, OWNER, Rig, closing, says, until
from tests.faults.test_language_places import folk as folk
from tests.faults.test_language_places import rig as rig

SLOW = {"model": "fox", "messages": [{"role": "user", "content": "slow"}]}
FREE_S = 1000.0


async def test_waiting_in_line_for_a_model_is_nobody_s_gpu_time(rig: Rig) -> None:
    charged: dict[str, float] = {}
    async with closing(rig.language(charge=charged.__setitem__)) as local:
        await says(local, "fox")
        first = local.stream("chat/completions", SLOW, user_id="first")
        async with contextlib.aclosing(first):
            await anext(first)
            asked = {**HELLO, "model": "fox"}
            second = asyncio.create_task(local.ask("chat/completions", asked, user_id="second"))
            server = (await local.state("fox")).server
            assert server is not None
            await until(lambda: server.busy == 2)
            rig.clock.by_s += FREE_S
            assert not second.done()
        assert charged["first"] >= FREE_S
        await second
    assert 0 < charged["second"] < FREE_S


async def test_loading_a_model_is_nobody_s_gpu_time(rig: Rig) -> None:
    charged: dict[str, float] = {}
    async with closing(rig.language(charge=charged.__setitem__)) as local:
        asking = asyncio.create_task(says(local, "fox"))
        await until(lambda: local.running)
        rig.clock.by_s += 30
        await asking
    assert 0 < charged["owner"] < 30


async def test_a_model_whose_file_is_gone_is_seen_and_can_be_stopped(rig: Rig) -> None:
    async with closing(rig.language()) as local:
        await says(local, "fox")
        await rig.remove("fox")
        assert "fox" in await running(local)
        assert (await local.stop(OWNER, "fox")).server is None
        assert local.running == 0
        with pytest.raises(NotFound):
            await local.stop(OWNER, "fox")


async def test_a_model_whose_file_is_gone_is_stopped_once_nobody_reads_from_it(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.services.local_language._IDLE_LOOK_S", 0.02)
    await rig.set("fox", pinned=True)
    async with closing(rig.language()) as local:
        for name in ("fox", "owl"):
            await says(local, name)
        chunks = local.stream("chat/completions", SLOW, user_id="one")
        async with contextlib.aclosing(chunks):
            await anext(chunks)
            await rig.remove("fox")
            looking = asyncio.create_task(local.run())
            await asyncio.sleep(0.2)
            assert await anext(chunks)
        await until(lambda: local.running == 1)
        assert await running(local) == {"owl"}
        looking.cancel()
        await asyncio.gather(looking, return_exceptions=True)


async def running(local: LocalLanguage) -> set[str]:
    return {one.model.id for one in await local.states() if one.server is not None}
