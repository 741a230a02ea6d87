"""What may be said to bootstrap, and what it answers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.bootstrap_family import Family, Line, family, is_alive, wait_for


@pytest.fixture(scope="module")
def calm() -> Iterator[Family]:
    """One family for the tests that change nothing."""
    with family() as made:
        made.add("studio")
        made.add("comfyui", port=1234, url="http://127.0.0.1:1234")
        made.start()
        yield made


@pytest.fixture
def folk() -> Iterator[Family]:
    with family() as made:
        yield made


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"not json", "bad_request"),
        (b"", "bad_request"),
        (b"[]", "bad_request"),
        (b"[" * 4000, "bad_request"),
        (b'{"verb": 1}', "bad_request"),
        (b'{"name": "comfyui"}', "unknown_verb"),
        (b'{"verb": "exec", "name": "comfyui"}', "unknown_verb"),
        (b'{"verb": "start"}', "bad_request"),
        (b'{"verb": "start", "name": "comfyui", "argv": "id"}', "bad_request"),
        (b'{"verb": "start", "name": "comfyui", "env": {"A": "b"}}', "bad_request"),
        (b'{"verb": "start", "name": "sshd"}', "unknown_child"),
        (b'{"verb": "status", "name": "../studio"}', "unknown_child"),
        (b'{"verb": "signal", "name": "comfyui", "signal": "STOP"}', "unknown_signal"),
        (b'{"verb": "signal", "name": "comfyui", "signal": "9"}', "unknown_signal"),
        (b"\xff\xfe", "bad_request"),
    ],
)
def test_anything_but_the_fixed_verbs_is_refused_and_the_connection_lives(
    calm: Family, line: bytes, code: str
) -> None:
    with Line(calm.socket_path) as connection:
        answer = connection.ask(line)
        assert answer["error"]["code"] == code and answer["error"]["message"]
        assert connection.ask(b'{"verb": "status", "name": "comfyui"}')["child"]["name"]
    assert calm.output().count("started") == 2


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_that_is_too_long_is_refused_and_ends_the_connection(
    calm: Family, end: bytes
) -> None:
    with Line(calm.socket_path) as connection:
        connection.send(b"x" * 5000 + end)
        answer = connection.read()
        assert answer is not None and answer["error"]["code"] == "too_large"
        with contextlib.suppress(ConnectionResetError):
            assert connection.read() is None
    assert calm.child("comfyui")["state"] == "running"


def test_pipelined_requests_are_answered_in_order(calm: Family) -> None:
    with Line(calm.socket_path) as connection:
        connection.send(
            b'{"verb": "status", "name": "comfyui"}\n{"verb": "no"}\n'
            b'{"verb": "status", "name": "studio"}\n'
        )
        answers = [connection.read() for _ in range(3)]
    assert [next(iter(answer)) for answer in answers if answer] == ["child", "error", "child"]


def test_a_client_that_leaves_in_the_middle_of_a_line_does_no_harm(calm: Family) -> None:
    with Line(calm.socket_path) as connection:
        connection.send(b'{"verb": "stat')
    assert calm.child("comfyui")["state"] == "running"


def test_the_status_names_the_process_and_the_place_of_a_child(calm: Family) -> None:
    pid = calm.facts("comfyui")["pid"]
    answer = calm.ask(verb="status")
    comfyui = answer["children"]["comfyui"]
    assert calm.process is not None and answer["bootstrap"]["pid"] == calm.process.pid
    assert answer["bootstrap"]["isolation"] is False
    stat = Path(f"/proc/{pid}/stat").read_text()
    assert comfyui["start_time"] == int(stat.rpartition(")")[2].split()[19])
    assert {key: comfyui[key] for key in ("name", "kind", "state", "pid", "port", "url")} == {
        "name": "comfyui",
        "kind": "comfyui",
        "state": "running",
        "pid": pid,
        "port": 1234,
        "url": "http://127.0.0.1:1234",
    }
    assert comfyui["exit"] is None and comfyui["deliberate"] is False


def test_starting_a_running_child_answers_its_status(calm: Family) -> None:
    pid = calm.facts("comfyui")["pid"]
    assert calm.ask(verb="start", name="comfyui")["child"]["pid"] == pid


def test_stop_answers_when_the_whole_group_is_gone_and_start_makes_a_new_one(
    folk: Family,
) -> None:
    folk.limits = {"stop_grace_s": 0.2}
    folk.add("comfyui", "--ignore-term", "--grandchild", "same-group")
    folk.start()
    first = folk.facts("comfyui")

    stopped = folk.ask(verb="stop", name="comfyui")["child"]

    assert (stopped["state"], stopped["deliberate"]) == ("stopped", True)
    assert stopped["exit"]["signal"] == signal.SIGKILL
    assert not is_alive(first["pid"])
    wait_for(lambda: not is_alive(first["grandchild"]))
    assert folk.ask(verb="stop", name="comfyui")["child"]["state"] == "stopped"
    started = folk.ask(verb="start", name="comfyui")["child"]
    assert started["state"] == "running" and started["pid"] != first["pid"]


def test_a_child_that_is_being_stopped_cannot_be_started(folk: Family) -> None:
    folk.limits = {"stop_grace_s": 600}
    folk.add("comfyui", "--ignore-term")
    folk.start()
    pid = folk.facts("comfyui")["pid"]
    with Line(folk.socket_path) as waiting:
        waiting.send(b'{"verb": "stop", "name": "comfyui"}\n')
        wait_for(lambda: "asked to stop comfyui" in folk.output())
        assert folk.ask(verb="start", name="comfyui")["error"]["code"] == "stopping"
        os.kill(pid, signal.SIGKILL)
        answer = waiting.read()
    assert answer is not None and answer["child"]["state"] == "stopped"


def test_a_stopped_studio_stays_stopped_until_it_is_started(folk: Family) -> None:
    folk.add("studio")
    folk.start()
    first = folk.facts("studio")["pid"]
    assert folk.ask(verb="stop", name="studio")["child"]["state"] == "stopped"
    assert "starts again" not in folk.output()

    folk.ask(verb="start", name="studio")

    assert folk.facts("studio", other_than=first)["pid"] == folk.child("studio")["pid"]


def test_a_signal_to_studio_ends_it_and_it_starts_again_without_delay(folk: Family) -> None:
    folk.add("studio")
    folk.start()
    pid = None
    for _ in range(4):
        pid = folk.facts("studio", other_than=pid)["pid"]
        folk.ask(verb="signal", name="studio", signal="TERM")
    folk.facts("studio", other_than=pid)
    assert folk.output().count("studio starts again at once") == 4


def test_a_studio_that_does_not_end_when_signalled_is_killed_and_starts_again(
    folk: Family,
) -> None:
    folk.limits["studio_grace_s"] = 0.2
    folk.add("studio", "--ignore-term")
    folk.start()
    pid = folk.facts("studio")["pid"]
    folk.ask(verb="signal", name="studio", signal="TERM")
    folk.facts("studio", other_than=pid)
    assert "studio does not end, killing it" in folk.output()


def test_a_signalled_engine_is_a_deliberate_end(folk: Family) -> None:
    folk.add("comfyui")
    folk.start()
    folk.facts("comfyui")
    folk.ask(verb="signal", name="comfyui", signal="KILL")
    status = wait_for(lambda: (said := folk.child("comfyui"))["state"] != "running" and said)
    assert (status["state"], status["deliberate"]) == ("exited", True)
    refused = folk.ask(verb="signal", name="comfyui", signal="KILL")
    assert refused["error"]["code"] == "not_running"


def test_a_command_that_does_not_exist_is_said_so(folk: Family) -> None:
    folk.add("studio")
    missing = str(folk.folder / "nothing-here")
    folk.children.append({"name": "comfyui", "kind": "comfyui", "argv": [missing]})
    folk.start()
    assert folk.ask(verb="start", name="comfyui")["error"]["code"] == "start_failed"
    status = folk.child("comfyui")
    assert (status["state"], status["exit"]["code"]) == ("exited", 127)
    assert json.dumps(status).count(missing) == 0
