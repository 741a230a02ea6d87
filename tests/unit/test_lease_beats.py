"""Holding the lease: beats, checks, and every way of losing it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.errors import StorageUnavailable
from studio.store import lease as lease_module
from studio.store.lease import Held, Lease, LeaseLost
from tests.unit.lease_file import foreign, record
from tests.unit.lease_file import path as path


def test_taking_over_is_immediate_and_the_old_holder_notices(
    path: Path, clock: FrozenClock
) -> None:
    old, new = Lease(path, clock), Lease(path, clock)
    old.acquire()
    assert new.acquire(take_over=True) == Held(fence=True)
    with pytest.raises(LeaseLost, match="Another Studio"):
        old.beat()
    assert not old.held
    old.release()
    new.beat()
    assert new.held


def test_a_lease_that_vanished_is_lost_for_another_may_have_come_and_gone(
    path: Path, clock: FrozenClock
) -> None:
    lease = Lease(path, clock)
    lease.acquire()
    path.unlink()
    with pytest.raises(LeaseLost):
        lease.beat()
    assert not path.exists()


def test_a_lost_lease_stays_lost(path: Path, clock: FrozenClock) -> None:
    lease = Lease(path, clock)
    lease.acquire()
    ours = path.read_bytes()
    foreign(path)
    with pytest.raises(LeaseLost):
        lease.beat()
    path.write_bytes(ours)
    for renew in (lease.beat, lease.check):
        with pytest.raises(LeaseLost):
            renew()


def test_a_beat_that_crosses_a_take_over_does_not_undo_it(
    path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Lease(path, clock), Lease(path, clock)
    old.acquire()
    write = os.pwrite

    def take_over_first(handle: int, data: bytes, offset: int) -> int:
        monkeypatch.undo()
        new.acquire(take_over=True)
        return write(handle, data, offset)

    monkeypatch.setattr(os, "pwrite", take_over_first)
    with pytest.raises(LeaseLost):
        old.beat()
    new.beat()
    assert new.held


def test_a_check_costs_no_write_while_nothing_changed(path: Path, clock: FrozenClock) -> None:
    lease = Lease(path, clock)
    lease.acquire()
    lease.beat()
    before = path.stat()
    clock.advance(10)
    lease.check()
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_check_notices_a_take_over_without_waiting_for_the_beat(
    path: Path, clock: FrozenClock
) -> None:
    old, new = Lease(path, clock), Lease(path, clock)
    old.acquire()
    old.check()
    new.acquire(take_over=True)
    with pytest.raises(LeaseLost):
        old.check()
    new.check()


def test_a_process_that_was_stopped_renews_before_it_writes(path: Path, clock: FrozenClock) -> None:
    lease = Lease(path, clock)
    lease.acquire()
    clock.advance(51)
    lease.check()
    assert record(path)["beat"] == clock.now_ms()


@pytest.fixture
def _full_disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(handle: int, data: bytes, offset: int) -> int:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        yield


@pytest.mark.usefixtures("_full_disk")
def test_a_full_disk_costs_nobody_the_volume(path: Path, clock: FrozenClock) -> None:
    ours = Lease(path, clock)
    ours.acquire()
    os.utime(path, ns=(0, 0))
    for _ in range(10):
        seen = path.stat().st_mtime_ns
        clock.advance(10)
        ours.beat()
        assert path.stat().st_mtime_ns > seen
        os.utime(path, ns=(0, 0))
    assert ours.held


def test_a_holder_that_cannot_renew_gives_up_before_another_may_start(
    path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, data: bytes, offset: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    lease = Lease(path, clock)
    lease.acquire()
    monkeypatch.setattr(os, "pwrite", refuse)
    for _ in range(5):
        clock.advance(10)
        with pytest.raises(StorageUnavailable) as trouble:
            lease.beat()
        assert not isinstance(trouble.value, LeaseLost)
    clock.advance(5)
    with pytest.raises(LeaseLost, match="could not be renewed"):
        lease.beat()


def test_a_holder_that_can_renew_again_in_time_stays(
    path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int, data: bytes, offset: int) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    lease = Lease(path, clock)
    lease.acquire()
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        clock.advance(40)
        with pytest.raises(StorageUnavailable):
            lease.beat()
    lease.beat()
    clock.advance(40)
    lease.beat()
    assert lease.held


async def test_keeping_the_lease_ends_only_when_it_is_lost(
    path: Path, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lease_module, "BEAT_S", 0.005)
    lease = Lease(path, clock)
    lease.acquire()
    beats = 0
    beat = lease.beat

    def counted() -> None:
        nonlocal beats
        beats += 1
        if beats == 2:
            raise StorageUnavailable("The lease cannot be used just now.")
        if beats == 4:
            foreign(path)
        beat()

    monkeypatch.setattr(lease, "beat", counted)
    with pytest.raises(LeaseLost):
        await lease.keep()
    assert beats == 4
