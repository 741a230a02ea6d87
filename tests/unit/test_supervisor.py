"""The client of bootstrap's socket, against a real bootstrap."""

from __future__ import annotations

import asyncio
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.clients.supervisor import Supervisor, SupervisorRefused, SupervisorUnavailable
from tests.fakes.bootstrap_family import Family, family, wait_for


@pytest.fixture
def folk() -> Iterator[Family]:
    with family() as made:
        made.add("studio")
        made.add("comfyui", "--print-lines", "3", port=1234, url="http://127.0.0.1:1234")
        made.start()
        yield made


async def test_the_children_are_read_as_records(folk: Family) -> None:
    folk.facts("comfyui")
    children = await Supervisor(socket_path=folk.socket_path).status()
    comfyui = children["comfyui"]
    assert set(children) == {"studio", "comfyui"}
    assert (comfyui.kind, comfyui.state, comfyui.port) == ("comfyui", "running", 1234)
    assert comfyui.pid == folk.facts("comfyui")["pid"]
    assert comfyui.exit is None and isinstance(comfyui.log_tail, tuple)


async def test_an_engine_is_stopped_and_started(folk: Family) -> None:
    supervisor = Supervisor(socket_path=folk.socket_path)
    first = folk.facts("comfyui")["pid"]
    stopped = await supervisor.stop("comfyui")
    assert stopped.state == "stopped" and stopped.deliberate
    assert stopped.exit is not None and stopped.exit.signal == signal.SIGTERM
    started = await supervisor.start("comfyui")
    assert started.state == "running" and started.pid != first


async def test_a_signal_is_sent_and_a_dead_child_refuses_the_next(folk: Family) -> None:
    supervisor = Supervisor(socket_path=folk.socket_path)
    await supervisor.signal("comfyui", "KILL")
    await asyncio.to_thread(wait_for, lambda: folk.child("comfyui")["state"] == "exited")
    with pytest.raises(SupervisorRefused) as refused:
        await supervisor.signal("comfyui", "TERM")
    assert refused.value.code == "not_running"


async def test_an_unknown_name_is_refused(folk: Family) -> None:
    with pytest.raises(SupervisorRefused) as refused:
        await Supervisor(socket_path=folk.socket_path).start("sshd")
    assert refused.value.code == "unknown_child"


async def test_without_a_bootstrap_the_supervisor_is_unavailable() -> None:
    with tempfile.TemporaryDirectory() as folder:
        supervisor = Supervisor(socket_path=Path(folder) / "bootstrap.sock")
        with pytest.raises(SupervisorUnavailable):
            await supervisor.status()


@pytest.mark.parametrize("answer", [b"", b"hello\n", b"[]\n", b'{"children": {"a": {}}}\n'])
async def test_an_answer_that_makes_no_sense_counts_as_none(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(answer)
        writer.close()
        await writer.wait_closed()

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bootstrap.sock"
        async with await asyncio.start_unix_server(serve, path):
            with pytest.raises(SupervisorUnavailable):
                await Supervisor(socket_path=path).status()
