"""What the command line says to a newcomer who slips, before anything is started."""

from __future__ import annotations

import json
import os
import signal
from typing import Any

import pytest

from studio.cli.outputs import _names_after
from studio.version import VERSION
from tests.cli.program import ROOT, Place, plain_picture, wait_for

START = (str(ROOT / "start.sh"),)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "a", "red", "fox"], 'run "a red fox"'),
        (["--port", "19311"], "STUDIO_PORT=19311 ./start.sh"),
        (["serve", "--port=19311"], "STUDIO_PORT=19311 ./start.sh"),
        (["serve", "--host", "0.0.0.0"], "STUDIO_HOST=0.0.0.0 ./start.sh"),
        (["run", "a fox", "--speed", "9"], "--speed 9"),
    ],
)
def test_a_slip_is_answered_with_the_command_that_works(
    place: Place, words: list[str], said: str
) -> None:
    ended = place.run(*words, program=START)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert not place.studio_dir.exists()


@pytest.mark.parametrize("words", [["--help"], ["help"], ["serve", "--help"], ["help", "run"]])
def test_help_names_the_program_that_is_there(place: Place, words: list[str]) -> None:
    ended = place.run(*words, program=START)
    assert ended.status == 0
    assert ended.out.startswith("usage: ./start.sh")


def test_help_says_what_no_command_means(place: Place) -> None:
    assert "Without a command it serves" in place.run("--help").out


@pytest.mark.parametrize("word", ["--version", "version"])
def test_the_version_is_told(place: Place, word: str) -> None:
    assert place.run(word).out == f"Studio {VERSION}\n"


def test_a_picture_is_said_to_be_no_graph(place: Place) -> None:
    ended = place.run("run", "photo.png")
    assert ended.status == 1
    assert "photo.png is not a graph" in ended.err


def test_a_folder_for_pictures_that_is_a_file_is_refused_before_anything_starts(
    place: Place,
) -> None:
    (place.folder / "taken").write_text("")
    for folder in ("taken", "taken/below"):
        ended = place.run("run", "a fox", "--out", folder)
        assert ended.status == 1
        assert "[out_failed]" in ended.err
    assert not place.studio_dir.exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("A red fox, in snow!", "a-red-fox-in-snow-1.png"),
        ("../../etc/passwd", "etc-passwd-1.png"),
        ("Füchse", "füchse-1.png"),
        ("?!", "picture-1.png"),
        ("word " * 100, "word-word-word-word-word-word-word-word-word-word-word-word-1.png"),
    ],
)
def test_pictures_are_named_after_their_words(words: str, expected: str) -> None:
    assert next(_names_after(words, {"name": "studio_00001_.png"})) == expected


def test_ctrl_c_in_the_set_up_says_so(place: Place) -> None:
    # A copy that has yet to be set up, with a Python that takes its time.
    scripts = place.folder / "clone" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "setup").write_bytes((ROOT / "scripts" / "setup").read_bytes())
    (scripts / "setup").chmod(0o755)
    (scripts.parent / "requirements.lock").touch()
    slow = place.folder / "python3"
    slow.write_text(f"#!/bin/sh\ntouch {place.folder}/asked\nexec sleep 20\n")
    slow.chmod(0o755)
    place.more = {"PYTHON": str(slow)}
    process = place.start(program=(str(scripts / "setup"),), own_group=True)
    wait_for((place.folder / "asked").exists)
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted" in err


def wrapped(name: str) -> dict[str, Any]:
    return {name: plain_picture(), "client_id": "me"}


@pytest.mark.parametrize("name", ["prompt", "workflow"])
def test_a_graph_in_the_body_of_a_request_is_taken_out(running: Place, name: str) -> None:
    ended = running.run("run", running.graph(f"{name}.json", wrapped(name)), "--out", name)
    assert ended.status == 0, ended.err


def test_a_file_that_is_nowhere_is_named_with_the_places_looked_at(running: Place) -> None:
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "nofile.png"}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
    }
    ended = running.run("run", running.graph("lost.json", graph))
    assert ended.status == 1
    assert "nofile.png was found neither beside lost.json nor in the current folder" in ended.err
    assert "[missing_asset]" in ended.err


@pytest.mark.parametrize("name", ["workflows/text-to-image/workflow.json", "examples/graph.json"])
def test_a_shipped_graph_runs_as_it_is(running: Place, name: str) -> None:
    ended = running.run("run", str(ROOT / name), "--out", "shipped")
    assert ended.status == 0, ended.err
    assert "it is not a model" in ended.err


def test_the_example_takes_the_words_of_the_readme(running: Place) -> None:
    words = ("--set", "6.text=a red fox", "--set", "3.steps=2", "--out", "shipped", "--json")
    job = json.loads(running.run("run", str(ROOT / "examples/graph.json"), *words).out)
    assert job["status"] == "succeeded"
    assert not any(name.startswith("url") for output in job["outputs"] for name in output)
