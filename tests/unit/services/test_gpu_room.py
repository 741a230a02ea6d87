"""The GPU's memory between engines and language models, with a GPU that the tests fill."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from studio.clients.comfy import ComfyClient
from studio.clients.gpu import Gpu
from studio.clients.gpu_watch import GpuReading
from studio.clients.machine import Memory
from studio.clock import Clock
from studio.language_errors import ModelDoesNotFit
from studio.services.engine import Engine, EngineState
from studio.services.events import Signal
from studio.services.gpu_room import GpuRoom
from studio.services.language_needs import Need
from studio.settings import EngineSetting
from tests.fakes.hub import running
from tests.faults.harness import until

GB = 1 << 30


@dataclass
class Card:
    """A GPU of 24 GiB: what each has of it. A ComfyUI that is told to frees its share."""

    shares: dict[str, int] = field(default_factory=dict)
    total: int = 24 * GB
    is_there: bool = True

    async def read(self) -> GpuReading:
        used = sum(self.shares.values())
        gpu = Gpu(0, "card", memory_total_bytes=self.total, memory_used_bytes=used)
        return GpuReading("1", [gpu] if self.is_there else [])

    def memory(self) -> Memory | None:
        """As if it were the memory beside the GPU."""
        return Memory(self.total, sum(self.shares.values()), 0) if self.is_there else None

    async def free(self, _: web.Request) -> web.Response:
        self.shares.pop("comfyui", None)
        return web.Response()


@dataclass
class Models:
    """Language models that nobody uses, each with its share."""

    card: Card
    idle: list[str]

    async def evict(self) -> bool:
        if not self.idle:
            return False
        del self.card.shares[self.idle.pop(0)]
        return True


@dataclass
class Setting:
    card: Card
    engine: Engine
    room: GpuRoom
    told: list[bool]
    beside: Card

    def models(self, *names: str) -> Models:
        return Models(self.card, list(names))


@pytest.fixture
async def setting() -> AsyncIterator[Setting]:
    card, beside = Card(), Card(total=16 * GB)
    told: list[bool] = []
    app = web.Application()
    app.router.add_post("/free", card.free)
    async with running(app) as url:
        engine = Engine(
            setting=EngineSetting("comfyui", "comfyui", url), client=ComfyClient(url), client_id="c"
        )
        engine.state = EngineState.READY
        engine.loaded["key"] = ("sd.safetensors",)
        changed = Signal()
        changed.connect(lambda: told.append(engine.lends))
        engines: Any = SimpleNamespace(engines={"comfyui": engine}, changed=changed)

        async def files() -> list[Any]:
            return [SimpleNamespace(name="flux.safetensors", size_bytes=12 * GB)]

        store: Any = SimpleNamespace(all=files)
        gpus: Any = card
        room = GpuRoom(
            gpus=gpus,
            engines=engines,
            files=store,
            clock=Clock(),
            gap_s=0.6,
            freed_s=0.0,
            beside=beside.memory,
        )
        yield Setting(card, engine, room, told, beside)
        await engine.client.close()


def need(gigabytes: int) -> Need:
    return Need(gigabytes * GB, 0)


@dataclass
class Cards:
    """Several GPUs of 24 GiB: what is free of each."""

    free: list[int]
    held: dict[int, int] = field(default_factory=dict)

    async def read(self) -> GpuReading:
        gpus = [
            Gpu(
                index,
                "card",
                uuid=f"GPU-{index}",
                memory_total_bytes=24 * GB,
                memory_used_bytes=24 * GB - free,
            )
            for index, free in enumerate(self.free)
        ]
        return GpuReading("1", gpus, held=self.held)


@pytest.mark.parametrize(
    ("free", "given"),
    [
        # The one with most room has it alone; what none of them has room for is on all of them.
        ([4 * GB, 20 * GB, 12 * GB], "GPU-1"),
        ([8 * GB, 8 * GB], ""),
        ([20 * GB], ""),
    ],
)
async def test_a_model_is_on_one_of_several_gpus_if_one_has_room(
    setting: Setting, free: list[int], given: str
) -> None:
    cards: Any = Cards(free)
    setting.room._gpus = cards
    async with setting.room.lent(need(10), setting.models().evict) as gpu:
        assert gpu == given
    assert list(setting.room.handed) == []


async def test_a_job_is_judged_by_the_gpu_of_its_engine(setting: Setting) -> None:
    cards: Any = Cards([2 * GB, 24 * GB])
    setting.room._gpus = cards
    asked = []

    async def evict() -> bool:
        asked.append("fox")
        return False

    setting.room.evict = evict
    for gpu, is_full in (("GPU-1", False), ("1", False), ("GPU-0", True)):
        asked.clear()
        setting.engine.setting = replace(setting.engine.setting, gpu=gpu)
        await setting.room.make_for(setting.engine, job("flux.safetensors"))
        assert bool(asked) == is_full, gpu


async def test_what_each_process_has_is_told_as_the_driver_tells_it(setting: Setting) -> None:
    assert dict(await setting.room.held()) == {}
    cards: Any = Cards([4 * GB], {77: 3 * GB})
    setting.room._gpus = cards
    assert dict(await setting.room.held()) == {77: 3 * GB}


async def test_what_fits_disturbs_nobody(setting: Setting) -> None:
    setting.card.shares = {"comfyui": 10 * GB, "fox": 4 * GB}
    async with setting.room.lent(need(10), setting.models("fox").evict):
        assert not setting.engine.lends
    assert setting.card.shares == {"comfyui": 10 * GB, "fox": 4 * GB}
    assert list(setting.room.handed) == []


async def test_models_that_nobody_uses_go_first(setting: Setting) -> None:
    setting.card.shares = {"comfyui": 10 * GB, "fox": 8 * GB, "owl": 2 * GB}
    models = setting.models("fox", "owl")
    async with setting.room.lent(need(12), models.evict):
        assert models.idle == ["owl"]
    assert "comfyui" in setting.card.shares
    [handed] = setting.room.handed
    assert (handed.to, handed.gave) == ("language", "language")
    assert (handed.before_bytes, handed.after_bytes) == (4 * GB, 12 * GB)


async def test_comfyui_s_models_go_when_that_is_not_enough(setting: Setting) -> None:
    setting.card.shares = {"comfyui": 20 * GB}
    async with setting.room.lent(need(12), setting.models().evict):
        # Until the model is loaded no job may take the place again.
        assert setting.engine.lends
        assert not setting.engine.has_room(2)
        assert setting.card.shares == {}
        assert setting.engine.loaded == {}
    assert setting.engine.has_room(2)
    assert setting.told == [False]
    assert setting.room.handed[0].gave == "comfyui"


async def test_never_under_a_job_that_runs(setting: Setting) -> None:
    setting.card.shares = {"comfyui": 20 * GB}
    setting.engine.occupied = 1
    entered = asyncio.Event()

    async def load() -> None:
        async with setting.room.lent(need(12), setting.models().evict):
            entered.set()

    loading = asyncio.create_task(load())
    await until(lambda: setting.engine.lends)
    assert setting.card.shares == {"comfyui": 20 * GB}
    assert not entered.is_set()
    setting.engine.occupied = 0
    await loading
    assert entered.is_set()
    assert setting.card.shares == {}


async def test_a_job_that_does_not_end_is_not_waited_for_for_ever(setting: Setting) -> None:
    setting.card.shares = {"comfyui": 20 * GB}
    setting.engine.occupied = 1
    with pytest.raises(ModelDoesNotFit) as caught:
        async with setting.room.lent(need(12), setting.models().evict):
            pytest.fail("it does not fit")
    assert caught.value.details == {"needed_bytes": 12 * GB, "free_bytes": 4 * GB}
    assert setting.card.shares == {"comfyui": 20 * GB}
    assert not setting.engine.lends


async def test_what_never_fits_says_how_much_it_needs_and_takes_nothing(setting: Setting) -> None:
    setting.card.shares = {"comfyui": 20 * GB, "fox": 2 * GB}
    models = setting.models("fox")
    with pytest.raises(ModelDoesNotFit, match=r"30\.0 GiB"):
        async with setting.room.lent(need(30), models.evict):
            pytest.fail("it does not fit")
    assert models.idle == ["fox"]
    assert "comfyui" in setting.card.shares


async def test_others_than_comfyui_may_have_the_rest(setting: Setting) -> None:
    setting.card.shares = {"comfyui": 4 * GB, "somebody else": 16 * GB}
    with pytest.raises(ModelDoesNotFit) as caught:
        async with setting.room.lent(need(12), setting.models().evict):
            pytest.fail("it does not fit")
    assert caught.value.details == {"needed_bytes": 12 * GB, "free_bytes": 8 * GB}
    assert not setting.engine.lends


async def test_without_a_gpu_models_that_nobody_uses_give_way_beside_it(setting: Setting) -> None:
    setting.card.is_there = False
    assert not await setting.room.has_gpu()
    setting.beside.shares = {"fox": 8 * GB, "owl": 4 * GB}
    models = Models(setting.beside, ["fox", "owl"])
    async with setting.room.lent(Need(0, 10 * GB), models.evict):
        assert models.idle == ["owl"]
        assert not setting.engine.lends


async def test_without_a_gpu_what_does_not_fit_beside_it_is_refused(setting: Setting) -> None:
    setting.card.is_there = False
    setting.beside.shares = {"somebody else": 8 * GB, "fox": 2 * GB}
    models = Models(setting.beside, ["fox"])
    with pytest.raises(ModelDoesNotFit, match=r"9\.0 GiB") as caught:
        async with setting.room.lent(Need(0, 9 * GB), models.evict):
            pytest.fail("it does not fit")
    assert caught.value.details == {"needed_bytes": 9 * GB, "free_bytes": 8 * GB}
    setting.beside.shares = {"fox": 2 * GB}
    models.idle = ["fox"]
    with pytest.raises(ModelDoesNotFit):
        async with setting.room.lent(Need(0, 17 * GB), models.evict):
            pytest.fail("it does not fit")
    assert models.idle == ["fox"], "it made place for nothing"


async def test_a_model_that_fits_the_gpu_has_to_fit_beside_it_too(setting: Setting) -> None:
    setting.beside.shares = {"fox": 8 * GB, "somebody else": 4 * GB}
    models = Models(setting.beside, ["fox"])
    async with setting.room.lent(Need(2 * GB, 10 * GB), models.evict):
        assert models.idle == []
    with pytest.raises(ModelDoesNotFit) as caught:
        async with setting.room.lent(Need(2 * GB, 13 * GB), models.evict):
            pytest.fail("it does not fit")
    assert caught.value.details == {"needed_bytes": 13 * GB, "free_bytes": 12 * GB}


async def test_where_nobody_knows_the_memory_a_model_is_loaded(setting: Setting) -> None:
    setting.card.is_there = setting.beside.is_there = False
    async with setting.room.lent(Need(0, 90 * GB), setting.models().evict):
        assert not setting.engine.lends


def job(*models: str) -> Any:
    return SimpleNamespace(
        affinity_key="other", models=tuple(("1", "UNETLoader", name) for name in models)
    )


async def test_a_job_s_models_get_the_place_of_language_models_that_nobody_uses(
    setting: Setting,
) -> None:
    setting.card.shares = {"fox": 8 * GB, "owl": 8 * GB}
    models = setting.models("fox", "owl")
    setting.room.evict = models.evict
    await setting.room.make_for(setting.engine, job("flux.safetensors"))
    assert models.idle == ["owl"]
    [handed] = setting.room.handed
    assert (handed.to, handed.gave, handed.needed_bytes) == ("comfyui", "language", 12 * GB)


@pytest.mark.parametrize("why", ["it fits", "it is loaded", "nobody knows the file"])
async def test_a_job_that_needs_nothing_takes_nothing(setting: Setting, why: str) -> None:
    setting.card.shares = {"fox": 8 * GB} if why == "it fits" else {"fox": 20 * GB}
    models = setting.models("fox")
    setting.room.evict = models.evict
    wanted = job("unknown" if why == "nobody knows the file" else "flux.safetensors")
    if why == "it is loaded":
        setting.engine.loaded["other"] = ("flux.safetensors",)
    await setting.room.make_for(setting.engine, wanted)
    assert models.idle == ["fox"]
