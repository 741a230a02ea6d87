"""What a custom node can reach when engines run as another user than Studio (row 48)."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.studio_process import RunningStudio, run_studio

PYTHON = "/usr/bin/python3"
NODE = """
import json, os, socket, sys
studio_dir, run_dir, pid = sys.argv[1], sys.argv[2], int(sys.argv[3])

def connect(name):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"{run_dir}/{name}")

tries = {
    "environment": lambda: open(f"/proc/{pid}/environ", "rb").read(),
    "memory": lambda: open(f"/proc/{pid}/mem", "rb").close(),
    "open files": lambda: os.listdir(f"/proc/{pid}/fd"),
    "folder": lambda: os.listdir(studio_dir),
    "database": lambda: open(f"{studio_dir}/db/studio.db", "rb").read(1),
    "logs": lambda: os.listdir(f"{studio_dir}/logs"),
    "a file of its own there": lambda: open(f"{studio_dir}/planted", "x").close(),
    "control socket": lambda: connect("control.sock"),
    "bootstrap's socket": lambda: connect("bootstrap.sock"),
    "engines' record": lambda: open(f"{run_dir}/engines.json").read(),
    "signal": lambda: os.kill(pid, 0),
}
done = []
for name, attempt in tries.items():
    try:
        attempt()
        done.append(name)
    except PermissionError:
        pass
print(json.dumps([done, len(tries)]))
"""


def reached(studio: RunningStudio, *prefix: str) -> tuple[list[str], int]:
    """What such a process gets at, and of how much."""
    [child] = [
        pid
        for pid in _children(studio.process.pid)
        if b"studio\0serve" in Path(f"/proc/{pid}/cmdline").read_bytes()
    ]
    told = subprocess.run(
        [*prefix, PYTHON, "-I", "-c", NODE, str(studio.folder), str(studio.run_dir), str(child)],
        check=True,
        capture_output=True,
        cwd="/",
    )
    done, tries = json.loads(told.stdout)
    return done, tries


def _children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def studio() -> Iterator[RunningStudio]:
    """A Studio in a folder that others may look into, so that its own modes are what refuses."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None or not Path(PYTHON).exists():
        pytest.skip("only root, with setpriv, can be another user")
    folder = Path(tempfile.mkdtemp(prefix="studio-isolation-"))
    folder.chmod(0o755)
    try:
        with run_studio(folder) as running:
            yield running
    finally:
        shutil.rmtree(folder)


def test_a_node_of_another_user_reaches_nothing_of_studios(studio: RunningStudio) -> None:
    node = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    # As the same user, where "no isolation" is told, everything is there to be reached.
    done, tries = reached(studio)
    assert len(done) == tries
    (studio.folder / "planted").unlink()
    assert reached(studio, *node) == ([], tries)
