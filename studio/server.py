"""Serves the application: one port for everybody, one socket for the machine's owner."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import stat
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from studio.app import open_studio
from studio.clock import Clock
from studio.errors import InvalidRequest, StorageUnavailable, StudioError
from studio.listening import open_ports
from studio.opened import Studio
from studio.paths import private_folder, sockets_folder
from studio.settings import Settings
from studio.store.lease import Held, Lease, LeaseLost
from studio.store.restoring import finish_restore
from studio.store.snapshots import fence
from studio.store.taking_back import begin_open, close_way_back, take_back
from studio.waits import set_within
from studio.web.bodies import UnreadBodies
from studio.web.clients import Clients
from studio.web.comfy_proxy import MAX_FRAME_BYTES
from studio.web.connections import (
    MAX_HEAD_BYTES,
    BoundedEditorHttp,
    BoundedHttp,
    most_connections,
    raise_file_limit,
)
from studio.web.guard import Guard
from studio.web.held import HeldApp
from studio.web.hot_path import HotPath
from studio.web.sockets import BoundedSocket

log = logging.getLogger(__name__)

CONTROL_SOCKET: Final = "control.sock"
_GRACE_S: Final = 3
_LEASE_RETRY_S: Final = 1.0


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to its caller."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop_accepting(self) -> None:
        """Go on with the connections that there are."""
        for server in getattr(self, "servers", ()):
            server.close()


class _Door:
    """The ASGI application behind the open port; what it is can change while it is open."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


@dataclass(frozen=True, slots=True)
class _Ports:
    """Both ports' doors, and what is behind them while nothing else can be."""

    door: _Door
    comfy_door: _Door
    held: HeldApp


async def serve(settings: Settings, *, take_over: bool = False) -> None:
    """Serve until SIGTERM or SIGINT, or until another Studio takes the volume over.

    While another Studio holds the volume, only ``/health`` and an explanation are served.

    Raises:
        InvalidRequest, StorageUnavailable: the folders, the port or the database cannot be used.
        LeaseLost: another Studio took over; nothing was written after that.
    """
    raise_file_limit()
    clock = Clock()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if settings.boot.volume_fault:
        await _explain(settings, stop)
        return
    private_folder(settings.studio_dir)
    sockets_folder(settings.run_dir)
    private_folder(settings.studio_dir / "run")
    lease = Lease(settings.studio_dir / "run" / "lease.json", clock)
    held = HeldApp()
    door = _Door(held)
    comfy_door = _Door(held)
    proxies = settings.trusted_proxies
    with open_ports(settings) as listeners:
        address, comfy_address = listeners.studio.getsockname(), listeners.comfy.getsockname()
        # From here on a port is the one that was opened, where the setting was "any".
        settings = replace(settings, port=address[1], comfy_port=comfy_address[1])
        async with (
            _serving(door, listeners.studio, proxies) as server,
            _serving(comfy_door, listeners.comfy, proxies, editor=True) as comfy_server,
        ):

            def leave() -> None:
                held.leave()
                door.app = comfy_door.app = held
                stop.set()
                if settings.boot.listeners:
                    # Whoever comes from now on waits for the next Studio.
                    server.stop_accepting()
                    comfy_server.stop_accepting()

            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, leave)
            claim = await _acquire(lease, held, stop, take_over=take_over)
            if claim is None:
                return
            try:
                await asyncio.to_thread(finish_restore, settings.studio_dir)
                if claim.fence:
                    await asyncio.to_thread(fence, settings.database_path)
                await _serve_state(settings, clock, _Ports(door, comfy_door, held), stop, lease)
            except (InvalidRequest, StorageUnavailable) as error:
                if not settings.boot.safe_mode:
                    raise
                # There is no other copy to go on with: ending again and again explains nothing.
                log.error("%s", error.message)
                held.reason = f"{settings.boot.safe_mode} {error.message}"
                await stop.wait()
            finally:
                lease.release()


async def _explain(settings: Settings, stop: asyncio.Event) -> None:
    """Serve the reason why there is nothing to work on."""
    held = HeldApp()
    held.reason = settings.boot.volume_fault
    proxies = settings.trusted_proxies
    with open_ports(settings) as listeners:
        async with (
            _serving(held, listeners.studio, proxies),
            _serving(held, listeners.comfy, proxies, editor=True),
        ):
            log.error("%s", held.reason)
            await stop.wait()


async def _serve_state(
    settings: Settings, clock: Clock, ports: _Ports, stop: asyncio.Event, lease: Lease
) -> None:
    """Serve what is in the folder; whatever is brought in meanwhile takes its place in between."""
    while True:
        aside = await asyncio.to_thread(begin_open, settings.studio_dir)
        try:
            async with open_studio(settings, clock, lease_check=lease.check) as studio:
                await asyncio.to_thread(close_way_back, settings.studio_dir)
                aside = None
                await _serve_opened(settings, studio, ports, stop, lease)
        except LeaseLost:
            raise
        except Exception as error:
            if aside is None:
                raise
            # With what was brought in Studio does not start; with what was there it did.
            refused = await asyncio.to_thread(take_back, settings.studio_dir, aside)
            text = "%s What was there is back; what was brought in is in %s"
            log.error(text, error, refused, exc_info=not isinstance(error, StudioError))
            continue
        if stop.is_set() or not studio.reopen.is_set():
            return
        await asyncio.to_thread(lease.beat)
        await asyncio.to_thread(finish_restore, settings.studio_dir)


