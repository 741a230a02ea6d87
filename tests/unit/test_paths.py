"""Names from outside, and files that are whole or absent."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import paths
from studio.errors import DiskFull, InvalidRequest
from studio.paths import (
    MAX_NAME_BYTES,
    atomic_write,
    private_folder,
    reserve_space,
    run_folder,
    safe_relative,
)

BAD_NAMES = [
    "",
    ".",
    "..",
    "/etc/passwd",
    "a/../b",
    "../a",
    "a/..",
    "a//b",
    "a/",
    "./a",
    "a\\b",
    "..\\a",
    "C:/a",
    "C:a",
    "\\\\host\\share",
    "a\x00b",
    "a\nb",
    "a\x7f",
    "con",
    "CON.txt",
    "aux.tar.gz",
    "com1",
    "lpt9.png",
    " a",
    "a ",
    "a.",
    "a/ b",
    "a*",
    "a?",
    'a"',
    "a<b",
    "a|b",
    "x" * (MAX_NAME_BYTES + 1),
    "é" * MAX_NAME_BYTES,
    "/".join("a" * 100 for _ in range(20)),
    "\ud800",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_an_unsafe_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidRequest):
        safe_relative(name)


@pytest.mark.parametrize(
    "name", ["a", "a.png", "a/b/c.png", "a b.png", "ünï/日本.png", "..a", "a..b"]
)
def test_an_ordinary_name_is_kept(name: str) -> None:
    assert str(safe_relative(name)) == name


def test_two_spellings_of_one_letter_are_one_name() -> None:
    assert safe_relative("e\u0301.png") == safe_relative("\u00e9.png")


@given(st.text(max_size=60))
def test_whatever_is_accepted_stays_inside(name: str) -> None:
    root = Path("/nowhere/root")
    try:
        joined = Path(os.path.normpath(root / safe_relative(name)))
    except InvalidRequest:
        return
    assert joined.is_relative_to(root)
    assert joined != root


def test_an_atomic_write_replaces_the_file_and_its_rights(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    path.chmod(0o644)
    atomic_write(path, b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_an_atomic_write_that_fails_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="Input/output"):
        atomic_write(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_a_quota_that_df_hides_is_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def refuse(handle: int, offset: int, length: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "file").open("wb") as file, pytest.raises(DiskFull):
        reserve_space(file.fileno(), 1024)


def test_a_file_system_that_cannot_reserve_is_used_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, offset: int, length: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "file").open("wb") as file:
        reserve_space(file.fileno(), 1024)
        assert os.fstat(file.fileno()).st_size == 0


def test_an_error_while_reserving_that_is_not_about_space_is_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, offset: int, length: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with (tmp_path / "file").open("wb") as file, pytest.raises(OSError, match="Input/output"):
        reserve_space(file.fileno(), 1024)


def test_space_is_really_reserved(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        reserve_space(file.fileno(), 8192)
        assert os.fstat(file.fileno()).st_size == 8192
        reserve_space(file.fileno(), 0)


def test_a_private_folder_is_made_with_its_parents(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "a" / "b")
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert private_folder(folder) == folder


def test_the_sockets_folder_follows_the_environment_and_the_state_folder(tmp_path: Path) -> None:
    assert run_folder(tmp_path, {"STUDIO_RUN_DIR": "/x"}) == Path("/x")
    assert run_folder(tmp_path, {"STUDIO_IMAGE": "1"}) == Path("/run/studio")
    first = run_folder(tmp_path, {"XDG_RUNTIME_DIR": "/r"})
    assert first.parent == Path("/r")
    assert first == run_folder(tmp_path / "x" / "..", {"XDG_RUNTIME_DIR": "/r"})
    assert first != run_folder(tmp_path / "other", {"XDG_RUNTIME_DIR": "/r"})


def test_a_file_system_that_cannot_reserve_is_not_written_to_block_by_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: int) -> int:
        ctypes.set_errno(errno.EOPNOTSUPP)
        return -1

    def write_every_block(*_: int) -> None:
        raise AssertionError("this takes hours on a network volume")

    monkeypatch.setattr(paths, "_fallocate", cannot)
    monkeypatch.setattr(os, "posix_fallocate", write_every_block)
    with (tmp_path / "a").open("wb") as file:
        reserve_space(file.fileno(), 1 << 40)
        assert os.fstat(file.fileno()).st_size == 0
