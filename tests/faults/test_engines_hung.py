"""An engine that hangs, under a real bootstrap: it is killed and comes back, come what may."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from studio.services.engine import Engine
from studio.settings import Settings
from tests.contract.harness import find_free_port
from tests.fakes.bootstrap_family import Family, family, is_alive
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.faults.harness import Api, settings_for, studio_inside, until, until_it, with_run_dir

NAME = "embedded"
HANG_S = 1.0


@pytest.fixture
def folk(tmp_path: Path) -> Iterator[Family]:
    """A bootstrap that holds the embedded engine."""
    port, folder = find_free_port(), tmp_path / "engine"
    folder.mkdir()
    with family() as made:
        argv = [sys.executable, "-m", "studio.embedded", "--port", str(port)]
        argv += ["--base-directory", str(folder)]
        env = {**os.environ, "PYTHONPATH": os.getcwd()}
        made.children.append({"name": NAME, "kind": NAME, "argv": argv, "port": port, "env": env})
        made.start()
        yield made


@contextlib.asynccontextmanager
async def collected_before_it_is_killed(folk: Family) -> AsyncIterator[Path]:
    """A folder whose bootstrap has always just collected the child that it is asked to kill."""

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            asked = orjson.loads(line)
            if asked["verb"] == "signal":
                await asyncio.to_thread(folk.ask, **asked)
                await until(lambda: folk.child(NAME)["state"] != "running")
            writer.write(orjson.dumps(await asyncio.to_thread(folk.ask, **asked)) + b"\n")
            await writer.drain()
        writer.close()

    folder = Path(tempfile.mkdtemp(prefix="bs-"))
    server = await asyncio.start_unix_server(passed_on, folder / "bootstrap.sock")
    try:
        yield folder
    finally:
        server.close()
        await server.wait_closed()
        shutil.rmtree(folder)


def settings_beside(folk: Family, tmp_path: Path, run_dir: Path) -> Settings:
    url = f"http://127.0.0.1:{folk.children[0]['port']}"
    settings = settings_for(tmp_path, [url], kind=NAME, hang_s=HANG_S)
    return replace(with_run_dir(settings, run_dir), engine_dir=tmp_path / "engine")


async def comes_back(api: Api, folk: Family, hung: int) -> None:
    """Until another process answers in the place of the one that hangs."""

    async def answers() -> bool:
        return folk.child(NAME)["pid"] != hung and (await api.ready()).status_code == 200

    await until_it(answers, "the engine is back", within_s=120)
    assert not is_alive(hung)


async def test_an_engine_that_has_ended_before_bootstrap_could_kill_it_is_started_again(
    folk: Family, tmp_path: Path
) -> None:
    async with (
        collected_before_it_is_killed(folk) as run_dir,
        studio_inside(settings_beside(folk, tmp_path, run_dir)) as api,
    ):
        await api.wait_ready()
        hung = folk.child(NAME)["pid"]
        os.kill(hung, signal.SIGSTOP)
        await comes_back(api, folk, hung)


async def test_an_engine_that_hangs_while_bootstrap_is_away_is_killed_once_it_is_back(
    folk: Family, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    away = folk.socket_path.with_suffix(".away")
    async with studio_inside(settings_beside(folk, tmp_path, folk.run_dir)) as api:
        await api.wait_ready()
        hung = folk.child(NAME)["pid"]
        folk.socket_path.rename(away)
        os.kill(hung, signal.SIGSTOP)
        await until(lambda: caplog.text.count("gave no sign of life") > 2, "it is asked for")
        away.rename(folk.socket_path)
        await comes_back(api, folk, hung)


async def test_a_connection_that_fails_in_a_way_nobody_foresaw_is_told_and_made_again(
    engine: FakeComfy,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    learn = Engine.learn
    failures = iter([True, True])

    def fails_twice(self: Engine, info: dict[str, Any]) -> None:
        if next(failures, False):
            raise RuntimeError("nobody foresaw this")
        learn(self, info)

    monkeypatch.setattr(Engine, "learn", fails_twice)
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        job = await api.wait(await api.submit(saved("fox")))

        assert job["status"] == "succeeded"
        told = [record for record in caplog.records if "its connection failed" in record.message]
        assert len(told) == 2
