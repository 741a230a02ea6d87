"""Outputs: the pixels that their node made, once each, whatever the engine's cache says."""

from __future__ import annotations

import asyncio
import base64
import os
from collections import Counter
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.contract.harness import run_comfyui, run_embedded
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import File, Made, png, previewed, saved, twice
from tests.faults.harness import Api, settings_for, studio_inside, until, until_it


async def texts(api: Api, job: dict[str, object]) -> list[bytes]:
    outputs = job["outputs"]
    assert isinstance(outputs, list)
    return [await api.content(output) for output in outputs]


async def test_a_cached_preview_whose_file_is_untouched_is_believed(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        for _ in range(2):
            job = await api.wait(await api.submit(previewed("fox")))
            assert await texts(api, job) == [png("fox")]

        assert len(engine.posts) == 2


async def test_a_cached_preview_whose_name_carries_other_pixels_runs_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait(await api.submit(previewed("fox")))
        [file] = engine.files
        engine.files[file] = Made(png("hen"), 10_000)
        job = await api.wait(await api.submit(previewed("fox")))

        assert await texts(api, job) == [png("fox")]
        assert len(engine.posts) == 3
        forced = engine.posts[2]
        assert forced["prompt"]["2"]["inputs"]["studio_run"] == job["id"]
        assert "studio_run" not in forced["prompt"]["1"]["inputs"]
        assert forced["prompt_id"] != engine.posts[1]["prompt_id"]


async def test_a_cached_preview_that_an_earlier_studio_saw_made_runs_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, [engine.url])
    async with studio_inside(settings) as api:
        await api.wait(await api.submit(previewed("fox")))
    [file] = engine.files
    engine.files[file] = Made(png("hen"), 10_000)
    async with studio_inside(settings) as api:
        job = await api.wait(await api.submit(previewed("fox")))
        assert await texts(api, job) == [png("fox")]


async def test_a_cached_paid_output_that_is_gone_ends_the_job_as_output_lost(
    engine: FakeComfy, tmp_path: Path
) -> None:
    graph = {"1": {"class_type": "PaidPreview", "inputs": {"text": "gold"}}}
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        assert (await api.wait(await api.submit(graph)))["status"] == "succeeded"
        engine.files.clear()
        job = await api.wait(await api.submit(graph))

        assert (job["status"], job["error"]["code"]) == ("failed", "output_lost")
        assert len(engine.posts) == 2


async def test_a_file_that_vanishes_before_it_is_read_ends_the_job_as_output_lost(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("history")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        engine.deaf = True
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.arrived["history"])
        engine.files.clear()
        engine.open_all()
        job = await api.wait(job_id)

        assert (job["status"], job["error"]["code"]) == ("failed", "output_lost")


async def test_an_engine_that_dies_before_its_output_is_read_costs_a_second_run_and_no_job(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.hold("view")
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.arrived["view"])
        await engine.die()
        engine.open_all()
        await engine.start()
        job = await api.wait(job_id)

        assert await texts(api, job) == [png("fox")]
        assert (job["status"], job["attempts"]) == ("succeeded", 2)


