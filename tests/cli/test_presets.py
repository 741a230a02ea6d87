"""``studio presets`` as a person uses it."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.cli.program import Place

PRESET = {
    "name": "Small animals",
    "workflow_id": "text-to-image",
    "values": {
        "prompt": "a [[animal=Which animal?:fox|owl]] in [[Where?]]",
        "size": {"width": 64, "height": 64},
        "steps": 2,
    },
}


@pytest.fixture(scope="module")
def preset(running: Place) -> dict[str, Any]:
    transport = httpx.HTTPTransport(uds=str(running.run_dir / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://studio.local") as client:
        answer = client.post("/api/presets", json=PRESET)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def test_presets_are_listed_with_their_questions(running: Place, preset: dict[str, Any]) -> None:
    shown = running.run("presets", "list")
    assert shown.status == 0, shown.err
    line = next(line for line in shown.out.splitlines() if preset["id"] in line)
    assert "Small animals" in line
    assert "animal (fox | owl), Where?" in line
    listed = json.loads(running.run("presets", "list", "--json").out)
    assert preset in listed


def test_a_preset_is_run_by_its_name_with_answers_and_its_files_are_printed(
    running: Place, preset: dict[str, Any]
) -> None:
    ended = running.run(
        "presets", "run", preset["name"], "--answer", "animal=owl", "--answer", "Where?=a wood",
        "--set", "seed=7", "--set", 'size={"width": 128, "height": 64}', "--count", "2",
        "--out", "animals", "--quiet",
    )  # fmt: skip
    assert (ended.status, ended.err) == (0, "")
    assert [file.name for file in ended.files] == ["small-animals-1.png", "small-animals-2.png"]
    for file in ended.files:
        with Image.open(running.folder / file) as picture:
            assert picture.size == (128, 64)
    titles = {job["title"] for job in running.ask("/api/jobs?limit=2")["jobs"]}
    assert titles == {"a owl in a wood (1)", "a owl in a wood (2)"}


def test_a_run_says_which_default_answers_and_that_a_placeholder_is_painted(
    running: Place, preset: dict[str, Any]
) -> None:
    text = "a [[animal=Which animal?:fox|owl=owl]]"
    values = {"prompt": text, "size": {"width": 64, "height": 64}, "steps": 1}
    transport = httpx.HTTPTransport(uds=str(running.run_dir / "control.sock"))
    with httpx.Client(transport=transport, base_url="http://studio.local") as client:
        answer = client.post("/api/presets", json={**PRESET, "name": "Night", "values": values})
        assert answer.status_code == 201, answer.text
    ended = running.run("presets", "run", "Night", "--out", "night")
    assert ended.status == 0, ended.err
    assert "“Which animal?” is answered by its default, “owl”." in ended.err
    assert "placeholder" in ended.err
    ended = running.run("presets", "run", "Night", "--answer", "animal=fox", "--out", "night")
    assert "default" not in ended.err


def test_what_is_missing_or_wrong_is_said_in_one_sentence(
    running: Place, preset: dict[str, Any]
) -> None:
    ended = running.run("presets", "run", preset["id"], "--answer", "animal=owl", "--quiet")
    assert (ended.status, ended.out) == (1, "")
    assert "“Where?”" in ended.err
    assert "[invalid_answers]" in ended.err
    ended = running.run("presets", "run", "nothing of that name", "--quiet")
    assert "[not_found]" in ended.err
    ended = running.run("presets", "run", preset["id"], "--answer", "owl", "--quiet")
    assert (ended.status, "[usage]" in ended.err) == (2, True)


def test_who_asks_for_a_preset_or_an_answer_that_is_not_there_hears_what_is(
    running: Place, preset: dict[str, Any]
) -> None:
    nearly = running.run("presets", "run", "Smal animals")
    assert nearly.status == 1 and "[not_found]" in nearly.err
    assert f"There are: {preset['name']}." in nearly.err
    wrong = running.run("presets", "run", preset["id"], "--answer", "animal=cow")
    assert wrong.status == 1 and "must be one of its choices: fox, owl." in wrong.err
