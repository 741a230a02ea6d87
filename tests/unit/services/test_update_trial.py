"""What of an engine or a disk is held against a release on trial, and what is not."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from boot.arming import arm, is_put_off
from studio.clients.comfy import ComfyClient
from studio.clients.rehearsal import Place
from studio.clock import Clock, FrozenClock
from studio.errors import DiskFull
from studio.services.engine import Engine, EngineState
from studio.services.engines import EngineService
from studio.services.update_trial import EngineWatch, UpdateTrial
from studio.settings import EngineSetting
from studio.store.prefs import PrefStore
from tests.fakes.comfy import FakeComfy
from tests.faults.harness import until

RELEASE = "1.1.0-bbbbbbbbbbbb"


@pytest.fixture
async def comfy() -> AsyncIterator[FakeComfy]:
    made = FakeComfy()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def engine(comfy: FakeComfy) -> AsyncIterator[Engine]:
    """It answers, and is not ready."""
    setting = EngineSetting("one", "remote", comfy.url)
    made = Engine(setting=setting, client=ComfyClient(comfy.url), client_id="us")
    made.enter(EngineState.UNRESPONSIVE, "does not answer in time")
    yield made
    await made.client.close()


@pytest.fixture
def watch(engine: Engine, clock: FrozenClock) -> EngineWatch:
    return EngineWatch({"one": engine}, clock, answering_s=20.0)


async def test_an_engine_that_answers_and_is_never_used_counts_after_a_while(
    watch: EngineWatch, clock: FrozenClock
) -> None:
    for _ in range(4):
        assert await watch.look("one") == ""
        clock.advance(5.0)
    assert "does not use it: does not answer in time" in await watch.look("one")


async def test_an_engine_that_was_only_busy_for_a_moment_does_not_count(
    watch: EngineWatch, engine: Engine, comfy: FakeComfy, clock: FrozenClock
) -> None:
    for _ in range(4):
        assert await watch.look("one") == ""
        clock.advance(15.0)
        engine.enter(EngineState.READY, "")
        assert await watch.look("one") == ""
        engine.enter(EngineState.UNRESPONSIVE, "does not answer in time")
    assert await watch.look("one") == ""
    clock.advance(15.0)
    await comfy.stop()
    assert await watch.look("one") == ""
    clock.advance(15.0)
    assert await watch.look("one") == ""


async def test_an_engine_that_rests_does_not_count(
    watch: EngineWatch, engine: Engine, clock: FrozenClock
) -> None:
    for _ in range(20):
        engine.refuse(500, clock.monotonic_s(), 60.0)
    for _ in range(4):
        assert await watch.look("one") == ""
        clock.advance(10.0)


@contextlib.contextmanager
def page() -> Iterator[str]:
    """What every Studio shows, in little."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'<script type="module" src="/static/main.js"></script>')

        def log_message(self, *_: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opened_trial(
    folder: Path, url: str, prefs: object, clock: Clock, *, hold_s: float
) -> UpdateTrial:
    """The trial of a release that was armed, without any engine."""
    (folder / "releases").mkdir()
    arm(folder, RELEASE, None)
    trial = UpdateTrial(
        studio_dir=folder,
        release=RELEASE,
        url=url,
        place=Place(folder, folder, folder / "scratch", folder / "run"),
        hold_s=hold_s,
        clock=clock,
        prefs=cast(PrefStore, prefs),
        engines=cast(EngineService, SimpleNamespace(engines={})),
        supervisor=None,
        on_good=lambda _: asyncio.sleep(0),
    )
    trial.open()
    return trial


class FullPrefs:
    """A database on a full disk."""

    async def put(self, *_: str) -> None:
        raise DiskFull("The disk is full.")


async def test_a_full_disk_puts_the_deadline_off(tmp_path: Path) -> None:
    with page() as url:
        trial = opened_trial(tmp_path, url, FullPrefs(), Clock(), hold_s=60.0)
        assert not is_put_off(tmp_path)
        running = asyncio.create_task(trial.run())
        await until(lambda: is_put_off(tmp_path), "it is put off", within_s=60)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class SlowPrefs:
    """A database that takes its time on a clock."""

    def __init__(self, clock: FrozenClock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self.looks = 0

    async def put(self, *_: str) -> None:
        self.looks += 1
        self._clock.advance(self._seconds)


async def test_a_look_that_takes_longer_than_the_trial_is_no_trial(
    tmp_path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.services.update_trial.rehearse", lambda *_, **__: asyncio.sleep(0))
    prefs = SlowPrefs(clock, seconds=1.0)
    with page() as url:
        trial = opened_trial(tmp_path, url, prefs, clock, hold_s=0.5)
        async with asyncio.timeout(60):
            await trial.run()
    assert prefs.looks == 2
    assert trial.current is None
