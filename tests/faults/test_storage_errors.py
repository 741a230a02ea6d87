"""A storage that fails: nothing is acknowledged falsely, nothing acknowledged is lost."""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.volumes import mounted
from tests.faults.storage_process import acknowledged, started, stored

WRITES = 8


@functools.cache
def _can_inject() -> bool:
    """Whether strace is here and may trace (containers often refuse)."""
    if shutil.which("strace") is None:
        return False
    probe = [*_strace("fsync", "EIO", 1), sys.executable, "-c", "import os; os.fsync(1)"]
    done = subprocess.run(probe, capture_output=True, check=False)
    return done.returncode == 1 and b"Input/output error" in done.stderr


def _strace(syscall: str, error: str, nth: int) -> list[str]:
    inject = f"inject={syscall}:error={error}:when={nth}"
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={syscall}", "-e", inject]


def _cases(nths: range) -> Iterator[tuple[str, str, int]]:
    for syscall in ("fdatasync", "fsync", "pwrite64", "ftruncate"):
        for error in ("EIO", "EDQUOT"):
            for nth in nths:
                yield syscall, error, nth


QUICK = [
    ("fdatasync", "EIO", 2),
    ("fdatasync", "EIO", 7),
    ("fdatasync", "EDQUOT", 5),
    ("fsync", "EIO", 1),
    ("pwrite64", "EIO", 9),
    ("pwrite64", "EIO", 25),
    ("pwrite64", "EDQUOT", 30),
    ("ftruncate", "EIO", 1),
]


@pytest.mark.parametrize(
    ("syscall", "error", "nth"),
    [
        *(pytest.param(*case, id="-".join(map(str, case))) for case in QUICK),
        *(
            pytest.param(*case, id="-".join(map(str, case)) + "-full", marks=pytest.mark.soak)
            for case in _cases(range(1, 41))
        ),
    ],
)
def test_a_call_that_fails_is_refused_rolled_back_and_recovered_from(
    tmp_path: Path, syscall: str, error: str, nth: int
) -> None:
    if not _can_inject():
        pytest.skip("strace is missing or may not trace: faults cannot be injected")
    path = tmp_path / "studio.db"
    with started("commit-some", path, WRITES, before=_strace(syscall, error, nth)) as child:
        out, trouble = child.communicate(timeout=60)
    assert child.returncode == 0, trouble
    known = acknowledged(out)
    lines = out.splitlines()
    refused = [line for line in lines if line.startswith("refused")]
    assert known <= stored(path)
    if "closed" in lines:
        assert len(known) + len(refused) == WRITES
        assert len(refused) <= 2, "one error must not refuse writes for long"


def test_faults_are_injected_at_all(tmp_path: Path) -> None:
    """Guards the test above: a commit that fails is really seen by Studio."""
    if not _can_inject():
        pytest.skip("strace is missing or may not trace: faults cannot be injected")
    path = tmp_path / "studio.db"
    before = _strace("fdatasync", "EIO", 1)
    before[-1] += "+"
    with started("commit-some", path, WRITES, before=before) as child:
        out, _ = child.communicate(timeout=60)
    assert "refused" in out
    assert acknowledged(out) == set()


def test_a_file_size_limit_refuses_and_writing_goes_on_when_it_is_lifted(tmp_path: Path) -> None:
    path = tmp_path / "studio.db"
    with started("commit-until-full", path) as child:
        out, trouble = child.communicate(timeout=60)
    assert child.returncode == 0, trouble
    lines = out.splitlines()
    refused = {line.split()[1] for line in lines if line.startswith("refused")}
    assert refused <= {"DiskFull", "StorageUnavailable"}
    assert lines[-1] == "closed"
    known = acknowledged(out)
    assert len(known) > 3
    assert known <= stored(path)


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "volume"
    folder.mkdir()
    with mounted(folder, "size=2m") as volume:
        yield volume


def test_a_full_volume_refuses_and_writing_goes_on_when_there_is_room(small_volume: Path) -> None:
    path = small_volume / "studio.db"
    ballast = small_volume / "ballast"
    ballast.write_bytes(bytes(300_000))
    with started("commit-until-volume-is-full", path, ballast) as child:
        out, trouble = child.communicate(timeout=60)
    assert child.returncode == 0, trouble
    lines = out.splitlines()
    assert "refused DiskFull" in lines
    assert lines[-1] == "closed"
    known = acknowledged(out)
    assert len(known) > 3
    assert known <= stored(path)
