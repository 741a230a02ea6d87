"""One bootstrap per run folder."""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from boot.control import holder
from boot.plan import EXIT_HELD, BootError

SOCKET_NAME: Final = "bootstrap.sock"
_LOCK_NAME: Final = "bootstrap.lock"


def check_free(run_dir: Path) -> None:
    """Raise BootError (exit code 75) when a bootstrap listens in ``run_dir``."""
    if (pid := holder(run_dir / SOCKET_NAME)) is not None:
        raise _held(run_dir, str(pid or "unknown"))


@contextlib.contextmanager
def hold(run_dir: Path) -> Iterator[None]:
    """Own the run folder; the lock closes the moment between looking and listening.

    Raises:
        BootError: another bootstrap lives there (exit code 75), or a socket does not fit.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(run_dir / _LOCK_NAME, flags, 0o600)
    try:
        facts = os.fstat(handle)
        if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
            raise BootError(f"{run_dir / _LOCK_NAME} is not a plain file of its own; remove it.")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
            raise _held(run_dir, pid) from None
        check_free(run_dir)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


def _held(run_dir: Path, pid: str) -> BootError:
    return BootError(
        f"Studio already runs here: process {pid} holds {run_dir}. Stop it first, or set "
        "STUDIO_DIR to another folder.",
        exit_code=EXIT_HELD,
    )
