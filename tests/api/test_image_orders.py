"""What an order of pictures stores: its jobs, its key and what they read, and no more."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.house import House, open_house
from tests.api.presets import SMALL, good
from tests.api.test_images import png

FORM = {"prompt": "a bridge", "model": "mine"}
PRESETS = {
    task: {"workflow_id": name, "values": {"prompt": "x", "checkpoint": SMALL["checkpoint"]}}
    for task, name in {"generate": "text-to-image", "edit": "inpainting"}.items()
}
KEY = {"Idempotency-Key": "once"}


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with open_house(tmp_path) as opened, opened.client() as client:
        saved = [
            good(await client.post("/api/presets", json={"name": task, **body}), 201)["id"]
            for task, body in PRESETS.items()
        ]
        body = {task: {"preset_id": one} for task, one in zip(PRESETS, saved, strict=True)}
        good(await client.put("/api/drawing-models/mine", json=body))
        yield opened


async def names(house: House) -> list[str]:
    """Of the files that are stored."""

    def work(connection: sqlite3.Connection) -> list[str]:
        rows = connection.execute("SELECT file_path FROM assets ORDER BY file_path")
        return [row["file_path"] for row in rows]

    return await house.db.read(work)


async def edit(client: httpx.AsyncClient) -> httpx.Response:
    """A masked edit with a key."""
    mask = png((0, 0, 0, 0), "RGBA")
    files = {"image": png((200, 30, 30)), "mask": mask}
    return await client.post("/v1/images/edits", data=FORM, files=files, headers=KEY)


async def test_an_order_keeps_the_pictures_that_its_jobs_read_however_often_it_is_sent(
    house: House,
) -> None:
    async with house.client() as client:
        ordered = asyncio.create_task(edit(client))
        async with asyncio.timeout(20):
            while not (jobs := (await client.get("/api/jobs")).json()["jobs"]):
                assert not ordered.done(), ordered.result().text
                await asyncio.sleep(0.01)
        [job] = jobs
        assert (await client.post(f"/api/jobs/{job['id']}/cancel")).status_code == 200
        assert (await ordered).json()["error"]["code"] == "drawing_failed"
        assert await names(house) == ["image-1", "mask.png"]

        again = await edit(client)
        assert again.json()["error"]["code"] == "drawing_failed", again.text
        assert await names(house) == ["image-1", "mask.png"]
        assert len((await client.get("/api/jobs")).json()["jobs"]) == 1


async def test_an_order_is_accepted_with_its_key_or_not_at_all(house: House) -> None:
    def refuse(connection: sqlite3.Connection) -> None:
        connection.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON drawing_orders "
            "BEGIN SELECT RAISE(ABORT, 'not now'); END"
        )

    await house.db.write(refuse)
    async with house.client() as client:
        refused = await client.post("/v1/images/generations", json=FORM, headers=KEY)
        assert refused.status_code >= 500
        assert (await client.get("/api/jobs")).json()["jobs"] == []
