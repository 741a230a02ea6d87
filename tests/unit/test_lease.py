"""The lease: silence is measured on the observer's own clock, never by comparing two clocks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from studio.clock import FrozenClock
from studio.store import holder as holder_module
from studio.store.lease import Held, HeldByOther, Lease
from tests.unit.lease_file import FOREIGN, foreign, record
from tests.unit.lease_file import path as path


@pytest.fixture
def gone(path: Path) -> dict[str, Any]:
    """The record of a process of this host that has ended."""
    script = "import sys; from pathlib import Path; from studio.clock import Clock\n"
    script += "from studio.store.lease import Lease; Lease(Path(sys.argv[1]), Clock()).acquire()"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=20)
    return record(path)


def test_a_free_volume_is_taken_at_once_and_given_back(path: Path, clock: FrozenClock) -> None:
    lease = Lease(path, clock)
    assert lease.acquire() == Held()
    assert lease.held
    written = record(path)
    assert set(written) == set(FOREIGN)
    assert (written["pid"], written["beat"]) == (os.getpid(), clock.now_ms())
    lease.release()
    lease.release()
    assert not path.exists()
    assert list(path.parent.iterdir()) == []


def test_a_beat_writes_the_time_and_nothing_else(path: Path, clock: FrozenClock) -> None:
    lease = Lease(path, clock)
    lease.acquire()
    before = record(path)
    clock.advance(10)
    lease.beat()
    assert record(path) == {**before, "beat": clock.now_ms()}
    assert [entry.name for entry in path.parent.iterdir()] == ["lease.json"]


def test_a_live_process_of_this_host_keeps_its_lease_for_ever(
    path: Path, clock: FrozenClock
) -> None:
    Lease(path, clock).acquire()
    second = Lease(path, clock)
    for _ in range(3):
        clock.advance(3600)
        found = second.acquire()
        assert isinstance(found, HeldByOther)
        assert found.free_in_s is None
        assert found.holder is not None
        assert found.holder.pid == os.getpid()
        assert found.holder.host in found.message


def test_a_process_of_this_host_that_is_gone_is_replaced_at_once(
    path: Path, clock: FrozenClock, gone: dict[str, Any]
) -> None:
    assert gone["pid"] != os.getpid()
    assert Lease(path, clock).acquire() == Held()
    assert record(path)["pid"] == os.getpid()


def test_a_later_process_with_the_same_number_is_not_the_holder(
    path: Path, clock: FrozenClock, gone: dict[str, Any]
) -> None:
    path.write_text(json.dumps({**gone, "pid": os.getpid()}))
    assert Lease(path, clock).acquire() == Held()


def test_a_process_that_ended_but_was_not_reaped_counts_as_gone(
    path: Path, clock: FrozenClock, gone: dict[str, Any]
) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as child:
        started = holder_module.start_time(child.pid)
        path.write_text(json.dumps({**gone, "pid": child.pid, "start_time": started}))
        assert isinstance(Lease(path, clock).acquire(), HeldByOther)
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert Lease(path, clock).acquire() == Held()


@pytest.mark.parametrize("key", ["boot_id", "host", "pid_ns"])
def test_a_process_number_means_nothing_in_another_container_or_host(
    path: Path, clock: FrozenClock, gone: dict[str, Any], key: str
) -> None:
    changed = 12345 if key == "pid_ns" else "other"
    path.write_text(json.dumps({**gone, key: changed, "beat": clock.now_ms()}))
    found = Lease(path, clock).acquire()
    assert isinstance(found, HeldByOther)
    assert found.free_in_s == 60


def test_without_a_boot_id_every_lease_is_another_hosts(
    path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holder_module, "_boot_id", lambda: "")
    foreign(path, boot_id="", beat=clock.now_ms())
    found = Lease(path, clock).acquire()
    assert isinstance(found, HeldByOther)
    assert found.free_in_s == 60


def test_another_hosts_lease_is_taken_after_sixty_seconds_of_silence(
    path: Path, clock: FrozenClock
) -> None:
    foreign(path, beat=clock.now_ms())
    lease = Lease(path, clock)
    found = lease.acquire()
    assert isinstance(found, HeldByOther)
    assert "pod-b" in found.message
    clock.advance(59)
    assert lease.acquire() == HeldByOther(found.holder, 1.0)
    clock.advance(1)
    assert lease.acquire() == Held(fence=True)


def test_another_hosts_lease_that_changes_is_never_taken(path: Path, clock: FrozenClock) -> None:
    lease = Lease(path, clock)
    for beat in range(30):
        foreign(path, beat=beat)
        assert isinstance(lease.acquire(), HeldByOther)
        clock.advance(10)


@pytest.mark.parametrize("skew_s", [-86_400 * 365, -3600, -61, 0, 61, 3600, 86_400 * 365])
def test_a_live_holder_with_a_wrong_clock_is_left_alone(
    path: Path, clock: FrozenClock, skew_s: int
) -> None:
    lease = Lease(path, clock)
    for _ in range(30):
        foreign(path, beat=clock.now_ms() + skew_s * 1000)
        for _ in range(10):
            assert isinstance(lease.acquire(), HeldByOther)
            clock.advance(1)


@pytest.mark.parametrize("skew_s", [-86_400 * 365, -3600, 0, 3600, 86_400 * 365])
def test_a_dead_holder_with_a_wrong_clock_does_not_lock_the_volume(
    path: Path, clock: FrozenClock, skew_s: int
) -> None:
    foreign(path, beat=clock.now_ms() + skew_s * 1000)
    lease = Lease(path, clock)
    assert isinstance(lease.acquire(), HeldByOther)
    clock.advance(60)
    assert lease.acquire() == Held(fence=True)


def test_a_beat_that_looks_long_past_is_believed_after_twenty_five_seconds(
    path: Path, clock: FrozenClock
) -> None:
    foreign(path, beat=clock.now_ms() - 3_600_000)
    lease = Lease(path, clock)
    found = lease.acquire()
    assert isinstance(found, HeldByOther)
    assert found.free_in_s == 25
    clock.advance(25)
    assert lease.acquire() == Held(fence=True)


def test_a_jump_of_our_own_clock_frees_nothing_that_lives(path: Path, clock: FrozenClock) -> None:
    foreign(path, beat=clock.now_ms())
    lease = Lease(path, clock)
    assert isinstance(lease.acquire(), HeldByOther)
    clock.jump_wall(3600)
    assert isinstance(lease.acquire(), HeldByOther)
    clock.jump_wall(-7200)
    assert isinstance(lease.acquire(), HeldByOther)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\x00", b"[]", b'{"pid": "x"}', b"null"])
def test_a_lease_that_cannot_be_read_is_held_until_it_is_silent(
    path: Path, clock: FrozenClock, content: bytes
) -> None:
    path.write_bytes(content)
    lease = Lease(path, clock)
    assert lease.acquire() == HeldByOther(None, 60.0)
    assert lease.acquire() == HeldByOther(None, 60.0)
    clock.advance(60)
    assert lease.acquire() == Held(fence=True)


def test_two_who_find_the_same_dead_lease_do_not_both_get_it(
    path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign(path, beat=clock.now_ms())
    slow, quick = Lease(path, clock), Lease(path, clock)
    slow.acquire()
    quick.acquire()
    clock.advance(60)
    judge = slow._judge

    def judge_then_sleep(sight: Any) -> HeldByOther | None:
        verdict = judge(sight)
        monkeypatch.setattr(slow, "_judge", judge)
        assert quick.acquire() == Held(fence=True)
        return verdict

    monkeypatch.setattr(slow, "_judge", judge_then_sleep)
    assert isinstance(slow.acquire(), HeldByOther)
    quick.beat()
    assert quick.held
    assert [entry.name for entry in path.parent.iterdir()] == ["lease.json"]


def test_a_holder_that_came_back_to_life_in_that_moment_keeps_its_lease(
    path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign(path, beat=clock.now_ms())
    lease = Lease(path, clock)
    lease.acquire()
    clock.advance(60)
    judge = lease._judge

    def judge_then_beat(sight: Any) -> HeldByOther | None:
        verdict = judge(sight)
        foreign(path, beat=clock.now_ms())
        return verdict

    monkeypatch.setattr(lease, "_judge", judge_then_beat)
    assert isinstance(lease.acquire(), HeldByOther)
    assert record(path)["token"] == "foreign"


def test_a_touch_alone_is_a_sign_of_life(path: Path, clock: FrozenClock) -> None:
    foreign(path, beat=clock.now_ms())
    lease = Lease(path, clock)
    for second in range(30):
        os.utime(path, ns=(second, second))
        assert isinstance(lease.acquire(), HeldByOther)
        clock.advance(10)


def test_a_lease_that_is_being_written_this_moment_is_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "lease.json"
    first = Lease(path, FrozenClock())
    assert isinstance(first.acquire(), Held)
    content = path.read_bytes()
    path.write_bytes(b"")
    writer = threading.Timer(0.015, path.write_bytes, (content,))
    writer.start()
    answer = Lease(path, FrozenClock()).acquire()
    writer.join()
    assert isinstance(answer, HeldByOther)
    assert answer.holder is not None


@contextmanager
def as_nobody() -> Iterator[None]:
    """As a user who may not signal root's processes; whoever is not root is one already."""
    if os.geteuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_a_process_of_another_user_that_has_the_number_of_the_holder_is_not_the_holder() -> None:
    """A container that is started again gives the same numbers to other processes."""
    gone = replace(holder_module.this_process(), pid=1)
    first = replace(gone, start_time=holder_module.start_time(1) or 0)
    with as_nobody():
        with pytest.raises(PermissionError):
            os.kill(1, 0)
        assert not holder_module.runs(gone)
        assert holder_module.runs(first)
