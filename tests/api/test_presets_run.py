"""Presets and grids on a running Studio: the pictures they make, and programs that run them."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.graphs import wait_ended
from tests.api.presets import SMALL, WORKFLOW, good, preset
from tests.api.studio_process import RunningStudio

HOSTILE = 'it\'s "<b>" $(touch gone) `touch gone` \\n ${x} %s \N{SNOWMAN}'


def saved(owner: httpx.Client, **fields: Any) -> dict[str, Any]:
    return good(owner.post("/api/presets", json=preset(**fields)), 201)


def ended(owner: httpx.Client, batch_id: str) -> dict[str, Any]:
    """The batch once all its jobs have ended."""
    deadline = time.monotonic() + 60
    while True:
        batch = good(owner.get(f"/api/batches/{batch_id}"))
        if batch["counts"].keys() <= {"succeeded", "failed", "canceled"}:
            return batch
        assert time.monotonic() < deadline, batch["counts"]
        time.sleep(0.05)


def test_a_grid_becomes_one_picture_of_its_cells(owner: httpx.Client) -> None:
    body = {
        "workflow_id": WORKFLOW,
        "values": {**SMALL, "seed": 3},
        "axes": [
            {"input": "prompt", "values": ["a fox", "an owl"]},
            {"input": "steps", "values": [1, 2, 3]},
        ],
    }
    batch = ended(owner, good(owner.post("/api/batches", json=body), 201)["id"])
    assert batch["counts"] == {"succeeded": 6}
    assert all(len(cell["assets"]) == 1 for cell in batch["cells"])
    answer = owner.get(f"/api/batches/{batch['id']}/image")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert picture.width > 3 * 128
        assert picture.height > 2 * 128


def test_a_preset_is_run_and_its_jobs_show_what_they_were_made_of(owner: httpx.Client) -> None:
    values = {"prompt": "a {red|blue} [[animal=Which?]]", "seed": 5}
    path = f"/api/presets/{saved(owner, values=values)['id']}/run"
    run = good(owner.post(path, json={"answers": {"animal": "fox"}, "count": 2}), 201)
    for job in run["jobs"]:
        assert wait_ended(owner, job["id"])["status"] == "succeeded"
    batch = ended(owner, run["batch_id"])
    assert [cell["labels"] for cell in batch["cells"]] == [["1"], ["2"]]
    assert [cell["job_id"] for cell in batch["cells"]] == [job["id"] for job in run["jobs"]]


@pytest.mark.parametrize("language", ["curl", "python", "javascript"])
def test_the_code_of_a_preset_runs_as_it_is(
    studio: RunningStudio, owner: httpx.Client, language: str, tmp_path: Path
) -> None:
    question = HOSTILE.replace("\\", "\\\\")
    values = {"prompt": f"[[animal=Which?:fox|owl]] [[{question}={question}]]"}
    made = saved(owner, values=values)
    answer = owner.get(f"/api/presets/{made['id']}/code", params={"lang": language})
    text = good(answer)["code"]
    file = tmp_path / {"curl": "run.sh", "python": "run.py", "javascript": "run.mjs"}[language]
    file.write_text(text)
    program = {"curl": "sh", "python": sys.executable, "javascript": "node"}[language]
    key = studio.make_key("jobs", "assets")
    done = subprocess.run(
        [program, file.name],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "STUDIO_API_KEY": key},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert good(owner.get(f"/api/presets/{made['id']}"))["runs"] == 1
    if language == "curl":
        assert '"jobs"' in done.stdout
    else:
        [name] = done.stdout.split()
        with Image.open(tmp_path / name) as picture:
            assert picture.size == (64, 64)
    assert {path.name for path in tmp_path.iterdir()} <= {file.name, "studio_00001_.png"}
    titles = {job["title"] for job in good(owner.get("/api/jobs?limit=5"))["jobs"]}
    assert f"fox {HOSTILE}" in titles
