"""A real bootstrap process with stub children, and the plain socket client of the tests.

Run as a program it is that bootstrap: it builds a ``Plan`` from a JSON file and runs it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from boot.parent import run
from boot.plan import BootError, ChildPlan, Ids, Limits, Plan

ROOT = Path(__file__).resolve().parents[2]
STUB = Path(__file__).with_name("stub_child.py")
T = TypeVar("T")


def wait_for(question: Callable[[], T | None], *, timeout_s: float = 15.0) -> T:
    """The first answer that is not None, False or empty."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        answer = question()
        if answer:
            return answer
        time.sleep(0.02)
    raise AssertionError(f"it did not happen within {timeout_s} s")


def is_alive(pid: int) -> bool:
    """The process exists and is no zombie that waits for its parent."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(b")")[2].split()[0] != b"Z"


class Family:
    """Bootstrap, its children, and everything they leave in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run_dir = folder / "run"
        self.log_dir = folder / "logs"
        self.state = folder / "state"
        for each in (self.run_dir, self.log_dir, self.state):
            each.mkdir(exist_ok=True)
        self.children: list[dict[str, Any]] = []
        self.limits: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def socket_path(self) -> Path:
        return self.run_dir / "bootstrap.sock"

    def add(self, name: str, *arguments: str, kind: str | None = None, **more: Any) -> None:
        """A stub child, run by the tests' Python with ``arguments``."""
        argv = [sys.executable, str(STUB), "--name", name, "--state", str(self.state), *arguments]
        self.children.append({"name": name, "kind": kind or name, "argv": argv, **more})

    def start(self) -> None:
        """Start bootstrap and wait until it listens."""
        self.process = self.spawn()
        wait_for(lambda: self.can_connect() or self.has_ended())
        if self.has_ended():
            raise AssertionError(f"bootstrap ended at once: {self.output()}")

    def spawn(self) -> subprocess.Popen[bytes]:
        """One more bootstrap with the same plan; the caller ends it."""
        plan = self.folder / "plan.json"
        described = {"children": self.children, "limits": self.limits, **self.more}
        plan.write_text(
            json.dumps({"run_dir": str(self.run_dir), "log_dir": str(self.log_dir), **described})
        )
        with (self.folder / "output").open("ab") as output:
            return subprocess.Popen(
                [sys.executable, __file__, str(plan)],
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    def output(self) -> str:
        """What bootstrap printed."""
        return (self.folder / "output").read_text()

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def can_connect(self) -> bool:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(str(self.socket_path))
            except OSError:
                return False
        return True

    def ask(self, **request: str) -> dict[str, Any]:
        """One request on a connection of its own."""
        with Line(self.socket_path) as line:
            return line.ask(json.dumps(request).encode())

    def child(self, name: str) -> dict[str, Any]:
        status: dict[str, Any] = self.ask(verb="status", name=name)["child"]
        return status

    def facts(self, name: str, *, other_than: int | None = None) -> dict[str, Any]:
        """What the child ``name`` told about itself, waiting for one with another pid."""

        def read() -> dict[str, Any] | None:
            try:
                facts: dict[str, Any] = json.loads((self.state / f"{name}.json").read_text())
            except FileNotFoundError:
                return None
            return facts if facts["pid"] != other_than else None

        return wait_for(read)

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.process.wait(12)
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()
        for path in self.state.glob("*.json"):
            facts = json.loads(path.read_text())
            for pid in (facts["pid"], facts["grandchild"]):
                if pid is not None and is_alive(pid):
                    os.kill(pid, signal.SIGKILL)


class Line:
    """A connection that sends raw lines and reads JSON ones."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.settimeout(15)
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._file = self._socket.makefile("rb")

    def __enter__(self) -> Line:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def read(self) -> dict[str, Any] | None:
        """The next answer; None when the other side closed."""
        line = self._file.readline()
        return json.loads(line) if line else None

    def ask(self, line: bytes) -> dict[str, Any]:
        self.send(line + b"\n")
        answer = self.read()
        assert answer is not None, "the connection was closed"
        return answer


@contextlib.contextmanager
def family() -> Iterator[Family]:
    """A family in a short folder of its own, because a socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="bs-") as folder:
        made = Family(Path(folder))
        try:
            yield made
        finally:
            made.end()


def _plan(described: dict[str, Any]) -> Plan:
    def ids(said: dict[str, Any] | None) -> Ids | None:
        return Ids(said["uid"], said["gid"], tuple(said["groups"])) if said else None

    return Plan(
        run_dir=Path(described["run_dir"]),
        log_dir=Path(described["log_dir"]),
        children=tuple(
            ChildPlan(
                name=child["name"],
                kind=child["kind"],
                argv=tuple(child["argv"]),
                first_args=tuple(child.get("first_args", ())),
                cwd=Path("/"),
                env=child.get("env", dict(os.environ)),
                port=child.get("port"),
                url=child.get("url"),
                umask=child.get("umask", 0o022),
                ids=ids(child.get("ids")),
                flags=tuple(child.get("flags", ())),
                flags_file=Path(child["flags_file"]) if "flags_file" in child else None,
            )
            for child in described["children"]
        ),
        studio_ids=ids(described.get("studio_ids")),
        isolation=described.get("isolation", False),
        limits=Limits(**described["limits"]),
    )


if __name__ == "__main__":
    try:
        sys.exit(run(_plan(json.loads(Path(sys.argv[1]).read_text()))))
    except BootError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
