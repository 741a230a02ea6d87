"""A Studio of one's own for the time of one command, where none is running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Final

from boot.linux import die_with_parent
from boot.plan import EXIT_HELD as BOOTSTRAP_HELD
from studio.cli.failures import EXIT_CONFIG, EXIT_FAILED, CommandFailed
from studio.cli.interrupts import Interrupts
from studio.cli.screen import Screen
from studio.clients.supervisor import Supervisor, SupervisorRefused, SupervisorUnavailable
from studio.paths import private_folder
from studio.settings import Settings

_ROOT: Final = Path(__file__).resolve().parents[2]
_STOP_S: Final = 30.0
_STOP_NOW_S: Final = 3.0
_POLL_S: Final = 0.05
_MAX_ENDS: Final = 3
_TAIL_BYTES: Final = 4096
_TAIL_LINES: Final = 8


class PrivateStudio:
    """Bootstrap as a child, in a process group that Ctrl-C at the terminal does not reach."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, run_dir: Path) -> None:
        self._process = process
        self._log = log
        self._supervisor = Supervisor(socket_path=run_dir / "bootstrap.sock")
        self._ends: set[float] = set()

    @property
    def held_by_other(self) -> bool:
        """It ended because another was started in the same moment."""
        return self._process.poll() == BOOTSTRAP_HELD

    async def check(self) -> None:
        """Make sure that it lives.

        Raises:
            CommandFailed: it ended, or its server ends again and again; its last lines are told.
        """
        status = self._process.poll()
        if status == BOOTSTRAP_HELD:
            return
        if status is None:
            await self._count_ends()
            if len(self._ends) < _MAX_ENDS:
                return
        lines = self._last_lines()
        own = [line.removeprefix("bootstrap: ") for line in lines if line.startswith("bootstrap: ")]
        if own and status == 2:
            raise CommandFailed(own[-1], reason="settings", exit_code=EXIT_CONFIG)
        raise CommandFailed(
            "\n".join((f"Studio could not be started; {self._log} says more.", *lines)),
            reason="start_failed",
            exit_code=EXIT_CONFIG if status == EXIT_CONFIG else EXIT_FAILED,
        )

    async def stop(self, interrupts: Interrupts) -> None:
        """End it and all its engines; at once when somebody is impatient."""
        seen = 0
        kill_at = time.monotonic() + _STOP_S
        while self._process.poll() is None:
            wanted = 2 if interrupts.impatient else 1
            if seen < wanted:
                seen += 1
                self._process.send_signal(signal.SIGTERM)
                if seen > 1:
                    kill_at = time.monotonic() + _STOP_NOW_S
            if time.monotonic() >= kill_at:
                # Its warden ends the engines.
                self._process.kill()
            # Being interrupted once more only makes this quicker.
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(_POLL_S)

    async def _count_ends(self) -> None:
        with contextlib.suppress(SupervisorUnavailable, SupervisorRefused):
            end = (await self._supervisor.status())["studio"].exit
            if end is not None:
                self._ends.add(end.at)

    def _last_lines(self) -> list[str]:
        with contextlib.suppress(OSError), self._log.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
            return [line for line in text.splitlines() if line.strip()][-_TAIL_LINES:]
        return []


@contextlib.asynccontextmanager
async def open_private(
    settings: Settings, interrupts: Interrupts, screen: Screen
) -> AsyncIterator[PrivateStudio]:
    """Start bootstrap on free ports over the same state; it is ended with the block.

    Raises:
        CommandFailed: this installation has no bootstrap, or it cannot be run.
    """
    bootstrap = _ROOT / "bootstrap.py"
    if not bootstrap.is_file():
        raise CommandFailed(
            "No Studio is running, and this installation cannot start one: it has no bootstrap.py.",
            reason="not_running",
        )
    log = private_folder(private_folder(settings.studio_dir) / "logs") / "run.log"
    environ = {
        **os.environ,
        "STUDIO_DIR": str(settings.studio_dir.absolute()),
        "STUDIO_RUN_DIR": str(settings.run_dir.absolute()),
        "STUDIO_HOST": "127.0.0.1",
        "STUDIO_PORT": "0",
        "COMFYUI_PORT": "0",
    }
    studio = PrivateStudio(_spawn(bootstrap, environ, log), log, settings.run_dir)
    try:
        yield studio
    finally:
        screen.clear()
        await studio.stop(interrupts)


def _spawn(bootstrap: Path, environ: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        return subprocess.Popen(
            (sys.executable, str(bootstrap)),
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            start_new_session=True,
            preexec_fn=die_with_parent(os.getpid()),
        )
    except OSError as error:
        raise CommandFailed(f"Studio cannot be started: {error}.", reason="start_failed") from error
    finally:
        os.close(handle)
