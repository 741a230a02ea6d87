"""What is told beside jobs survives a killed Studio: downloads and engines."""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from tests.fakes.comfy import FakeComfy
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import running_origin
from tests.fakes.webhook_place import running_place
from tests.faults.harness import Process, process, until
from tests.faults.test_webhook_kills import patient
from tests.faults.webhook_rig import subscribe


def hurried(studio: Process) -> Process:
    """One that tells again soon."""
    studio.command = [sys.executable, "-m", "tests.faults.webhook_child"]
    return studio


async def test_every_download_s_end_is_told_however_often_studio_is_killed(tmp_path: Path) -> None:
    chance = random.Random(3)
    async with running_place() as place, running_origin() as origin:
        with process(tmp_path, STUDIO_OUTBOUND_ALLOW="127.0.0.0/8") as studio:
            hurried(studio).start()
            ids: set[str] = set()
            async with patient(studio) as api:
                await subscribe(api, place.url, "download.*", system=True)
                for number in range(12):
                    name = f"{number}.safetensors"
                    origin.serve(name, safetensors(5_000, number))
                    wish = {"reference": origin.url(name), "folder": "loras"}
                    answer = await api.client.post("/api/downloads", json=wish)
                    assert answer.status_code == 201, answer.text
                    ids.add(answer.json()["id"])
            for _ in range(3):
                await asyncio.sleep(chance.uniform(0.0, 0.3))
                studio.kill()
                studio.start()
                async with patient(studio):
                    pass

            def ended() -> set[str]:
                return {got.message["data"]["id"] for got in place.of("download.done")}

            await until(lambda: ended() == ids, "each end is told", within_s=60)
            async with patient(studio) as api:
                listed = (await api.client.get("/api/downloads")).json()["items"]
                assert {one["id"] for one in listed if one["state"] == "done"} == ids
        assert {got.message["data"]["id"] for got in place.of("download.queued")} == ids
        # Told twice, perhaps, but as one message.
        for kind in ("download.queued", "download.done"):
            assert len({got.id for got in place.of(kind)}) == len(ids)


async def test_an_engine_that_went_while_studio_was_killed_is_told_by_the_next(
    tmp_path: Path,
) -> None:
    engine = FakeComfy()
    await engine.start()
    try:
        async with running_place() as place:
            with process(tmp_path, engine.url, STUDIO_OUTBOUND_ALLOW="127.0.0.0/8") as studio:
                hurried(studio).start()
                async with studio.api() as api:
                    await subscribe(api, place.url, "engine.*", system=True)
                    await engine.stop()
                    await until(lambda: bool(place.got), "its end is told")
                    await engine.start()
                    await until(lambda: "engine.ready" in place.types(), "it is back")
                studio.kill()
                told = len(place.got)
                await engine.stop()
                studio.start()
                await until(lambda: len(place.got) > told, "what went meanwhile is told")
                data = place.got[told].message["data"]
                assert data["state"] in ("down", "unresponsive")
                studio.kill()
                await engine.start()
                studio.start()
                await until(
                    lambda: "engine.ready" in place.types()[told + 1 :], "that it is back, too"
                )
                # Nothing is different for the next one: nothing is told.
                last = place.types().count("engine.ready")
                studio.kill()
                studio.start()
                async with studio.api():
                    await asyncio.sleep(1.5)
                assert place.types().count("engine.ready") == last
    finally:
        await engine.stop()
