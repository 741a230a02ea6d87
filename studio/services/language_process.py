"""One language model's server in one of bootstrap's places: started, watched, started again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from studio.clients.language_server import LanguageServer
from studio.clients.supervisor import (
    ChildStatus,
    Supervisor,
    SupervisorRefused,
    SupervisorUnavailable,
)
from studio.clock import Clock
from studio.errors import StudioError
from studio.language_errors import ModelNotRunning
from studio.services.language_files import InstalledModel
from studio.settings import Secret
from studio.store.language_specs import LanguageSpecs, free_port

log = logging.getLogger(__name__)

STARTING, RUNNING, FAILED, STOPPED = "starting", "running", "failed", "stopped"
CRASH_LIMIT: Final = 5
CRASH_WINDOW_S: Final = 600.0
BACKOFF_MAX_S: Final = 60.0
LOAD_S: Final = 900.0
"""The largest models come from slow disks."""
_LOOK_S: Final = 0.25
_HEALTH_S: Final = 10.0
_MISSES: Final = 3
_LINES: Final = 5
_HOST: Final = "127.0.0.1"
_NO_LLAMA: Final = "No module named"


@dataclass(frozen=True, slots=True)
class Places:
    """What servers are run with, the same for all."""

    supervisor: Supervisor
    specs: LanguageSpecs
    clock: Clock
    backoff_s: float
    load_s: float = LOAD_S


class ModelServer:
    """One model in the place ``slot``, from its start until ``stop``.

    Args:
        gpu: the one of several GPUs that it gets; empty for all of them.
    """

    def __init__(
        self, model: InstalledModel, slot: str, places: Places, *, on_gpu: bool, gpu: str = ""
    ) -> None:
        self.model = model
        self.slot = slot
        self.need = model.need(on_gpu=on_gpu)
        self.state = STARTING
        self.reason = ""
        self.may_try_again = False
        """What it failed by was not the model's own: the next request may start it anew."""
        self.busy = 0
        self.turn = asyncio.Lock()
        """Whose request it works on: it does one at a time."""
        self.pid: int | None = None
        self.crashes: deque[float] = deque()
        self.used_at_s = places.clock.monotonic_s()
        self._since_s = self.used_at_s
        self._on_gpu, self._gpu = on_gpu, gpu
        self._places = places
        self._client: LanguageServer | None = None
        self._settled = asyncio.Event()
        self._task = asyncio.create_task(self._run(), name=f"{slot}: {model.id}")

    @property
    def idle(self) -> bool:
        """It could be stopped without anybody noticing."""
        return not self.busy and self.state in (RUNNING, FAILED)

    async def ready(self) -> LanguageServer:
        """Wait until it takes requests.

        Raises:
            ModelNotRunning: it does not, and why.
        """
        while self.state == STARTING:
            self._settled.clear()
            await self._settled.wait()
        if self.state != RUNNING or self._client is None:
            raise ModelNotRunning(f"{self.model.id}: {self.reason or 'it was stopped'}")
        return self._client

    def doubt(self) -> None:
        """Somebody could not reach it: it takes no requests until it was looked at."""
        if self.state == RUNNING:
            self._enter(STARTING, "it does not answer")

    @contextlib.contextmanager
    def used(self) -> Iterator[None]:
        """While somebody reads from it, it is not idle."""
        self.busy += 1
        try:
            yield
        finally:
            self.busy -= 1
            self.used_at_s = self._places.clock.monotonic_s()

    async def stop(self) -> None:
        """End it, and all that it does."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._enter(STOPPED)
        await self._let_go()
        with contextlib.suppress(SupervisorUnavailable, SupervisorRefused):
            await self._places.supervisor.stop(self.slot)

    async def _run(self) -> None:
        try:
            while await self._live():
                wait_s = min(self._places.backoff_s * 2.0 ** (len(self.crashes) - 1), BACKOFF_MAX_S)
                self._enter(STARTING, f"crashed; starting again in {wait_s:.0f} s")
                await asyncio.sleep(wait_s)
        except SupervisorRefused as refused:
            self._fail(_refused(refused))
        except SupervisorUnavailable:
            self._fail("bootstrap, which runs it, does not answer")
        except StudioError as error:
            self._fail(error.message)

    async def _live(self) -> bool:
        """One life; whether there is to be another."""
        await asyncio.to_thread(self.model.look_again)
        port, key = await asyncio.to_thread(free_port), Secret(secrets.token_urlsafe(32))
        spec = self.model.spec(port=port, key=key.reveal(), on_gpu=self._on_gpu, gpu=self._gpu)
        supervisor = self._places.supervisor
        old = (await supervisor.status()).get(self.slot)
        if old is not None and old.state == "running":
            # Of somebody who could not end it: started again it would stay as it is.
            await supervisor.stop(self.slot)
        await asyncio.to_thread(self._places.specs.write, self.slot, spec)
        child = await supervisor.start(self.slot)
        self.pid = child.pid
        self._client = LanguageServer(url=f"http://{_HOST}:{port}", key=lambda: key)
        self._enter(STARTING, "loading")
        try:
            dead = await self._watch(child, self._client)
        finally:
            self.pid = None
            await self._let_go()
        return dead is not None and self._bury(dead)

    async def _watch(self, born: ChildStatus, client: LanguageServer) -> ChildStatus | None:
        """Until its end; ``None`` when it was ended for it did not answer in time."""
        clock = self._places.clock
        asked_s, misses = clock.monotonic_s(), 0
        while True:
            child = await self._look()
            if child.state != "running" or child.started_at != born.started_at:
                return child
            if self.state == STARTING:
                if await _answers(client):
                    self._enter(RUNNING)
                    asked_s = clock.monotonic_s()
                elif clock.monotonic_s() - self._since_s >= self._places.load_s:
                    await self._places.supervisor.stop(self.slot)
                    self._enter(FAILED, f"it did not answer for {self._places.load_s:.0f} s")
                    return None
            elif not self.busy and clock.monotonic_s() - asked_s >= _HEALTH_S:
                # While it writes it answers nobody else, and what it writes says that it lives.
                misses = 0 if await _answers(client) else misses + 1
                asked_s = clock.monotonic_s()
                if misses >= _MISSES and not self.busy:
                    log.warning("%s in %s answers no more, killing it", self.model.id, self.slot)
                    await self._places.supervisor.signal(self.slot, "KILL")
            await asyncio.sleep(_LOOK_S)

    async def _look(self) -> ChildStatus:
        while True:
            try:
                children = await self._places.supervisor.status()
            except SupervisorUnavailable:
                # It is busy, or ends, and this process with it.
                await asyncio.sleep(_LOOK_S)
                continue
            if self.slot not in children:
                raise SupervisorRefused("unknown_child", "There is no such place.")
            return children[self.slot]

    def _bury(self, child: ChildStatus) -> bool:
        now_s = self._places.clock.monotonic_s()
        self.crashes.append(now_s)
        while self.crashes[0] < now_s - CRASH_WINDOW_S:
            self.crashes.popleft()
        lines = [line for line in child.log_tail if line.strip()]
        if any(_NO_LLAMA in line and "llama_cpp" in line for line in lines[-_LINES:]):
            self._enter(
                FAILED,
                "llama-cpp-python is not installed: LLAMA_PYTHON has to name a Python that has it, "
                "as docs/language.md says",
            )
            return False
        log.warning("%s in %s ended by itself", self.model.id, self.slot)
        if len(self.crashes) < CRASH_LIMIT:
            return True
        last = " | ".join(lines[-_LINES:])
        self._enter(FAILED, f"crashed {CRASH_LIMIT} times in ten minutes; last lines: {last}")
        return False

    def _enter(self, state: str, reason: str = "") -> None:
        self.state, self.reason = state, reason
        self._since_s = self._places.clock.monotonic_s()
        if state != STARTING:
            self._settled.set()

    def _fail(self, reason: str) -> None:
        self.may_try_again = True
        self._enter(FAILED, reason)

    async def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


async def _answers(client: LanguageServer) -> bool:
    try:
        await client.models()
    except StudioError:
        return False
    return True


def _refused(refused: SupervisorRefused) -> str:
    if refused.code == "unknown_child":
        return "this bootstrap cannot run language models; start the container anew"
    return f"it cannot be started: {refused}"
