"""What a volume really does, tried on volumes that do it and on some that do not."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from boot import volume
from boot.plan import Ids
from boot.volume import RESERVE_BYTES, Seen, probe
from tests.fakes.volumes import mounted


def by_aspect(seen: list[Seen]) -> dict[str, Seen]:
    return {each.aspect: each for each in seen}


def test_a_good_volume_does_everything_and_keeps_nothing_of_it(tmp_path: Path) -> None:
    seen = probe(tmp_path, timeout_s=60)

    assert [each.aspect for each in seen] == ["writable", "sync", "locks", "room"]
    found = by_aspect(seen)
    assert found["writable"].good and found["locks"].good and found["room"].good
    assert " ms" in found["sync"].text
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A volume with less room than is asked for."""
    with mounted(tmp_path, f"size={RESERVE_BYTES // 2}"):
        yield tmp_path


def test_too_little_room_is_told_and_given_back(small: Path) -> None:
    room = by_aspect(probe(small, timeout_s=60))["room"]

    assert not room.good and "64 MiB" in room.text and "No space" in room.text
    kept = os.statvfs(small)
    assert kept.f_bfree == kept.f_blocks


def test_a_read_only_volume_is_told_in_one_sentence(small: Path) -> None:
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)

    [seen] = probe(small, timeout_s=60)

    assert (seen.aspect, seen.good) == ("writable", False)
    assert "Read-only" in seen.text


def test_a_folder_of_another_user_cannot_be_written(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can be another user")
    tmp_path.chmod(0o755)

    [seen] = probe(tmp_path, Ids(10001, 10001, (10001,)), timeout_s=60)

    assert not seen.good and "Permission denied" in seen.text


def test_a_volume_that_takes_no_byte_is_told(tmp_path: Path) -> None:
    def limit() -> None:
        # Every write fails, as it does on a volume whose quota is used up.
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    told = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import signal; from pathlib import Path; from boot.volume import probe; "
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
            f"print([(s.aspect, s.good) for s in probe(Path({str(tmp_path)!r}), timeout_s=60)])",
        ],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )

    assert told.stdout.strip() == "[('writable', False)]"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["flock", "fcntl"])
def test_locks_that_lock_nothing_are_told(
    tmp_path: Path, broken: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    locks = dict(volume._LOCKS) | {broken: lambda _handle: None}
    monkeypatch.setattr(volume, "_LOCKS", locks)

    found = by_aspect(probe(tmp_path, timeout_s=60))["locks"]

    assert not found.good and found.text.startswith(f"{broken} locks do nothing")


def test_a_volume_that_hangs_holds_nobody_up_and_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A pipe whose other end nobody opens hangs as a dead server's file does.
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setattr(volume, "_room", lambda *_: (tmp_path / "pipe").read_bytes())

    seen = probe(tmp_path, timeout_s=3)

    assert not seen[-1].good and "did not answer" in seen[-1].text


def test_a_volume_that_hangs_once_all_is_told_ends_no_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    look = volume._look

    def look_and_hang(folder: Path) -> Iterator[Seen]:
        yield from look(folder)
        (tmp_path / "pipe").read_bytes()

    monkeypatch.setattr(volume, "_look", look_and_hang)

    seen = probe(tmp_path, timeout_s=10)

    assert [each.aspect for each in seen] == ["writable", "sync", "locks", "room"]
