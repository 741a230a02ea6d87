"""The Studio that a run talks to: one elsewhere, the one that runs here, or one of its own."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from studio.cli.client import Client, Unreachable
from studio.cli.console import in_use, open_socket
from studio.cli.failures import EXIT_USAGE, CommandFailed
from studio.cli.interrupts import Interrupts
from studio.cli.private import PrivateStudio, open_private
from studio.cli.screen import Screen
from studio.cli.sockets import CONTROL_SOCKET, control_socket, is_listening
from studio.clients.supervisor import BOOTSTRAP_SOCKET
from studio.paths import private_folder
from studio.settings import Settings
from studio.store.holder import is_same_place, parse, this_process
from studio.tls import trusted, trusts_nobody

_LOCK_NAME: Final = "run.lock"
_LOOK_EVERY_S: Final = 0.1
_PATIENCE_S: Final = 3.0
_FOREIGN_WAIT_S: Final = 75.0
"""A lease whose holder is gone is free after 60 s."""
_MAX_LEASE_BYTES: Final = 4096
_HOPELESS: Final = frozenset({"stopped", "incompatible"})


@dataclass(frozen=True, slots=True)
class Session:
    """A Studio to talk to.

    ``run_dir`` is where its sockets are when it runs on this machine, ``private`` that it was
    started for this command alone.
    """

    client: Client
    run_dir: Path | None = None
    private: bool = False

    def is_gone(self) -> bool:
        """Whether nothing is left here that would start it again."""
        if self.run_dir is None:
            return False
        names = (CONTROL_SOCKET, BOOTSTRAP_SOCKET)
        return not any(is_listening(self.run_dir / name) for name in names)


@contextlib.asynccontextmanager
async def open_remote(url: str, key: str | None) -> AsyncIterator[Session]:
    """A Studio elsewhere.

    Raises:
        CommandFailed: that is no web address, or something else answers there.
    """
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    try:
        if not url.startswith(("http://", "https://")) or not httpx.URL(url).host:
            raise httpx.InvalidURL("no address")
        verify = trusted() if url.startswith("https://") else trusts_nobody()
        http = httpx.AsyncClient(
            base_url=url.rstrip("/"), headers=headers, timeout=60.0, verify=verify
        )
    except httpx.InvalidURL as error:
        raise CommandFailed(
            "The address must be like http://host:8000 or https://host.",
            reason="usage",
            exit_code=EXIT_USAGE,
        ) from error
    async with http:
        client = Client(http)
        _, body = await client.ready()
        if "ready" not in body:
            raise CommandFailed(f"What answers at {url} is not a Studio.", reason="not_studio")
        yield Session(client)


@contextlib.asynccontextmanager
async def open_local(
    settings: Settings, interrupts: Interrupts, screen: Screen, *, wait_s: float
) -> AsyncIterator[Session]:
    """The Studio of ``settings``, ready; one is started for this block when none runs.

    Args:
        wait_s: how long an engine may take to be ready.

    Raises:
        CommandFailed: it cannot be started, or no engine became ready.
    """
    path = control_socket(settings)
    run_dir = private_folder(settings.run_dir)
    async with contextlib.AsyncExitStack() as stack:
        lock = await stack.enter_async_context(_shared_lock(run_dir / _LOCK_NAME))
        private = None
        if not is_listening(path):
            screen.say("Starting Studio …")
            private = await stack.enter_async_context(open_private(settings, interrupts, screen))
            stack.push_async_callback(_wait_for_others, private, lock, interrupts, screen)
        http = await stack.enter_async_context(open_socket(path))
        client = Client(http)
        await _Waiting(settings, client, path, private, screen, wait_s).until_ready()
        yield Session(client, run_dir, private is not None)


@contextlib.asynccontextmanager
async def _shared_lock(path: Path) -> AsyncIterator[int]:
    """Held by everybody who uses the Studio of one folder.

    Whoever started a private one takes it alone before ending it, so that no other run loses it.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        # Whoever has it is another process: there is no event to wait for.
        while not _lock(handle, fcntl.LOCK_SH):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_EVERY_S)
        yield handle
    finally:
        os.close(handle)


async def _wait_for_others(
    private: PrivateStudio, handle: int, interrupts: Interrupts, screen: Screen
) -> None:
    told = False
    while not (private.held_by_other or interrupts.count or _lock(handle, fcntl.LOCK_EX)):
        if not told:
            screen.say("Another run uses the Studio that this one started; waiting for it …")
            told = True
        await asyncio.sleep(_LOOK_EVERY_S)


def _lock(handle: int, kind: int) -> bool:
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


class _Waiting:
    """From a Studio that may not even listen yet to one that takes work."""

    def __init__(
        self,
        settings: Settings,
        client: Client,
        path: Path,
        private: PrivateStudio | None,
        screen: Screen,
        wait_s: float,
    ) -> None:
        self._lease = settings.studio_dir / "run" / "lease.json"
        self._client = client
        self._path = path
        self._private = private
        self._screen = screen
        self._wait_s = wait_s
        self._told = ""

    async def until_ready(self) -> None:
        """Wait, and say what for.

        Raises:
            CommandFailed: it ended, waiting cannot help, or it took too long.
        """
        started_s = time.monotonic()
        while True:
            if self._private is not None:
                await self._private.check()
            ready, body = await self._ask()
            if ready:
                return
            waited_s = time.monotonic() - started_s
            holder = None if body else self._foreign_holder()
            if holder is not None and waited_s > _FOREIGN_WAIT_S:
                raise in_use(f"This volume is in use by Studio on {holder}.")
            reasons = body.get("reasons") or [
                f"the volume is in use by Studio on {holder}" if holder else "it is starting"
            ]
            why = "; ".join(map(str, reasons))
            if _is_hopeless(body) or waited_s > self._wait_s:
                raise CommandFailed(f"Studio takes no work: {why}.", reason="not_ready")
            if waited_s > _PATIENCE_S and why != self._told:
                self._screen.say(f"Waiting for Studio: {why} …")
                self._told = why
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _ask(self) -> tuple[bool, dict[str, Any]]:
        if is_listening(self._path):
            with contextlib.suppress(Unreachable):
                return await self._client.ready()
        return False, {}

    def _foreign_holder(self) -> str | None:
        """The host of a Studio elsewhere that has the volume."""
        try:
            holder = parse(self._lease.read_bytes()[:_MAX_LEASE_BYTES])
        except OSError:
            return None
        if holder is None or is_same_place(holder, this_process()):
            return None
        return holder.host


def _is_hopeless(body: dict[str, Any]) -> bool:
    """Waiting cannot help: no engine is configured, or every one was given up."""
    engines = body.get("engines")
    return isinstance(engines, dict) and set(engines.values()) <= _HOPELESS
