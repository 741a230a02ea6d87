"""``studio run`` with the Studio that runs already."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from PIL import Image

from studio.cli.outputs import safe_name
from tests.cli.program import SLOW, Place, finish, plain_picture, wait_for


def pixel(path: Path) -> tuple[int, ...]:
    with Image.open(path) as picture:
        found = picture.convert("RGB").getpixel((0, 0))
    assert isinstance(found, tuple)
    return found


def test_a_graph_runs_with_a_changed_input_and_only_its_files_are_printed(running: Place) -> None:
    graph = running.graph("plain.json", plain_picture())
    ended = running.run("run", graph, "--set", "Canvas.color=255", "--out", "changed")
    assert ended.status == 0, ended.err
    assert ended.files == [Path("changed/plain_00001_.png")]
    assert pixel(running.folder / ended.files[0]) == (0, 0, 255)
    assert running.ask("/ready")["ready"]


def test_what_a_node_class_takes_is_answered_from_the_live_engine(running: Place) -> None:
    known = running.ask("/api/system/object_info/SaveImage")
    assert "filename_prefix" in known["SaveImage"]["input"]["required"]
    unknown = running.ask("/api/system/object_info/No/Such%20Class")
    assert unknown["error"]["code"] == "not_found"


def test_a_file_that_exists_is_never_overwritten(running: Place) -> None:
    graph = running.graph("twice.json", plain_picture())
    folder = running.folder / "kept"
    folder.mkdir()
    (folder / "plain_00001_.png").write_bytes(b"mine")
    ended = running.run("run", graph, "--out", "kept")
    assert ended.files == [Path("kept/plain_00001_-2.png")]
    assert (folder / "plain_00001_.png").read_bytes() == b"mine"
    assert len(list(folder.iterdir())) == 2


def test_a_local_file_named_in_the_graph_is_uploaded(running: Place) -> None:
    folder = running.folder / "with-input"
    folder.mkdir()
    Image.new("RGB", (8, 8), (255, 0, 0)).save(folder / "red.png")
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": "red.png"}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {
            "class_type": "SaveImage",
            "inputs": {"images": ["2", 0], "filename_prefix": "inverted"},
        },
    }
    ended = running.run("run", running.graph("with-input/graph.json", graph), "--out", "inverted")
    assert ended.status == 0, ended.err
    assert pixel(running.folder / ended.files[0]) == (0, 255, 255)


def test_a_graph_cannot_pick_files_elsewhere_but_a_person_can(
    running: Place, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8), (1, 2, 3)).save(secret)
    graph = {
        "1": {"class_type": "LoadImage", "inputs": {"image": str(secret)}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "far"}},
    }
    name = running.graph("far.json", graph)
    refused = running.run("run", name)
    assert (refused.status, refused.out) == (1, "")
    assert "[missing_asset]" in refused.err
    allowed = running.run("run", name, "--set", f"1.image={secret}", "--out", "far")
    assert pixel(running.folder / allowed.files[0]) == (1, 2, 3)


def test_words_become_as_many_pictures_as_asked_for(running: Place) -> None:
    ended = running.run(
        "run", "two foxes", "--count", "2", "--size", "64x128", "--steps", "2", "--seed", "7",
        "--json", "--quiet", "--out", "foxes",
    )  # fmt: skip
    assert (ended.status, ended.err) == (0, "")
    job = json.loads(ended.out)
    assert job["status"] == "succeeded"
    assert job["title"] == "two foxes"
    sizes = []
    for file in job["files"]:
        with Image.open(running.folder / file) as picture:
            sizes.append(picture.size)
    assert sizes == [(64, 128), (64, 128)]


def test_the_same_seed_makes_the_same_picture(running: Place) -> None:
    words = ("run", "a fox", "--seed", "7", "--steps", "2", "--size", "64x64", "--out", "seeds")
    one, two = running.run(*words), running.run(*words)
    assert one.files != two.files
    first, second = (running.folder / ended.files[0] for ended in (one, two))
    with Image.open(first) as left, Image.open(second) as right:
        assert left.tobytes() == right.tobytes()


def test_a_checkpoint_that_is_not_there_is_refused_with_those_that_are(running: Place) -> None:
    ended = running.run("run", "a fox", "--checkpoint", "none.safetensors")
    assert ended.status == 1
    assert "embedded-demo.safetensors" in ended.err
    assert "[not_found]" in ended.err


def test_a_job_that_fails_names_its_node_and_code(running: Place) -> None:
    graph = plain_picture(width=16384, height=16384, batch_size=4096)
    ended = running.run("run", running.graph("huge.json", graph))
    assert (ended.status, ended.out) == (1, "")
    last = ended.err.splitlines()[-1]
    assert "node 1 (EmptyImage)" in last
    assert last.endswith("]")
    assert "Traceback" not in ended.err


def test_a_refused_graph_names_its_node_and_code(running: Place) -> None:
    graph = running.graph("refused.json", plain_picture(width=-5))
    ended = running.run("run", graph)
    assert ended.status == 1
    assert "Node 1 (EmptyImage)" in ended.err
    assert "[invalid_workflow]" in ended.err


def test_a_run_that_is_killed_has_said_how_to_get_its_files(running: Place) -> None:
    process = running.start("run", *SLOW)
    job = wait_for(lambda: running.jobs("running"))[0]
    process.kill()
    err = finish(process).err
    assert f"jobs get {job['id']}" in err
    assert running.ask(f"/api/jobs/{job['id']}")["status"] == "running"
    assert running.run("jobs", "cancel", job["id"]).status == 0


def test_ctrl_c_cancels_the_job(running: Place) -> None:
    process = running.start("run", *SLOW)
    job = wait_for(lambda: running.jobs("running"))[0]
    process.send_signal(signal.SIGINT)
    ended = finish(process)
    assert (ended.status, ended.out) == (130, "")
    assert running.ask(f"/api/jobs/{job['id']}")["status"] == "canceled"


def test_a_studio_elsewhere_is_used_by_its_address_and_key(running: Place, place: Place) -> None:
    key = running.run("keys", "create", "elsewhere", "--scope", "jobs", "--scope", "assets",
                      "--scope", "graphs:run").out.strip()  # fmt: skip
    words = ("run", place.graph("plain.json", plain_picture()), "--url", address(running))
    place.more = {"API_KEY": key}
    assert place.run(*words).files == [Path("pictures/plain_00001_.png")]
    place.more = {"API_KEY": "wrong-key-123456"}
    refused = place.run(*words)
    assert refused.status == 1
    assert "[unauthorized]" in refused.err
    assert not place.studio_dir.exists()


def address(place: Place) -> str:
    """Where the port is that was free when this Studio started."""
    text = (place.folder / "serving.log").read_text()
    return text.rpartition("Studio listens on ")[2].split()[0].rstrip(",")


def test_an_address_where_nobody_answers_is_said_in_one_sentence(place: Place) -> None:
    graph = place.graph("plain.json", plain_picture())
    ended = place.run("run", graph, "--url", "http://127.0.0.1:9", "--quiet")
    assert ended.status == 1
    assert len(ended.err.splitlines()) == 1
    assert "[unreachable]" in ended.err


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ('{"nodes": [], "links": []}', "workflow_format_ui"),
        ("not json", "invalid_workflow"),
        ("{}", "invalid_workflow"),
        ("[]", "invalid_workflow"),
    ],
)
def test_a_file_that_is_no_graph_is_refused_before_anything_starts(
    place: Place, content: str, code: str
) -> None:
    (place.folder / "wrong.json").write_text(content)
    ended = place.run("run", "wrong.json")
    assert (ended.status, ended.out) == (1, "")
    assert ended.err.startswith("studio: ")
    assert f"[{code}]" in ended.err
    assert not place.studio_dir.exists()


def test_options_for_words_are_refused_with_a_file(place: Place) -> None:
    ended = place.run("run", place.graph("plain.json", plain_picture()), "--seed", "3")
    assert ended.status == 2
    assert "--seed" in ended.err


def test_an_input_that_is_not_there_is_refused_before_anything_starts(place: Place) -> None:
    graph = place.graph("plain.json", plain_picture())
    ended = place.run("run", graph, "--set", "1.colour=3")
    assert ended.status == 1
    assert "color" in ended.err
    assert not place.studio_dir.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fox_00001_.png", "fox_00001_.png"),
        ("../../.bashrc", "output.bashrc"),
        ("a\\b\x00c.png", "output"),
        ("..", "output"),
        ("", "output"),
        ("con.png", "output"),
    ],
)
def test_the_name_of_an_output_is_harmless(name: str, expected: str) -> None:
    assert safe_name({"name": name}) == expected
