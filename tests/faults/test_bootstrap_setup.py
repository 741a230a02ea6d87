"""``scripts/setup`` and ``start.sh`` in a copy of the checkout that needs no package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.bootstrap_family import ROOT

Ran = subprocess.CompletedProcess[str]


def set_up(root: Path, *arguments: str, **environ: str) -> Ran:
    # What works without an index works offline.
    offline = {"PIP_NO_INDEX": "1", "PYTHON": sys.executable}
    return subprocess.run(
        [str(root / "scripts" / "setup"), *arguments],
        env={**os.environ, **offline, **environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with an empty lock file, set up once."""
    root = tmp_path_factory.mktemp("check out")
    (root / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "setup", root / "scripts")
    for name in ("requirements.lock", "requirements-dev.lock"):
        (root / name).write_text("# nothing\n")
    first = set_up(root, "dev")
    assert first.returncode == 0, first.stdout
    assert "ready" in first.stdout
    return root


def test_a_second_set_up_does_nothing_and_says_nothing(checkout: Path) -> None:
    stamp = checkout / ".venv" / ".studio-setup"
    before = stamp.stat().st_mtime_ns
    for level in ("dev", "runtime"):
        again = set_up(checkout, level)
        assert (again.returncode, again.stdout) == (0, "")
    assert stamp.stat().st_mtime_ns == before


def test_a_new_lock_file_is_installed_and_a_failure_leaves_no_stamp(checkout: Path) -> None:
    lock = checkout / "requirements.lock"
    before = lock.read_text()
    try:
        lock.write_text("nowhere-to-be-found==1 --hash=sha256:" + "0" * 64 + "\n")
        for _ in range(2):
            failed = set_up(checkout, "runtime")
            assert failed.returncode != 0 and "nowhere-to-be-found" in failed.stdout
    finally:
        lock.write_text(before)
    assert "ready" in set_up(checkout, "runtime").stdout
    assert "ready" in set_up(checkout, "dev").stdout


def test_a_broken_environment_is_made_again(checkout: Path) -> None:
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nonexistent/python")
    repaired = set_up(checkout, "dev")
    assert repaired.returncode == 0 and "ready" in repaired.stdout
    assert subprocess.run([python, "-c", ""], check=False).returncode == 0


def test_without_a_network_the_message_says_so(checkout: Path) -> None:
    lock = checkout / "requirements.lock"
    before = lock.read_text()
    try:
        lock.write_text("nowhere-to-be-found==1 --hash=sha256:" + "0" * 64 + "\n")
        # Port 9 of this machine: nobody listens.
        failed = set_up(
            checkout,
            "runtime",
            PIP_NO_INDEX="",
            PIP_CONFIG_FILE=os.devnull,
            PIP_INDEX_URL="http://127.0.0.1:9/simple",
            PIP_RETRIES="1",
        )
    finally:
        lock.write_text(before)
    assert failed.returncode != 0 and "no network" in failed.stdout
    assert set_up(checkout, "dev").returncode == 0


def test_a_python_that_is_none_is_named(checkout: Path, tmp_path: Path) -> None:
    root = tmp_path / "fresh"
    shutil.copytree(checkout / "scripts", root / "scripts")
    shutil.copy(checkout / "requirements.lock", root)
    failed = set_up(root, "runtime", PYTHON="/nonexistent/python")
    assert failed.returncode == 1 and "PYTHON=/nonexistent/python" in failed.stdout
    assert not (root / ".venv").exists()


def test_an_unknown_level_is_refused(checkout: Path) -> None:
    assert set_up(checkout, "everything").returncode == 1


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that other users may look into."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="other users need a Python")
def test_a_command_of_root_in_the_container_is_run_as_studios_user(open_folder: Path) -> None:
    app, volume, venv = (open_folder / name for name in ("app", "volume", "venv"))
    (app / "studio").mkdir(parents=True)
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/usr/bin/python3")
    volume.mkdir()
    shutil.copy(ROOT / "start.sh", app)
    (app / "studio" / "__init__.py").touch()
    (app / "studio" / "__main__.py").write_text(
        "import os; print(os.getuid(), os.getgid(), os.getgroups())"
    )

    def start(command: str) -> str:
        return subprocess.run(
            [str(app / "start.sh"), command],
            cwd="/",
            env={
                "PATH": os.environ["PATH"],
                "STUDIO_IMAGE": "1",
                "STUDIO_VENV": str(venv),
                "STUDIO_DIR": str(volume),
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    assert start("keys").startswith("0 ")
    os.chown(volume, 10001, 10001)
    assert start("keys") == "10001 10001 []\n"
    assert start("doctor").startswith("0 ")


def test_start_hands_its_arguments_to_studio_from_anywhere(tmp_path: Path) -> None:
    app = tmp_path / "app"
    (app / "studio").mkdir(parents=True)
    shutil.copy(ROOT / "start.sh", app)
    (app / "studio" / "__init__.py").touch()
    (app / "studio" / "__main__.py").write_text("import os, sys; print(os.getcwd(), sys.argv[1:])")
    (app / "bootstrap.py").write_text("import sys; print('bootstrap', sys.argv[1:])")
    venv = tmp_path / "venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "python").symlink_to(sys.executable)
    elsewhere = tmp_path / "else where"
    (elsewhere / "studio").mkdir(parents=True)
    (elsewhere / "studio" / "__init__.py").touch()
    (elsewhere / "studio" / "__main__.py").write_text("print('the wrong one')")

    def start(*arguments: str) -> str:
        return subprocess.run(
            [str(app / "start.sh"), *arguments],
            cwd=elsewhere,
            env={**os.environ, "STUDIO_IMAGE": "1", "STUDIO_VENV": str(venv.parent)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        ).stdout

    assert start() == "bootstrap []\n"
    assert start("serve") == "bootstrap ['serve']\n"
    assert start("serve", "--take-over") == "bootstrap ['serve', '--take-over']\n"
    assert start("run", "a red fox") == f"{elsewhere} ['run', 'a red fox']\n"
