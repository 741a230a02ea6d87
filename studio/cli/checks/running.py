"""A Studio that runs, asked over its socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from studio.cli.checks.finding import Finding, Level, fail, info, ok, warn

_TIMEOUT_S: Final = 5.0


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("studio.local", timeout=_TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(_TIMEOUT_S)
        self.sock.connect(str(self._path))


def check_running(control_socket: Path) -> Iterator[Finding]:
    """Whether it takes work, and how its engines are."""
    try:
        ready = _get(control_socket, "/ready")
        engines = _get(control_socket, "/api/system/engines")["engines"]
        keys = _get(control_socket, "/api/keys")["keys"]
    except (OSError, ValueError, KeyError, http.client.HTTPException) as error:
        yield fail(
            "running", f"Studio has its socket open but does not answer: {error}.", "Restart it."
        )
        return
    if ready["ready"]:
        yield ok("running", "Studio takes work")
    else:
        yield fail("running", f"Studio takes no work: {'; '.join(ready['reasons'])}", "See below.")
    for notice in ready["notices"]:
        if notice != "no isolation":
            yield warn(
                "running",
                notice,
                "It is told until the next start, and again then if it is still so.",
            )
    if keys:
        yield ok("keys", f"{len(keys)} open it: {', '.join(key['name'] for key in keys[:5])}")
    else:
        yield info("keys", "none yet; ./start.sh keys create NAME makes one")
    for engine in engines:
        yield _engine(engine)
    if all(engine["kind"] == "embedded" for engine in engines):
        yield info(
            "ComfyUI",
            "not used by the Studio that runs: the embedded engine paints placeholders",
            "Install it, say where it is (COMFYUI_DIR), and start Studio again.",
        )


def is_apart(control_socket: Path) -> bool:
    """Whether the Studio that runs is another user than its engines; False when it does not say."""
    try:
        return _get(control_socket, "/ready")["isolation"] is True
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return False


def _engine(engine: dict[str, Any]) -> Finding:
    version = f" {engine['version']}" if engine["version"] else ""
    text = f"{engine['kind']}{version} is {engine['state']}"
    if engine["state"] == "ready":
        return ok(engine["name"], f"{text}, jobs in it: {engine['jobs']}")
    last = " | ".join(engine["log_tail"][-3:])
    level = Level.WARN if engine["state"] in ("starting", "unresponsive") else Level.FAIL
    return Finding(
        engine["name"],
        level,
        f"{text}: {engine['reason']}",
        f"Its last lines: {last}" if last else "Its log is in the folder logs of STUDIO_DIR.",
    )


def _get(control_socket: Path, path: str) -> dict[str, Any]:
    connection = _SocketConnection(control_socket)
    try:
        connection.request("GET", path)
        body = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    if not isinstance(body, dict):
        raise ValueError("the answer is no object")
    return body
