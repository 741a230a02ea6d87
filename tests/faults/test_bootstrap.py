"""Bootstrap as a real process: what it starts, and what is left when something dies."""

from __future__ import annotations

import os
import signal
import socket
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.bootstrap_family import Family, family, is_alive, wait_for


@pytest.fixture
def folk() -> Iterator[Family]:
    with family() as made:
        yield made


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def everyone(folk: Family, *names: str) -> set[int]:
    found = [folk.facts(name) for name in names]
    pids = {facts[key] for facts in found for key in ("pid", "grandchild")}
    return {pid for pid in pids if pid is not None}


def test_sigterm_ends_stubborn_children_and_their_children_within_ten_seconds(
    folk: Family,
) -> None:
    folk.add("studio", "--ignore-term", "--grandchild", "same-group")
    folk.add("comfyui", "--ignore-term", "--grandchild", "same-group")
    folk.add("embedded", "--grandchild", "own-session")
    folk.start()
    pids = everyone(folk, "studio", "comfyui", "embedded")
    (folk.run_dir / "control.sock").touch()
    assert folk.process is not None and len(pids) == 6

    folk.process.send_signal(signal.SIGTERM)

    assert folk.process.wait(timeout=10) == 0
    assert [pid for pid in pids if is_alive(pid)] == []
    assert list(folk.run_dir.glob("*.sock")) == []


def test_a_second_sigterm_ends_everything_at_once(folk: Family) -> None:
    folk.add("studio", "--ignore-term")
    folk.add("comfyui", "--ignore-term")
    folk.limits = {"studio_grace_s": 600, "engine_grace_s": 600}
    folk.start()
    pids = everyone(folk, "studio", "comfyui")
    assert folk.process is not None

    folk.process.send_signal(signal.SIGTERM)
    wait_for(lambda: "SIGTERM received" in folk.output())
    folk.process.send_signal(signal.SIGTERM)

    assert folk.process.wait(timeout=5) == 0
    assert [pid for pid in pids if is_alive(pid)] == []


def test_nothing_outlives_a_bootstrap_that_was_killed(folk: Family) -> None:
    port = free_port()
    folk.add("studio", "--ignore-term", "--grandchild", "same-group")
    folk.add("comfyui", "--ignore-term", "--grandchild", "same-group", "--port", str(port))
    folk.start()
    pids = everyone(folk, "studio", "comfyui")
    assert folk.process is not None and len(pids) == 4 and not is_free(port)

    folk.process.kill()
    folk.process.wait()

    wait_for(lambda: not any(is_alive(pid) for pid in pids))
    wait_for(lambda: is_free(port))


def test_a_killed_studio_starts_again_while_the_engine_stays(folk: Family) -> None:
    folk.add("studio")
    folk.add("comfyui")
    folk.start()
    engine = folk.child("comfyui")
    first = folk.facts("studio")["pid"]

    os.kill(first, signal.SIGKILL)

    second = folk.facts("studio", other_than=first)["pid"]
    status = folk.child("studio")
    assert (status["pid"], status["state"]) == (second, "running")
    assert status["exit"]["signal"] == signal.SIGKILL
    after = folk.child("comfyui")
    assert (after["pid"], after["start_time"]) == (engine["pid"], engine["start_time"])
    assert is_alive(engine["pid"])


def test_arguments_of_the_first_start_are_not_repeated_when_studio_starts_again(
    folk: Family,
) -> None:
    folk.add("studio", first_args=["--orphans", "0"])
    folk.start()
    first = folk.facts("studio")

    os.kill(first["pid"], signal.SIGKILL)

    again = folk.facts("studio", other_than=first["pid"])
    assert first["argv"][-2:] == ["--orphans", "0"]
    assert "--orphans" not in again["argv"]


def test_what_a_killed_studio_had_started_ends_with_it(folk: Family) -> None:
    folk.add("studio", "--grandchild", "same-group")
    folk.start()
    first = folk.facts("studio")

    os.kill(first["pid"], signal.SIGKILL)

    again = folk.facts("studio", other_than=first["pid"])
    assert wait_for(lambda: not is_alive(first["grandchild"]))
    assert is_alive(again["grandchild"])


def test_a_wrong_configuration_of_studio_ends_everything_with_its_code(folk: Family) -> None:
    folk.add("comfyui")
    folk.add("studio", "--exit-code", "78")
    folk.process = folk.spawn()

    assert folk.process.wait(timeout=10) == 78
    assert folk.output().count("studio started") == 1
    # The engine may have been ended before it could tell its pid.
    told = folk.state / "comfyui.json"
    assert not told.exists() or not is_alive(folk.facts("comfyui")["pid"])


