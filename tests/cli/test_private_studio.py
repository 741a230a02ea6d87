"""``studio run`` where no Studio runs: one is started for it, and ended with it."""

from __future__ import annotations

import signal
import socket

from PIL import Image

from tests.cli.program import ROOT, SLOW, Place, finish, plain_picture, wait_for


def test_one_command_makes_a_picture_and_leaves_no_process(place: Place) -> None:
    ended = place.run("run", "a red fox in snow", program=(str(ROOT / "start.sh"),))
    assert ended.status == 0, ended.err
    assert len(ended.files) == 1
    with Image.open(place.folder / ended.files[0]) as picture:
        assert picture.size == (512, 512)
    assert place.processes() == []


def test_ctrl_c_ends_the_private_studio_too(place: Place) -> None:
    process = place.start("run", *SLOW)
    wait_for(lambda: place.jobs("running"))
    process.send_signal(signal.SIGINT)
    assert finish(process).status == 130
    assert place.processes() == []
    with place.serving():
        assert [job["status"] for job in place.jobs("canceled")] == ["canceled"]


def test_ctrl_c_twice_ends_everything_at_once(place: Place) -> None:
    process = place.start("run", *SLOW)
    wait_for(lambda: place.jobs("running"))
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    assert finish(process).status == 130
    assert place.processes() == []


def test_ctrl_c_while_studio_starts_leaves_no_process(place: Place) -> None:
    process = place.start("run", "a fox")
    wait_for(lambda: (place.run_dir / "bootstrap.sock").exists())
    process.send_signal(signal.SIGINT)
    assert finish(process).status == 130
    assert place.processes() == []


def test_a_killed_command_takes_its_studio_with_it(place: Place) -> None:
    process = place.start("run", *SLOW)
    wait_for(lambda: place.jobs("running"))
    process.kill()
    assert finish(process).status == -signal.SIGKILL
    assert wait_for(lambda: not place.processes())


def test_runs_at_the_same_moment_share_one_private_studio(place: Place) -> None:
    graph = place.graph("plain.json", plain_picture())
    commands = [place.start("run", graph, "--out", f"out-{number}") for number in range(3)]
    ended = [finish(command) for command in commands]
    assert [each.status for each in ended] == [0, 0, 0], [each.err for each in ended]
    assert len(list(place.folder.glob("out-*/plain_00001_.png"))) == 3


def test_a_socket_that_a_killed_studio_left_is_no_running_studio(place: Place) -> None:
    place.run_dir.mkdir(mode=0o700)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(place.run_dir / "control.sock"))
    ended = place.run("run", place.graph("plain.json", plain_picture()))
    assert ended.status == 0, ended.err


def test_a_setting_that_cannot_be_used_is_named(place: Place) -> None:
    place.more = {"STUDIO_ENGINE": "auto", "COMFYUI_DIR": str(place.folder / "nowhere")}
    ended = place.run("run", "a fox")
    assert ended.status == 78
    assert "COMFYUI_DIR" in ended.err
    assert "[settings]" in ended.err


def test_an_engine_that_never_comes_is_not_waited_for_without_end(place: Place) -> None:
    place.more = {"STUDIO_ENGINE": "http://127.0.0.1:9"}
    ended = place.run("run", "a fox", "--wait", "1")
    assert ended.status == 1
    assert "[not_ready]" in ended.err


def test_a_studio_that_ends_again_and_again_is_not_waited_for(place: Place) -> None:
    (place.studio_dir / "db" / "studio.db").mkdir(parents=True)
    ended = place.run("run", "a fox")
    assert (ended.status, ended.out) == (1, "")
    assert "[start_failed]" in ended.err
    assert "run.log" in ended.err


def test_a_number_that_is_none_is_named(place: Place) -> None:
    place.more = {"MAX_QUEUE_DEPTH": "deep"}
    ended = place.run("run", "a fox")
    assert ended.status == 78
    assert "MAX_QUEUE_DEPTH" in ended.err
    assert not place.studio_dir.exists()
