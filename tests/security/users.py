"""The users of the box, on a machine where the tests may be every user."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

STUDIO_UID, ENGINE_UID, OTHER_UID = 10001, 10002, 10099
PYTHON = f"/usr/bin/python3.{sys.version_info.minor}"
"""One that every user may run; the packages are those of the tests."""


def needs_several_users() -> None:
    """Skip the test where that cannot be."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    told = (
        subprocess.run(
            [PYTHON, "-c", "import fastapi, uvloop, orjson"],
            user=OTHER_UID,
            group=OTHER_UID,
            extra_groups=[],
            env={"PYTHONPATH": sysconfig.get_path("purelib")},
            cwd="/",
            check=False,
        )
        if Path(PYTHON).exists()
        else None
    )
    if told is None or told.returncode:
        pytest.skip(f"other users need {PYTHON} and the packages of the tests")


def uid_of(pid: int) -> int:
    """Whose process it is."""
    return Path(f"/proc/{pid}").stat().st_uid
