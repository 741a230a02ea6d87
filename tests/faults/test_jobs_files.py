"""Files of jobs that were accepted before any engine could say which values are files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import Api, settings_for, studio_inside

PICTURE = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\0\0\0\0:~\x9bU\0\0\0\nIDATx\x9cc`\0\0\0\2\0\1"
    b"H\xaf\xa4q\0\0\0\0IEND\xaeB`\x82"
)


def brushed(mask: str) -> dict[str, Any]:
    """A node that takes a file in an input that only an engine knows to be one."""
    graph = saved("fox")
    graph["1"] = {"class_type": "Brush", "inputs": {"text": "fox", "mask": mask}}
    return graph


async def upload(api: Api, name: str) -> str:
    answer = await api.client.post(
        "/api/v2/assets",
        data={"content_type": "image/png", "file_path": name},
        files={"file": (name, PICTURE)},
    )
    assert answer.status_code == 201, answer.text
    asset_id: str = answer.json()["id"]
    return asset_id


async def test_a_file_that_is_nobodys_is_refused_when_the_engine_says_that_it_is_one(
    engine: FakeComfy, tmp_path: Path
) -> None:
    await engine.die()
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(brushed("studio/somebody-elses.png"))
        await engine.start()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "missing_asset")
        assert engine.posts == []


async def test_an_own_file_is_brought_to_the_engine_that_says_that_it_is_one(
    engine: FakeComfy, tmp_path: Path
) -> None:
    await engine.die()
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        asset_id = await upload(api, "mask.png")
        job_id = await api.submit(brushed("mask.png"))
        await engine.start()
        job = await api.wait(job_id)

        assert job["status"] == "succeeded", job["error"]
        (sent,) = engine.posts
        assert sent["prompt"]["1"]["inputs"]["mask"] == f"studio/{asset_id}.png"
        assert (await api.client.delete(f"/api/v2/assets/{asset_id}")).status_code == 204
