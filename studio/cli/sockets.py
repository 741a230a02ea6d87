"""Where a running Studio of this machine listens for its owner."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path
from typing import Final

from studio.cli.failures import CommandFailed
from studio.settings import Settings

CONTROL_SOCKET: Final = "control.sock"


def control_socket(settings: Settings) -> Path:
    """Where a running Studio of these settings listens.

    Raises:
        CommandFailed: somebody else made that folder, who could pretend to be Studio there.
    """
    folder = settings.run_dir
    trusted = {0, os.geteuid()}
    with contextlib.suppress(OSError):
        trusted.add(settings.studio_dir.stat().st_uid)
    with contextlib.suppress(FileNotFoundError):
        if folder.stat().st_uid not in trusted:
            raise CommandFailed(
                f"{folder} belongs to another user. Remove it, or set STUDIO_RUN_DIR.",
                reason="unsafe_folder",
            )
    return folder / CONTROL_SOCKET


def is_listening(path: Path) -> bool:
    """Whether somebody answers there; the file alone may be what a killed Studio left."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(5.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
