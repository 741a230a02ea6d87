"""Which snapshots are kept, whatever the clock or the disk does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from studio.store.snapshot_files import facts, next_name, rotate, snapshots
from tests.unit.snapshot_folder import names

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOON_MS = 1_800_014_400_000
"""2027-01-15 12:00 UTC."""


def take(folder: Path, at_ms: int) -> Path:
    """What a snapshot at that time leaves."""
    path = folder / next_name(folder, "hourly", at_ms)
    path.touch()
    assert rotate(folder)
    return path


def days(folder: Path) -> list[int]:
    """The days of all snapshots from the first of January 2027, newest first."""
    january_ms = NOON_MS - NOON_MS % DAY_MS - 14 * DAY_MS
    found = {(facts(path)[0] - january_ms) // DAY_MS + 1 for path in snapshots(folder)}
    return sorted(found, reverse=True)


def test_rotation_keeps_the_three_newest_and_one_for_each_of_seven_days(tmp_path: Path) -> None:
    for day in range(1, 21):
        for hour in (1, 13, 22):
            (tmp_path / f"studio-202701{day:02d}T{hour:02d}0000.000Z-hourly.db").touch()
    (tmp_path / "studio.db").touch()
    (tmp_path / "notes.txt").touch()
    rotate(tmp_path)
    newest = [f"studio-20270120T{hour}0000.000Z-hourly.db" for hour in ("01", "13", "22")]
    daily = [f"studio-202701{day}T220000.000Z-hourly.db" for day in range(14, 20)]
    assert names(tmp_path) == sorted([*newest, *daily, "studio.db", "notes.txt"])
    rotate(tmp_path)
    assert len(names(tmp_path)) == 11


@pytest.mark.parametrize("taken", [1, 5])
@pytest.mark.parametrize("ahead", [2, 400, 20_000])
def test_a_clock_that_was_ahead_once_costs_no_later_day_its_snapshot(
    tmp_path: Path, ahead: int, taken: int
) -> None:
    for day in range(7):
        take(tmp_path, NOON_MS + day * DAY_MS)
    for hour in range(taken):
        last = take(tmp_path, NOON_MS + (6 + ahead) * DAY_MS + hour * HOUR_MS)
    assert snapshots(tmp_path)[0] == last
    for day in range(7, 30):
        for hour in range(0, 24, 6):
            at_ms = NOON_MS + day * DAY_MS + hour * HOUR_MS
            assert take(tmp_path, at_ms) == snapshots(tmp_path)[0]
    assert days(tmp_path) == list(range(45, 38, -1))


def test_what_was_taken_while_the_clock_was_ahead_stays_the_newest_till_the_next(
    tmp_path: Path,
) -> None:
    take(tmp_path, NOON_MS).write_text("1")
    take(tmp_path, NOON_MS + 400 * DAY_MS).write_text("2")
    take(tmp_path, NOON_MS + 900 * DAY_MS).write_text("3")
    take(tmp_path, NOON_MS + HOUR_MS).write_text("4")
    assert [path.read_text() for path in snapshots(tmp_path)] == ["4", "3", "2"]
    assert facts(snapshots(tmp_path)[0])[0] == NOON_MS + HOUR_MS


@pytest.mark.parametrize("wrong_ms", [0, 5000, NOON_MS - 3650 * DAY_MS])
def test_a_clock_that_was_never_set_costs_no_earlier_day_its_snapshot(
    tmp_path: Path, wrong_ms: int
) -> None:
    for day in range(7):
        take(tmp_path, NOON_MS + day * DAY_MS).write_text(f"{day}")
    take(tmp_path, wrong_ms).write_text("wrong")
    kept = [path.read_text() for path in snapshots(tmp_path)]
    assert kept[:6] == ["wrong", "6", "5", "4", "3", "2"]
    take(tmp_path, NOON_MS + 7 * DAY_MS).write_text("right")
    kept = [path.read_text() for path in snapshots(tmp_path)]
    assert kept[:6] == ["right", "wrong", "6", "5", "4", "3"]


def test_a_clock_that_is_set_back_by_hours_changes_no_name(tmp_path: Path) -> None:
    first = take(tmp_path, NOON_MS)
    second = take(tmp_path, NOON_MS - 23 * HOUR_MS)
    assert snapshots(tmp_path) == [second, first]
    assert facts(second)[0] == facts(first)[0] + 1


def test_what_only_has_the_name_of_a_snapshot_is_none(tmp_path: Path) -> None:
    (tmp_path / "studio-20270115T080000.000Z-hourly.db").mkdir()
    (tmp_path / "studio-20270115T080000.001Z-hourly.db").symlink_to("/dev/null")
    (tmp_path / "studio-20279999T999999.000Z-hourly.db").touch()
    assert snapshots(tmp_path) == []
    take(tmp_path, NOON_MS)
    assert len(snapshots(tmp_path)) == 1


def test_one_that_the_disk_does_not_let_go_keeps_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for day in range(1, 14):
        (tmp_path / f"studio-202701{day:02d}T080000.000Z-hourly.db").touch()
    stuck = tmp_path / "studio-20270103T080000.000Z-hourly.db"
    unlink = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise OSError(5, "Input/output error")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert not rotate(tmp_path)
    assert days(tmp_path) == [13, 12, 11, 10, 9, 8, 7, 3]
    monkeypatch.undo()
    assert rotate(tmp_path)
    assert days(tmp_path) == [13, 12, 11, 10, 9, 8, 7]


def test_a_folder_that_cannot_be_read_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Path) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "scandir", refuse)
    assert not rotate(tmp_path)
