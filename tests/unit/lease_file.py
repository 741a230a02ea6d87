"""The lease's file, and a Studio on another host that writes it.

Whoever needs a fixture imports it under its own name (`path as path`): pytest finds it there.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOREIGN: dict[str, Any] = {
    "boot_id": "another-boot",
    "host": "pod-b",
    "pid_ns": 1,
    "pid": 7,
    "start_time": 70,
    "beat": 0,
    "token": "foreign",
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lease.json"


def foreign(path: Path, **changes: Any) -> None:
    """What a Studio on another host does: write beside it, rename over it."""
    partial = path.with_name("foreign")
    partial.write_text(json.dumps({**FOREIGN, **changes}))
    partial.rename(path)


def record(path: Path) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(path.read_text())
    return written
