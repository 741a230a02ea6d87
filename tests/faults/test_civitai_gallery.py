"""A Studio that is killed while it keeps Civitai's pictures."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import httpx

from tests.api.civitai_house import ids, picture, png
from tests.fakes.civitai import running_civitai
from tests.faults.harness import process, until_it

COUNT = 6


async def test_a_kill_while_pictures_come_leaves_whole_ones_and_nothing_else(
    tmp_path: Path,
) -> None:
    async with running_civitai() as civitai:
        for number in range(1, COUNT + 1):
            served = civitai.origin.serve(f"{number}.png", png(number, 64))
            if number == 4:
                # It is under way until Studio is killed, and far from what is too large for it.
                served.endless = served.closes = True
                served.drip_s = 0.05
            url = civitai.origin.url(f"{number}.png")
            civitai.images.append(picture(number, url))
        with process(
            tmp_path, CIVITAI_URL=civitai.base, STUDIO_OUTBOUND_ALLOW="127.0.0.0/8"
        ) as studio:
            studio.start()
            async with studio.api(503) as api:

                async def kept(least: int) -> bool:
                    answer = await api.client.get("/api/civitai/gallery")
                    return answer.status_code == 200 and len(answer.json()["items"]) >= least

                await until_it(lambda: kept(0), "it takes requests")
                collecting = asyncio.create_task(
                    api.client.post("/api/civitai/gallery", json={"version_id": 10})
                )
                await until_it(lambda: kept(3), "some are kept")
                await until_it(lambda: under_way(tmp_path), "one is under way")
                studio.kill()
                with contextlib.suppress(httpx.TransportError):
                    await collecting
            civitai.origin.files["4.png"].endless = False
            civitai.origin.files["4.png"].drip_s = None
            studio.start()
            async with studio.api(503) as api:

                async def kept_again() -> bool:
                    return (await api.client.get("/api/civitai/gallery")).status_code == 200

                await until_it(kept_again, "it takes requests")
                before = (await api.client.get("/api/civitai/gallery?version=10")).json()
                assert ids(before) == [1, 2, 3]
                await until_it(lambda: nothing_under_way(tmp_path), "what was half done is gone")
                civitai.origin.asked.clear()
                answer = await api.client.post("/api/civitai/gallery", json={"version_id": 10})
                assert ids(answer.json()) == [1, 2, 3, 4, 5, 6]
                assert {asked.path for asked in civitai.origin.asked} == {"4.png", "5.png", "6.png"}
                for number in range(1, COUNT + 1):
                    place = f"/api/civitai/pictures/{number}/content"
                    assert (await api.client.get(place)).content == png(number, 64)
                studio.terminate()


async def under_way(folder: Path) -> bool:
    return any(part.stat().st_size > 0 for part in parts(folder))


async def nothing_under_way(folder: Path) -> bool:
    return not parts(folder)


def parts(folder: Path) -> list[Path]:
    return list(folder.glob("**/gallery/pictures/tmp/*"))
