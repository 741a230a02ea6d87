"""The port, the public address, and the key that guards them."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from studio.cli.checks.finding import Finding, fail, info, ok, warn
from studio.settings import Settings

_STRONG_KEY: Final = 20
_SHORT_KEY: Final = 16
_MIN_KINDS: Final = 8
_MAX_SOCKET_PATH: Final = 107
_NEW_KEY: Final = "This makes a good one: openssl rand -hex 24"


def check_port(settings: Settings, *, running: bool) -> Finding:
    """Whether Studio can listen, or who is in the way."""
    place = f"{settings.host}:{settings.port}"
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                return fail(
                    "port",
                    f"{place} cannot be opened: {error.strerror}.",
                    "Choose others with STUDIO_HOST and STUDIO_PORT.",
                )
        else:
            return ok("port", f"{place} is free")
    user = _listener(settings.port)
    who = f" by {user}" if user else ""
    if running:
        return ok("port", f"{place} is in use{who}; a Studio is running")
    return fail(
        "port", f"{place} is in use{who}.", "Stop that program or choose another STUDIO_PORT."
    )


def check_run_dir(run_dir: Path, studio_dir: Path) -> Finding:
    """Whether the sockets have a place of their own."""
    fix = "Set STUDIO_RUN_DIR to a short path of your own, such as /tmp/studio."
    if len(os.fsencode(run_dir / "bootstrap.sock")) > _MAX_SOCKET_PATH:
        return fail("run folder", f"{run_dir} is too long a name for sockets.", fix)
    if run_dir.is_symlink():
        return fail("run folder", f"{run_dir} is a symbolic link.", f"Remove it. {fix}")
    folder = next(path for path in (run_dir, *run_dir.parents) if path.exists())
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        return fail("run folder", f"{run_dir} cannot be made or written.", fix)
    owners = {os.geteuid()}
    if studio_dir.exists():
        owners.add(studio_dir.stat().st_uid)
    if run_dir.exists() and run_dir.stat().st_uid not in owners:
        return fail("run folder", f"{run_dir} belongs to another user.", f"Remove it. {fix}")
    return ok("run folder", str(run_dir))


def check_access(settings: Settings, *, running: bool) -> Iterator[Finding]:
    """The public address, and how hard ``API_KEY`` is to guess.

    Args:
        running: a Studio runs, whose own environment counts, not the one of this command.
    """
    url = settings.public_url
    is_open = url is not None or not _is_loopback(settings.host)
    if url is None:
        yield ok("public URL", "none set; links use the address a request came to")
    elif url.startswith("http://") and not _is_loopback(urlsplit(url).hostname or ""):
        yield warn(
            "public URL",
            f"{url} is not encrypted: keys and pictures can be read on the way.",
            "Put an HTTPS proxy in front and set STUDIO_PUBLIC_URL to its https:// address.",
        )
    else:
        yield ok("public URL", url)
    if settings.api_key is None:
        if not running:
            yield info("API key", "API_KEY is not set; ./start.sh keys create NAME makes keys")
        return
    key = settings.api_key.reveal()
    if len(key) >= _STRONG_KEY and len(set(key)) >= _MIN_KINDS:
        yield ok("API key", "API_KEY is set and long enough")
    elif len(key) < _SHORT_KEY and not is_open:
        yield warn("API key", f"API_KEY is shorter than {_SHORT_KEY} characters.", _NEW_KEY)
    elif is_open:
        yield fail(
            "API key", "API_KEY can be guessed, and Studio is reachable from outside.", _NEW_KEY
        )
    else:
        yield warn("API key", "API_KEY can be guessed.", _NEW_KEY)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listener(port: int) -> str | None:
    """The process that listens on ``port``, where the system tells."""
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not sockets:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        try:
            links = {str(link.readlink()) for link in (process / "fd").iterdir()}
            command = (process / "cmdline").read_bytes()
        except OSError:
            # Another user's, or one that has just ended.
            continue
        if links & sockets:
            words = command.replace(b"\0", b" ").decode("utf-8", "replace").strip()
            return f"process {process.name} ({words[:80]})"
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            # State 0A is LISTEN.
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                yield fields[9]