async def test_an_engine_that_was_out_of_reach_is_asked_again_for_what_it_made(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.cut_views = 4
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert await texts(api, job) == [png("fox")]
        assert (job["attempts"], len(engine.posts)) == (1, 1)


async def test_an_engine_that_never_hands_over_its_output_ends_the_job(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.cut_views = 1_000
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert (job["status"], job["error"]["code"]) == ("failed", "output_lost")


IMPOSSIBLE = {
    "null": "fox\0.png",
    "surrogate": "fox\ud800.png",
    "long": "x" * 5000 + ".png",
    "through a file": "fox.png/../fox.png",
    "nowhere": "../../../../../../nowhere/fox.png",
}


@pytest.mark.parametrize("kind", ["remote", "embedded"])
@pytest.mark.parametrize("name", IMPOSSIBLE.values(), ids=list(IMPOSSIBLE))
async def test_a_name_that_no_file_can_have_ends_the_job_as_output_lost(
    engine: FakeComfy, tmp_path: Path, kind: str, name: str
) -> None:
    engine.hold("history")
    engine.deaf = True
    settings = replace(
        settings_for(tmp_path, [engine.url], kind=kind), engine_dir=tmp_path / "engine"
    )
    async with studio_inside(settings) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.arrived["history"], "it ran")
        engine.rename_outputs(name)
        engine.open_all()
        job = await api.wait(job_id)
    assert (job["status"], job["error"]["code"]) == ("failed", "output_lost"), job["error"]
    assert job["outputs"] == []


async def test_two_save_nodes_under_one_prefix_publish_two_files(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(twice("fox")))

        assert [output["name"] for output in job["outputs"]] == [
            "picture_00001_.png",
            "picture_00002_.png",
        ]
        assert {file.subfolder for file in engine.files} == {f"studio/{job['id']}"}


async def test_outputs_of_a_long_job_are_published_while_it_runs_and_once(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.node_delay_s = 0.5
        job_id = await api.submit(twice("fox"))
        counts: Counter[int] = Counter()
        while (job := await api.get(job_id))["status"] not in ("succeeded", "failed"):
            counts[len(job["outputs"])] += 1
            await asyncio.sleep(0.02)

        assert counts[1] > 0
        assert len({output["id"] for output in job["outputs"]}) == len(job["outputs"]) == 2


async def test_a_job_that_runs_again_after_a_crash_publishes_each_output_once(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.node_delay_s = 0.4
        job_id = await api.submit(twice("fox"))

        async def has_output() -> bool:
            return bool((await api.get(job_id))["outputs"])

        await until_it(has_output)
        await engine.die()
        engine.node_delay_s = 0.0
        await engine.start()
        job = await api.wait(job_id)

        assert job["status"] == "succeeded"
        assert [output["node_id"] for output in job["outputs"]] == ["2", "3"]
        assert await texts(api, job) == [png("fox")] * 2


def coloured(color: int, *nodes: str) -> dict[str, object]:
    size = {"width": 8, "height": 8, "batch_size": 1, "color": color}
    saves = {
        node: {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "same"}}
        for node in nodes
    }
    return {"1": {"class_type": "EmptyImage", "inputs": size}, **saves}


def shown(color: int, *nodes: str) -> dict[str, object]:
    graph = coloured(color)
    shows = {n: {"class_type": "PreviewImage", "inputs": {"images": ["1", 0]}} for n in nodes}
    return {**graph, **shows}


async def colors(api: Api, job: dict[str, object]) -> list[tuple[int, ...]]:
    found = []
    for data in await texts(api, job):
        with Image.open(BytesIO(data)) as picture:
            pixel = picture.convert("RGB").getpixel((0, 0))
            assert isinstance(pixel, tuple)
            found.append(tuple(int(part) for part in pixel))
    return found


RED, BLUE = 0xFF0000, 0x0000FF


async def assert_own_pixels(api: Api, home: Path) -> None:
    """The pixels of every output are those of its own node, after its file was taken away."""
    red, blue = (255, 0, 0), (0, 0, 255)
    first = await api.wait(await api.submit(coloured(RED, "2")))
    assert await colors(api, first) == [red]
    for file in [*(home / "output").rglob("*.png"), *(home / "temp").rglob("*.png")]:
        file.unlink()
    second = await api.wait(await api.submit(coloured(RED, "2", "3")))
    assert second["status"] == "succeeded"
    assert await colors(api, second) == [red, red]
    assert await colors(api, await api.wait(await api.submit(shown(RED, "2")))) == [red]
    for file in (home / "temp").rglob("*.png"):
        file.unlink()
    assert await colors(api, await api.wait(await api.submit(shown(BLUE, "2")))) == [blue]
    last = await api.wait(await api.submit(shown(RED, "2", "3")))
    assert last["status"] == "succeeded"
    assert await colors(api, last) == [red, red]


async def test_every_output_shows_the_pixels_that_its_node_made(tmp_path: Path) -> None:
    home = tmp_path / "engine"
    home.mkdir()
    with run_embedded(home) as embedded:
        async with studio_inside(settings_for(tmp_path, [embedded.url])) as api:
            await api.wait_ready()
            await assert_own_pixels(api, home)


@pytest.mark.skipif(not os.environ.get("COMFYUI_DIR"), reason="COMFYUI_DIR names no ComfyUI")
async def test_every_output_of_comfyui_shows_the_pixels_that_its_node_made(tmp_path: Path) -> None:
    home = tmp_path / "engine"
    home.mkdir()
    source = Path(os.environ["COMFYUI_DIR"])
    python = os.environ.get("COMFYUI_PYTHON") or "python3"
    with run_comfyui(home, source, python, tmp_path / "none.safetensors") as comfyui:
        async with studio_inside(settings_for(tmp_path, [comfyui.url])) as api:
            await api.wait_ready()
            await assert_own_pixels(api, home)


async def test_fifty_posts_under_one_idempotency_key_make_one_job(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        for round_number in range(5):
            headers = {"Idempotency-Key": f"key {round_number}"}
            body = {"workflow": saved(f"fox {round_number}")}
            answers = await asyncio.gather(
                *(api.client.post("/api/v2/jobs", json=body, headers=headers) for _ in range(50))
            )
            statuses = Counter(answer.status_code for answer in answers)
            assert statuses == {201: 1, 422: 49}
            codes = {a.json()["error"]["code"] for a in answers if a.status_code == 422}
            assert codes == {"idempotency_key_reuse"}
            [made] = [a.json()["id"] for a in answers if a.status_code == 201]
            await api.wait(made)

        assert engine.runs == {f"fox {n}": 1 for n in range(5)}


async def test_places_that_refused_posts_had_reserved_are_given_to_jobs_that_wait(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        headers = {"Idempotency-Key": "once"}
        await api.wait_ready()

        async def post(text: str, headers: dict[str, str] | None = None) -> httpx.Response:
            body = {"workflow": saved(text)}
            return await api.client.post("/api/v2/jobs", json=body, headers=headers)

        used = await post("fox", headers)
        await api.wait(used.json()["id"])
        answers = await asyncio.gather(
            *(post("fox", headers) for _ in range(2)), post("hen"), post("cow")
        )
        accepted = [a.json()["id"] for a in answers if a.status_code == 201]

        assert len(accepted) == 2
        assert {job["status"] for job in await api.wait_all(accepted)} == {"succeeded"}


@pytest.mark.parametrize("size_bytes", [0, 1, 3 << 20])
async def test_an_output_of_any_size_arrives_whole(
    engine: FakeComfy, tmp_path: Path, size_bytes: int
) -> None:
    engine.hold("history")
    engine.deaf = True
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.arrived["history"])
        data = base64.b64encode(b"\xff" * size_bytes)[:size_bytes]
        for file in list(engine.files):
            engine.files[file] = Made(data, 1)
        assert File("output", f"studio/{job_id}", "picture_00001_.png") in engine.files
        engine.open_all()
        job = await api.wait(job_id)

        assert await texts(api, job) == [data]
