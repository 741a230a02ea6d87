"""What chaos is made with: a Studio with a fake engine, or bootstrap with a real one as its child.

The fake one counts what it executes. Of a real one the queue and the history are watched, and read
once more before each of its ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any, Final, Protocol

import httpx
from PIL import Image

from studio.cli.failures import EXIT_FAILED
from studio.errors import DiskFull, StorageUnavailable
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import Graph, png, saved, twice
from tests.faults.family import engine_url, members
from tests.faults.harness import Process, until, until_it

UNPRINTED: Final = 120
"""How Python ends when its last lines cannot be written, which go to a file of that disk, too."""
ENDED_BY_FULL_DISK: Final = (EXIT_FAILED, UNPRINTED)
"""How Studio ends that cannot start there; it says why, if that can be written."""
_LOOK_S: Final = 0.05
_RETURN_S: Final = 120.0


class Rig(Protocol):
    """A Studio and its engine. Every job is known by its number, which its pictures show."""

    studio: Process
    takes_engine_along: bool
    """Whether a restart of it is the end of its engine, too."""

    def graph(self, number: int, *, doubled: bool) -> Graph:
        """Saves one picture in node 2 and, ``doubled``, in node 3 as well."""

    def is_picture_of(self, number: int, data: bytes) -> bool:
        """Whether these are the bytes of an output of that job."""

    async def kill_studio(self) -> None:
        """kill -9, and there is another."""

    async def restart(self) -> int:
        """SIGTERM, and there is another; the exit status of the first."""

    async def kill_engine(self, pause_s: float) -> None:
        """It dies, and there is another, where it is for the test to say ``pause_s`` later."""

    async def revive(self) -> None:
        """Start Studio again where nobody else does: one that meets a full disk ends."""

    async def cut(self) -> None:
        """What connects Studio and the engine breaks, where that can be done from outside."""

    async def studio_pid(self) -> int | None:
        """The process that serves, unless there is none just now."""

    async def runs(self) -> Counter[int]:
        """How often each job began to execute, once the engine has nothing left."""


class FakeRig:
    """``studio serve`` with the address of a fake engine."""

    takes_engine_along = False

    def __init__(self, studio: Process, engine: FakeComfy) -> None:
        self.studio = studio
        self.engine = engine
        self._replacing = asyncio.Lock()

    def graph(self, number: int, *, doubled: bool) -> Graph:
        return twice(f"job {number}") if doubled else saved(f"job {number}")

    def is_picture_of(self, number: int, data: bytes) -> bool:
        return data == png(f"job {number}")

    async def kill_studio(self) -> None:
        async with self._replacing:
            await asyncio.to_thread(self.studio.kill)
            self.studio.start()

    async def restart(self) -> int:
        async with self._replacing:
            status = await asyncio.to_thread(self.studio.terminate)
            self.studio.start()
            return status

    async def revive(self) -> None:
        async with self._replacing:
            if await self.studio_pid() is None:
                assert self.studio.child is not None
                status, said = self.studio.child.returncode, self.studio.output()[-3000:]
                reasons = tuple(f"[{each.code}]\n" for each in (DiskFull, StorageUnavailable))
                assert status == UNPRINTED or (status == EXIT_FAILED and said.endswith(reasons)), (
                    status,
                    said,
                )
                self.studio.start()

    async def kill_engine(self, pause_s: float) -> None:
        await self.engine.die()
        await asyncio.sleep(pause_s)
        await self.engine.start()

    async def cut(self) -> None:
        self.engine.cut_all()

    async def studio_pid(self) -> int | None:
        child = self.studio.child
        return None if child is None or child.poll() is not None else child.pid

    async def runs(self) -> Counter[int]:
        await until(lambda: self.engine.remaining == 0, "the fake engine has nothing left")
        counts = self.engine.runs.items()
        return Counter({int(text.split()[1]): times for text, times in counts})


class FamilyRig:
    """Bootstrap with Studio and one engine below it."""

    takes_engine_along = True

    def __init__(self, family: Process, *, size: int) -> None:
        """``size`` is the edge of the pictures, on which the time of a job depends."""
        self.studio = family
        self._size = size
        self._life = 0
        self._seen: dict[tuple[int, str, int], int] = {}
        self._url = engine_url(family)
        self._client = httpx.AsyncClient(timeout=20)

    def graph(self, number: int, *, doubled: bool) -> Graph:
        size = {"width": self._size, "height": self._size}
        save = {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": "picture"},
        }
        graph = {
            "1": {"class_type": "EmptyImage", "inputs": {**size, "batch_size": 1, "color": number}},
            "2": save,
        }
        return {**graph, "3": save} if doubled else graph

    def is_picture_of(self, number: int, data: bytes) -> bool:
        with Image.open(io.BytesIO(data)) as picture:
            color = (*divmod(number >> 8, 256), number % 256)
            colors = picture.convert("RGB").getcolors()
        return colors == [(self._size**2, color)]

    async def kill_studio(self) -> None:
        await self._kill("studio")

    async def restart(self) -> int:
        with contextlib.suppress(httpx.TransportError):
            await self._look()
        status = await asyncio.to_thread(self.studio.terminate)
        # Not before: whoever watches would count what this life has done for the next one.
        self._life += 1
        self.studio.start()
        return status

    async def kill_engine(self, pause_s: float) -> None:
        """Studio has another started, when it sees fit; ``pause_s`` is not ours to choose."""
        with contextlib.suppress(httpx.TransportError):
            await self._look()
        self._life += 1
        await self._kill("engine")

    async def revive(self) -> None:
        """Bootstrap does."""

    async def cut(self) -> None:
        """Nobody but its two ends can break a connection on loopback."""

    async def studio_pid(self) -> int | None:
        return (await asyncio.to_thread(self._members)).get("studio")

    def _members(self) -> dict[str, int]:
        """Nobody, while bootstrap itself begins or ends."""
        with contextlib.suppress(OSError):
            return members(self.studio)
        return {}

    async def _kill(self, name: str) -> None:
        await until(lambda: name in self._members(), f"there is a {name}", within_s=_RETURN_S)
        before = self._members()[name]
        os.kill(before, signal.SIGKILL)
        await until(
            lambda: self._members().get(name, before) != before,
            f"there is another {name}",
            within_s=_RETURN_S,
        )

    async def runs(self) -> Counter[int]:
        async def is_idle() -> bool:
            # One that was killed when all was done may still be starting.
            with contextlib.suppress(httpx.TransportError):
                return not any((await self._look(all_history=True)).values())
            return False

        await until_it(is_idle, "the engine has nothing left")
        return Counter(self._seen.values())

    async def watch(self) -> None:
        """Note what the engine executes, until cancelled."""
        while True:
            with contextlib.suppress(httpx.TransportError):
                await self._look()
            await asyncio.sleep(_LOOK_S)

    async def _look(self, *, all_history: bool = False) -> dict[str, Any]:
        """Both lists of the queue.

        An execution is told from others by the engine's life, the prompt's id and its number.
        """
        life = self._life
        # Another bootstrap gives it another port.
        with contextlib.suppress(OSError, ValueError):
            self._url = engine_url(self.studio)
        params = {} if all_history else {"max_items": 8}
        queue: dict[str, Any] = (await self._client.get(f"{self._url}/queue")).json()
        history = (await self._client.get(f"{self._url}/history", params=params)).json()
        for number, prompt_id, graph, *_ in (
            *queue["queue_running"],
            *(entry["prompt"] for entry in history.values()),
        ):
            self._seen[life, prompt_id, number] = graph["1"]["inputs"]["color"]
        return queue

    async def close(self) -> None:
        await self._client.aclose()


@contextlib.asynccontextmanager
async def fake_rig(studio: Process, engine: FakeComfy) -> AsyncIterator[FakeRig]:
    """Started, and answering."""
    engine.node_delay_s = 0.01
    studio.start()
    async with studio.api():
        yield FakeRig(studio, engine)


@contextlib.asynccontextmanager
async def family_rig(family: Process, *, size: int = 1024) -> AsyncIterator[FamilyRig]:
    """Started, answering, and watched."""
    family.start()
    async with family.api():
        rig = FamilyRig(family, size=size)
    watching = asyncio.create_task(rig.watch())
    try:
        yield rig
    finally:
        watching.cancel()
        await asyncio.wait([watching])
        await rig.close()
    if not watching.cancelled():
        watching.result()