def test_an_engine_that_dies_is_left_to_studio(folk: Family) -> None:
    folk.add("studio")
    folk.add("comfyui", "--orphans", "3", "--print-lines", "60", "--exit-code", "7")
    folk.start()

    status = wait_for(
        lambda: (said := folk.child("comfyui"))["state"] == "exited" and said,
    )

    assert (status["exit"]["code"], status["exit"]["signal"]) == (7, None)
    assert status["deliberate"] is False
    tail: list[str] = status["log_tail"]
    assert len(tail) == 40 and tail[-1].startswith("comfyui line 59 ")
    assert folk.output().count("comfyui started") == 1
    assert folk.process is not None
    bootstrap_pid = folk.process.pid
    wait_for(lambda: not zombies_of(bootstrap_pid))


def zombies_of(parent: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue
            if fields[0] == b"Z" and int(fields[1]) == parent:
                found.append(int(entry.name))
    return found


def test_a_second_bootstrap_is_refused_with_the_pid_of_the_first(folk: Family) -> None:
    folk.add("studio")
    folk.start()
    assert folk.process is not None

    second = folk.spawn()

    assert second.wait(timeout=10) == 75
    assert f"process {folk.process.pid} " in folk.output()
    assert folk.child("studio")["state"] == "running"


def test_the_socket_of_a_dead_bootstrap_is_replaced(folk: Family) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(folk.socket_path))
    folk.add("studio")

    folk.start()

    assert folk.child("studio")["state"] == "running"
    assert stat.S_IMODE(folk.socket_path.stat().st_mode) == 0o600


def test_logs_are_private_and_rotate_but_studios_lines_are_not_in_its_status(
    folk: Family,
) -> None:
    folk.limits = {"log_size_bytes": 2000, "log_files": 2}
    folk.add("studio", "--print-lines", "200")
    folk.start()

    newest = folk.log_dir / "studio.log"
    wait_for(lambda: newest.exists() and "studio line 199 " in newest.read_text())

    aside = sorted(folk.log_dir.glob("studio-*.log"))
    assert len(aside) == 2
    assert {stat.S_IMODE(path.stat().st_mode) for path in (newest, *aside)} == {0o600}
    lines = "".join(path.read_text() for path in (*aside, newest)).splitlines()
    numbers = [int(line.split()[2]) for line in lines]
    assert numbers == list(range(numbers[0], 200)) and numbers[0] > 0
    assert folk.child("studio")["log_tail"] == []


def test_a_log_that_is_a_link_is_never_followed(folk: Family) -> None:
    victim = folk.folder / "victim"
    victim.write_text("precious")
    (folk.log_dir / "comfyui.log").symlink_to(victim)
    folk.add("comfyui", "--print-lines", "5")
    folk.start()

    wait_for(lambda: len(folk.child("comfyui")["log_tail"]) == 5)

    assert victim.read_text() == "precious"


def two_words(path: Path) -> list[str] | None:
    words = path.read_text().split() if path.exists() else []
    return words if len(words) == 2 else None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
def test_studio_and_engines_can_be_different_users(folk: Family) -> None:
    studio: dict[str, Any] = {"uid": 10001, "gid": 10001, "groups": [10001, 10002]}
    engine: dict[str, Any] = {"uid": 10002, "gid": 10002, "groups": [10002]}
    folk.folder.chmod(0o755)
    os.chown(folk.run_dir, 10001, 10001)
    folk.state.chmod(0o777)
    for name, ids in (("studio", studio), ("comfyui", engine)):
        # The tests' own Python may be out of reach for others, a shell never is.
        script = f"umask > {folk.state}/{name}; id -u >> {folk.state}/{name}; exec sleep 600"
        folk.children.append(
            {
                "name": name,
                "kind": name,
                "argv": ["/bin/sh", "-c", script],
                "ids": ids,
                "umask": 0o002,
                "env": {"PATH": os.environ["PATH"]},
            }
        )
    folk.more = {"studio_ids": studio, "isolation": True}
    folk.start()

    for name, uid in (("studio", "10001"), ("comfyui", "10002")):
        assert wait_for(partial(two_words, folk.state / name)) == ["0002", uid]
    assert (folk.socket_path.stat().st_uid, folk.ask(verb="status")["bootstrap"]["isolation"]) == (
        10001,
        True,
    )
    pids = [folk.child(name)["pid"] for name in ("studio", "comfyui")]
    assert folk.process is not None
    folk.process.kill()
    folk.process.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in pids))
