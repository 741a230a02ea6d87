"""The way in for the owner at the machine: a running Studio's socket, or the database itself."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx

from studio.cli.failures import EXIT_HELD, CommandFailed
from studio.cli.sockets import control_socket, is_listening
from studio.settings import Settings
from studio.tls import trusts_nobody

BASE_URL: Final = "http://studio.local"
_START_WAIT_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.2


def open_socket(path: Path) -> httpx.AsyncClient:
    """A client of the Studio that listens there; the caller is its owner."""
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(path), verify=trusts_nobody()),
        base_url=BASE_URL,
        timeout=60.0,
    )


@contextlib.asynccontextmanager
async def open_console(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """Keys, model files and backups, whether Studio runs or not; the caller is the owner.

    A running Studio is asked over its socket. Without one the database is opened here, under the
    lease that keeps two from writing at once.

    Raises:
        CommandFailed: another Studio holds the volume and cannot be reached from here.
        StudioError: the folders or the database cannot be used.
    """
    path = control_socket(settings)
    give_up_at = time.monotonic() + _START_WAIT_S
    while True:
        if is_listening(path):
            async with open_socket(path) as client:
                yield client
            return
        # Not before it is needed: what runs in a server takes a while to import.
        from studio.cli.offline import claim, open_offline

        with claim(settings) as claimed:
            if claimed.lease is not None:
                async with open_offline(settings, claimed.lease) as client:
                    yield client
                return
        # One that is starting holds the volume before it listens.
        if not claimed.is_near or time.monotonic() > give_up_at:
            raise in_use(claimed.message)
        await asyncio.sleep(_LOOK_EVERY_S)


def in_use(message: str) -> CommandFailed:
    """The refusal when the volume is somebody else's."""
    return CommandFailed(
        f"{message} Run this where it runs, or stop it first.",
        reason="volume_in_use",
        exit_code=EXIT_HELD,
    )
