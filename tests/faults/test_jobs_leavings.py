"""What jobs leave in the folders they share with a managed engine: in the end, nothing."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from tests.contract.harness import run_embedded
from tests.faults.family import members
from tests.faults.harness import Api, process, settings_for, studio_inside, until

JOBS = 24


def inverted(file: str, prefix: str) -> dict[str, Any]:
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": file}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {
            "class_type": "SaveImage",
            "inputs": {"images": ["2", 0], "filename_prefix": prefix},
        },
    }


async def upload(api: Api, name: str) -> str:
    data = BytesIO()
    Image.new("RGB", (16, 16), "red").save(data, "PNG")
    answer = await api.client.post(
        "/api/v2/assets",
        files={"file": (name, data.getvalue(), "image/png")},
        data={"file_path": name, "content_type": "image/png"},
    )
    assert answer.status_code in (200, 201), answer.text
    asset_id: str = answer.json()["id"]
    return asset_id


def left(engine_dir: Path) -> list[Path]:
    """Everything below the folders that hold what jobs need for a while."""
    return [
        path for name in ("input", "output") for path in (engine_dir / name / "studio").rglob("*")
    ]


async def test_jobs_over_one_shared_file_all_run_and_leave_nothing_with_the_engine(
    tmp_path: Path,
) -> None:
    home = tmp_path / "engine"
    home.mkdir()
    with run_embedded(home) as embedded:
        settings = settings_for(tmp_path, [embedded.url], kind="embedded")
        async with studio_inside(replace(settings, engine_dir=home)) as api:
            await api.wait_ready()
            asset_id = await upload(api, "shared.png")
            ids = []
            for number in range(JOBS):
                ids.append(await api.submit(inverted("shared.png", f"p{number}")))
                await asyncio.sleep(0.05 * (number % 4))
            canceled = ids[-1]
            await api.cancel(canceled)
            jobs = await api.wait_all(ids)
            assert {job["status"] for job in jobs[:-1]} == {"succeeded"}
            for job in jobs[:-1]:
                [output] = job["outputs"]
                with Image.open(BytesIO(await api.content(output))) as picture:
                    assert picture.convert("RGB").getpixel((3, 3)) == (0, 255, 255)
            assert (await api.client.delete(f"/api/v2/assets/{asset_id}")).status_code == 204
            await until(lambda: left(home) == [], f"{left(home)} is removed")


async def test_a_kill_right_after_the_end_of_jobs_leaves_nothing_with_the_engine(
    tmp_path: Path,
) -> None:
    with process(tmp_path, "embedded", bootstrap=True, COMFYUI_PORT="0") as family:
        engine_dir = family.studio_dir / "engine"
        family.start()
        async with family.api() as api:
            await upload(api, "shared.png")
            studio = members(family)["studio"]
            first = await api.submit(inverted("shared.png", "first"))
            later = [await api.submit(inverted("shared.png", f"p{n}")) for n in range(8)]
            await api.wait(first)
            os.kill(studio, signal.SIGKILL)
            assert left(engine_dir) != []
        await until(lambda: members(family).get("studio") not in (None, studio))
        async with family.api() as api:
            jobs = await api.wait_all([first, *later])
            assert {job["status"] for job in jobs} == {"succeeded"}
            assert {len(job["outputs"]) for job in jobs} == {1}
            await until(lambda: left(engine_dir) == [], f"{left(engine_dir)} is removed")
