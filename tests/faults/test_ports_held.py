"""Studio's ports are bootstrap's: nobody else opens them between two starts of Studio."""

from __future__ import annotations

import contextlib
import errno
import http.client
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.studio_process import RunningStudio, run_studio
from tests.fakes.bootstrap_app import app as stub_app
from tests.fakes.bootstrap_family import Line, wait_for

LISTENS = "0A"
"""The state of a listening socket in ``/proc/net/tcp``."""


@pytest.fixture
def studio(tmp_path: Path) -> Iterator[RunningStudio]:
    with run_studio(tmp_path) as running:
        yield running


def children(studio: RunningStudio) -> dict[str, Any]:
    with Line(studio.run_dir / "bootstrap.sock") as line:
        told: dict[str, Any] = line.ask(b'{"verb": "status"}')["children"]
    return told


def ports(studio: RunningStudio) -> list[int]:
    """Studio's and the editor's."""
    with studio.client() as client:
        groups = client.get("/api/settings").json()["groups"]
    found = {item["key"]: item["value"] for group in groups for item in group["items"]}
    return [int(found["STUDIO_PORT"]), int(found["STUDIO_COMFY_PORT"])]


def holders(port: int) -> set[int]:
    """The processes that have the listening socket of ``port`` open."""
    lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    inodes = {
        f"socket:[{fields[9]}]"
        for fields in lines
        if fields[1].endswith(f":{port:04X}") and fields[3] == LISTENS
    }
    found = set()
    for handle in Path("/proc").glob("[0-9]*/fd/*"):
        try:
            target = os.readlink(handle)
        except OSError:
            continue
        if target in inodes:
            found.add(int(handle.parts[2]))
    return found


def can_be_opened(port: int) -> bool:
    """Whether another process gets the port, in any of the ways there are."""
    for option in (None, socket.SO_REUSEADDR, socket.SO_REUSEPORT):
        for host in ("127.0.0.1", "0.0.0.0"):
            with socket.socket() as other:
                if option is not None:
                    other.setsockopt(socket.SOL_SOCKET, option, 1)
                try:
                    other.bind((host, port))
                    other.listen()
                except OSError as error:
                    assert error.errno == errno.EADDRINUSE
                else:
                    return True
    return False


def ask(port: int) -> socket.socket:
    """A client that was accepted by nobody yet, and has sent all it has to say."""
    line = socket.create_connection(("127.0.0.1", port), timeout=120)
    line.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
    return line


def answer(line: socket.socket) -> bytes:
    with line, line.makefile("rb") as file:
        return file.read()


def test_who_connects_between_two_starts_is_answered_by_the_new_studio_and_by_nobody_else(
    studio: RunningStudio,
) -> None:
    before = children(studio)["studio"]["pid"]
    both = ports(studio)
    # So nothing starts until it has been looked at.
    studio.process.send_signal(signal.SIGSTOP)
    try:
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: all(holders(port) == {studio.process.pid} for port in both))
        assert [can_be_opened(port) for port in both] == [False, False]
        waiting = ask(both[0])
    finally:
        studio.process.send_signal(signal.SIGCONT)
    assert answer(waiting).startswith(b"HTTP/1.1 200")
    after = children(studio)["studio"]["pid"]
    assert after != before
    wait_for(studio.is_ready, timeout_s=300)
    assert ports(studio) == both


def test_no_engine_and_no_helper_has_the_ports(studio: RunningStudio) -> None:
    pid = children(studio)["studio"]["pid"]
    for port in ports(studio):
        assert holders(port) == {studio.process.pid, pid}


def test_a_studio_that_ends_leaves_who_comes_then_to_the_next_one(
    studio: RunningStudio,
) -> None:
    before = children(studio)["studio"]["pid"]
    port = ports(studio)[0]
    studio.process.send_signal(signal.SIGSTOP)
    try:
        os.kill(before, signal.SIGTERM)
        # It has let go of the port, or has ended.
        wait_for(lambda: before not in holders(port), timeout_s=60)
        waiting = ask(port)
    finally:
        studio.process.send_signal(signal.SIGCONT)
    assert answer(waiting).startswith(b"HTTP/1.1 200")
    assert children(studio)["studio"]["pid"] != before


def test_a_studio_that_ends_is_not_taken_for_the_next_one(studio: RunningStudio) -> None:
    before = children(studio)["studio"]["pid"]
    port = ports(studio)[0]
    kept = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    kept.request("GET", "/health")
    assert kept.getresponse().read()
    studio.process.send_signal(signal.SIGSTOP)
    try:
        os.kill(before, signal.SIGTERM)
        wait_for(lambda: before not in holders(port), timeout_s=60)
        with contextlib.suppress(http.client.HTTPException, OSError):
            assert kept.sock is not None
            kept.sock.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
            said = http.client.HTTPResponse(kept.sock)
            said.begin()
            assert (said.status, said.getheader("connection")) == (503, "close")
    finally:
        kept.close()
        studio.process.send_signal(signal.SIGCONT)


def test_a_stop_of_everything_gives_the_ports_up(tmp_path: Path) -> None:
    with run_studio(tmp_path) as studio:
        both = ports(studio)
        studio.process.terminate()
        assert studio.process.wait(60) == 0
        assert [holders(port) for port in both] == [set(), set()]
        with pytest.raises(httpx.ConnectError):
            httpx.get(studio.url)


def test_a_port_of_studios_that_is_taken_is_said_before_anything_starts() -> None:
    with stub_app() as app, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, words = app.refused(STUDIO_ENGINE="embedded", STUDIO_PORT=port)
        assert code == 78
        assert f"Port {port} on 127.0.0.1 cannot be opened: Address already in use." in words
        assert "STUDIO_PORT" in words
        assert not (app.folder / "embedded.json").exists()


def test_the_explanation_of_a_volume_that_cannot_be_used_is_served_on_the_same_port(
    tmp_path: Path,
) -> None:
    (tmp_path / "studio").write_text("not a folder")
    environ = {"STUDIO_IMAGE": "1", "STUDIO_UID": "0", "STUDIO_HOST": "127.0.0.1"}
    with run_studio(tmp_path, environ, serves=False) as studio:
        pid = children(studio)["studio"]["pid"]
        port = int(studio.url.rpartition(":")[2])
        assert holders(port) == {studio.process.pid, pid}
        os.kill(pid, signal.SIGKILL)
        assert answer(ask(port)).startswith(b"HTTP/1.1 200")
