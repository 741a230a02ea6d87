"""Both hubs on loopback for tests that have no event loop of their own."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from concurrent.futures import Future
from threading import Thread

from tests.fakes.civitai import Civitai, running_civitai
from tests.fakes.hub import Hub, running_hub

_STARTS_S = 30


@contextlib.contextmanager
def hubs_in_a_thread() -> Iterator[tuple[Hub, Civitai]]:
    """Hubs that answer until the block ends; what they serve may be changed meanwhile."""
    opened: Future[tuple[Hub, Civitai, asyncio.AbstractEventLoop, asyncio.Event]] = Future()

    async def serve() -> None:
        async with running_hub() as hub, running_civitai() as civitai:
            over = asyncio.Event()
            opened.set_result((hub, civitai, asyncio.get_running_loop(), over))
            await over.wait()

    # Its end cancels the answers that are still under way, too.
    thread = Thread(target=asyncio.run, args=(serve(),), name="hubs")
    thread.start()
    hub, civitai, loop, over = opened.result(_STARTS_S)
    try:
        yield hub, civitai
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()
