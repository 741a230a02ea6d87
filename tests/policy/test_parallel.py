"""A process of the tests that dies costs the test that it ran, and no other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parents[2]
_DIES = "import os\n\n\ndef test_dies():\n    os._exit(3)\n"
_PASSES = "\n\ndef test_{name}():\n    assert True\n"


@pytest.mark.parametrize("tests_after", [0, 1, 3])
def test_all_other_tests_run_once_when_a_process_dies(tmp_path: Path, tests_after: int) -> None:
    (tmp_path / "conftest.py").write_text(
        "from tests.conftest import pytest_xdist_make_scheduler\n"
    )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    others = 0
    for number in range(12):
        names = [f"number_{number}_{each}" for each in range(1 + number % 3)]
        others += len(names)
        text = "".join(_PASSES.format(name=name) for name in names)
        (tmp_path / f"test_{number:02}.py").write_text(text)
    after = "".join(_PASSES.format(name=f"after_{each}") for each in range(tests_after))
    (tmp_path / "test_06_dies.py").write_text(_DIES + after)

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "2", "--no-loadscope-reorder"],
        cwd=tmp_path,
        # A folder of its own for what it makes: in the common one pytest clears up after others.
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(_ROOT), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )

    assert f"1 failed, {others + tests_after} passed" in run.stdout, run.stdout + run.stderr
    assert "test_06_dies.py::test_dies" in run.stdout
