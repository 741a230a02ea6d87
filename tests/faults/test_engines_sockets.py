"""The event socket: cut, silent, dead under a live id, and full of what nobody understands."""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path

import pytest

from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved, twice
from tests.faults.harness import Api, settings_for, studio_inside, until, until_it

FRAMES_OF_A_RUN = 14


@pytest.mark.parametrize("frames", range(FRAMES_OF_A_RUN + 1))
async def test_a_socket_that_is_cut_after_some_frames_costs_no_output(
    engine: FakeComfy, tmp_path: Path, frames: int
) -> None:
    graph = {**twice("fox"), "4": {"class_type": "ShowText", "inputs": {"text": "hello"}}}
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.cut_after = frames
        jobs = [await api.submit(graph), await api.submit(saved("hen"))]
        first, second = await api.wait_all(jobs)

        assert (first["status"], len(first["outputs"])) == ("succeeded", 3)
        assert (second["status"], len(second["outputs"])) == ("succeeded", 1)
        assert engine.runs == {"fox": 1, "hen": 1}


async def test_a_job_that_ended_while_the_socket_was_cut_is_not_run_again(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.on_frame = lambda kind: engine.cut_all() if kind == "execution_start" else None
        job = await api.wait(await api.submit(saved("fox")))

        assert job["status"] == "succeeded"
        assert engine.runs == {"fox": 1}


async def test_a_dead_socket_under_a_live_id_is_opened_anew_after_a_submit(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait(await api.submit(saved("hen")))
        engine.sockets.clear()
        engine.hold("node")
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.sockets_opened == 2, "a second socket")
        engine.open_all()

        assert (await api.wait(job_id))["status"] == "succeeded"
        assert engine.runs == {"hen": 1, "fox": 1}


async def test_an_engine_without_any_frame_finishes_its_jobs_all_the_same(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.deaf = True
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        jobs = [await api.submit(twice(f"fox {n}")) for n in range(3)]
        done = await api.wait_all(jobs)

        assert [len(job["outputs"]) for job in done] == [2, 2, 2]
        assert set(engine.runs.values()) == {1}


async def test_frames_that_nobody_understands_are_counted_and_the_socket_stays(
    engine: FakeComfy, tmp_path: Path
) -> None:
    frames: list[str | bytes] = [
        "{",
        "[]",
        '"text"',
        "{}",
        '{"type": 5, "data": {}}',
        '{"type": "executing", "data": [1]}',
        '{"type": "status", "data": {"status": [1]}}',
        '{"type": "status", "data": {"status": {"exec_info": {"queue_remaining": null}}}}',
        b"",
        b"\0",
        struct.pack(">I", 99) + b"what",
        struct.pack(">II", 4, 1 << 30) + b"{",
        struct.pack(">II", 4, 2) + b"[]",
    ]
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        for frame in frames:
            await engine.send_raw(frame)
        await api.wait(await api.submit(saved("fox")))

        [described] = await api.engines()
        assert described["dropped_frames"] == len(frames)
        assert engine.sockets_opened == 1


async def test_an_output_frame_that_nobody_understands_costs_no_output(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait(await api.submit(saved("hen")))
        engine.hold("node")
        job_id = await api.submit(twice("fox"))
        await until(lambda: engine.running)
        engine.garble = "executed"
        engine.open_all()
        job = await api.wait(job_id)

        assert (job["status"], len(job["outputs"])) == ("succeeded", 2)


async def test_a_value_that_json_does_not_know_ends_no_job(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait(await api.submit(saved("hen")))
        engine.hold("node")
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.running)
        assert engine.running is not None
        for value in ("NaN", "Infinity", '"\\ud800"', "null", "[]"):
            await engine.send_raw(
                '{"type": "progress", "data": {"node": "1", "max": 3, "value": '
                f'{value}, "prompt_id": "{engine.running[1]}"' + "}}"
            )
        engine.open_all()

        assert (await api.wait(job_id))["status"] == "succeeded"
        [described] = await api.engines()
        assert (described["dropped_frames"], engine.sockets_opened) == (0, 1)


@pytest.mark.parametrize("node", ['"\\ud800"', "5", "[]", '{"a": 1}', "NaN"])
async def test_a_job_can_be_watched_while_its_engine_names_a_node_that_cannot_be(
    engine: FakeComfy, tmp_path: Path, node: str
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.hold("node")
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.running)
        assert engine.running is not None
        for kind in ("executing", "progress"):
            await engine.send_raw(
                f'{{"type": "{kind}", "data": {{"node": {node}, "value": 2, "max": 3, '
                f'"prompt_id": "{engine.running[1]}"' + "}}"
            )
        await engine.send_raw(
            '{"type": "executed", "data": {"node": "0", "output": {}, '
            f'"prompt_id": "{engine.running[1]}"' + "}}"
        )
        await until_it(lambda: _shows_progress(api, job_id), "the frames have arrived")
        progress = (await api.get(job_id))["progress"]
        assert progress["current_node"] in (None, "1")
        engine.open_all()

        assert (await api.wait(job_id))["status"] == "succeeded"


async def _shows_progress(api: Api, job_id: str) -> bool:
    return bool(((await api.get(job_id))["progress"] or {}).get("nodes_done"))


@pytest.mark.parametrize("deaf", [False, True], ids=["frames", "history"])
async def test_a_failure_that_is_told_in_half_a_character_keeps_its_reason(
    engine: FakeComfy, tmp_path: Path, deaf: bool
) -> None:
    engine.deaf = deaf
    engine.complaint = "no file caf\udce9.png"
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        error = (await api.wait(await api.submit(saved("fail"))))["error"]

        assert error["code"] == "node_execution_error"
        assert error["message"] == "no file caf?.png"


async def test_a_history_with_values_that_json_does_not_know_is_read(
    engine: FakeComfy, tmp_path: Path
) -> None:
    engine.deaf = True
    engine.noise = {"score": float("nan"), "name": "\ud800"}
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert (job["status"], len(job["outputs"])) == ("succeeded", 1)


async def test_a_preview_of_five_megabytes_is_relayed_and_carries_its_job(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait_ready()
        engine.hold("node")
        job_id = await api.submit(saved("fox"))
        await until(lambda: engine.running)
        assert engine.running is not None
        about = {"prompt_id": engine.running[1], "node_id": "1", "image_type": "image/jpeg"}
        header = json.dumps(about).encode()
        await engine.send_raw(struct.pack(">II", 4, len(header)) + header + b"J" * (5 << 20))
        await asyncio.sleep(0.2)
        engine.open_all()
        job = await api.wait(job_id)

        assert job["status"] == "succeeded"
        [described] = await api.engines()
        assert (described["dropped_frames"], engine.sockets_opened) == (0, 1)


async def test_the_client_id_outlives_studio(engine: FakeComfy, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, [engine.url])
    seen = []
    for _ in range(2):
        async with studio_inside(settings) as api:
            await api.wait_ready()
            seen += list(engine.sockets)
    assert seen[0] == seen[1]


@pytest.mark.parametrize("content", ["", "[]", '{"remote-1": 3}', '{"remote-1": {}}', "\0"])
async def test_a_damaged_engines_json_is_replaced(
    engine: FakeComfy, tmp_path: Path, content: str
) -> None:
    settings = settings_for(tmp_path, [engine.url])
    settings.run_dir.mkdir(parents=True)
    record = settings.run_dir / "engines.json"
    record.write_text(content)
    async with studio_inside(settings) as api:
        assert (await api.wait(await api.submit(saved("fox"))))["status"] == "succeeded"
        assert json.loads(record.read_text())["remote-1"]["client_id"]