async def _serve_opened(
    settings: Settings, studio: Studio, ports: _Ports, stop: asyncio.Event, lease: Lease
) -> None:
    ports.door.app = front(studio, settings)
    ports.comfy_door.app = UnreadBodies(studio.comfy)
    async with _control(settings.run_dir, studio, settings):
        log.info(
            "Studio listens on http://%s:%s, ComfyUI's editor on port %s",
            settings.host,
            settings.port,
            settings.comfy_port,
        )
        await _show_the_way_in(studio, settings)
        await _until_stopped(stop, lease, studio)
        if studio.reopen.is_set():
            ports.held.reason = "An archive is being put in place."
        ports.door.app = ports.comfy_door.app = ports.held


async def _show_the_way_in(studio: Studio, settings: Settings) -> None:
    """Until the owner has a password, each start says how to choose one."""
    base = settings.public_url or settings.own_url
    link = None if settings.api_key is not None else await studio.accounts.people.first_link()
    if link is not None:
        log.warning("Nobody has set Studio up yet. Open %s within a day.", link.address(base))


async def _acquire(
    lease: Lease, held: HeldApp, stop: asyncio.Event, *, take_over: bool
) -> Held | None:
    """Wait for the volume; ``None`` when asked to stop before it was free."""
    while not stop.is_set():
        answer = await asyncio.to_thread(lease.acquire, take_over=take_over)
        if isinstance(answer, Held):
            return answer
        if held.reason != answer.message:
            log.warning("%s", answer.message)
        held.reason = answer.message
        await set_within(stop, _LEASE_RETRY_S)
    return None


async def _until_stopped(stop: asyncio.Event, lease: Lease, studio: Studio) -> None:
    keeping = asyncio.create_task(lease.keep())
    stopping = asyncio.create_task(stop.wait())
    reopening = asyncio.create_task(studio.reopen.wait())
    every = {keeping, stopping, reopening}
    try:
        await asyncio.wait(every, return_when=asyncio.FIRST_COMPLETED)
        if keeping.done():
            try:
                keeping.result()
            except LeaseLost as lost:
                studio.db.halt(lost.message)
                raise
    finally:
        for task in every:
            task.cancel()
        await asyncio.gather(*every, return_exceptions=True)


def front(studio: Studio, settings: Settings) -> ASGIApp:
    """The application as the open port serves it."""
    return HotPath(
        UnreadBodies(_guard(studio, settings, console=False)),
        auth=studio.accounts.auth,
        submit=studio.v2_jobs.submit,
        get_job=studio.v2_jobs.get_job,
        max_body_bytes=settings.max_body_bytes,
        limits=studio.accounts.limits,
    )


def _guard(studio: Studio, settings: Settings, *, console: bool) -> Guard:
    return Guard(
        studio.app,
        auth=studio.accounts.auth,
        links=studio.links,
        max_body_bytes=settings.max_body_bytes,
        address=studio.address,
        identify_session=studio.accounts.sessions.identify,
        limits=None if console else studio.accounts.limits,
        console=console,
    )


@contextlib.asynccontextmanager
async def _control(run_dir: Path, studio: Studio, settings: Settings) -> AsyncIterator[None]:
    """The owner's socket, 0600, for the CLI on this machine."""
    path = run_dir / CONTROL_SOCKET
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            listener.bind(str(path))
        except OSError as error:
            raise StorageUnavailable(
                f"The control socket {path} cannot be made: {error}"
            ) from error
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
        listener.listen(64)
        async with _serving(_guard(studio, settings, console=True), listener):
            yield
    finally:
        listener.close()
        with contextlib.suppress(FileNotFoundError):
            path.unlink()


@contextlib.asynccontextmanager
async def _serving(
    app: ASGIApp,
    listener: socket.socket,
    proxies: Sequence[str] = (),
    *,
    editor: bool = False,
) -> AsyncIterator[_Server]:
    # uvicorn accepts from the moment it is started; the backlog holds whoever is quicker.
    server = _Server(
        uvicorn.Config(
            Clients(app, proxies) if proxies else app,
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=list(proxies),
            date_header=True,
            timeout_graceful_shutdown=_GRACE_S,
            timeout_keep_alive=75,
            # The other parser hides what an absolute-form request names.
            http=BoundedEditorHttp if editor else BoundedHttp,
            h11_max_incomplete_event_size=MAX_HEAD_BYTES,
            # As many are accepted at once, before anybody can count them.
            backlog=min(1024, 1 + most_connections() // 2),
            ws="auto" if editor else BoundedSocket,
            ws_max_size=MAX_FRAME_BYTES if editor else 32 << 20,
            ws_per_message_deflate=False,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield server
    finally:
        server.should_exit = True
        await task
