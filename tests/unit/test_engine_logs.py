"""The logs that bootstrap writes: moved aside each day, compressed by Studio, read as one."""

from __future__ import annotations

import gzip
import time
from pathlib import Path

from boot.logs import LogFile
from studio.store.engine_logs import LogFolder
from studio.store.log_files import LogWriter
from studio.store.logs_aside import KEEP_FILES, moved_aside, tidy
from tests.unit.hands import DAY, Hands
from tests.unit.hands import hands as hands


def log_file(folder: Path, hands: Hands, name: str = "comfyui", files: int = 30) -> LogFile:
    return LogFile(folder, name, size_bytes=4000, files=files, owner=None, now_s=hands)


def tail(folder: Path, count: int, name: str = "comfyui") -> list[str]:
    return list(LogFolder(folder).read(name, tail=count, after=None).lines)


def test_each_day_begins_a_log_and_its_last_lines_are_read_over_midnight(
    tmp_path: Path, hands: Hands
) -> None:
    log = log_file(tmp_path, hands)
    for day in range(3):
        for number in range(4):
            log.write(f"day {day} line {number}\n".encode())
        hands.now_s += DAY
    log.close()
    assert (tmp_path / "comfyui.log").read_text().startswith("day 2 line 0\n")
    assert len(moved_aside(tmp_path, "comfyui.log")) == 2
    wanted = ["day 0 line 3", *(f"day {day} line {n}" for day in (1, 2) for n in range(4))]
    assert tail(tmp_path, 9) == wanted
    tidy(tmp_path, hands())
    assert [path.suffix for path in moved_aside(tmp_path, "comfyui.log")] == [".gz", ".gz"]
    assert tail(tmp_path, 9) == wanted
    assert len(tail(tmp_path, 500)) == 12
    assert tail(tmp_path, 0) == []


def test_whoever_follows_a_log_over_its_rotation_gets_what_led_up_to_it(
    tmp_path: Path, hands: Hands
) -> None:
    log, logs = log_file(tmp_path, hands), LogFolder(tmp_path)
    log.write(b"before\n")
    place = logs.read("comfyui", tail=10, after=None).place
    hands.now_s += DAY
    log.write(b"after\n")
    log.close()
    part = logs.read("comfyui", tail=10, after=place)
    assert (part.lines, part.is_fresh) == (("before", "after"), True)


def test_a_log_of_an_earlier_day_is_moved_aside_by_the_next_start(
    tmp_path: Path, hands: Hands
) -> None:
    (tmp_path / "comfyui.log").write_text("written long ago\n")
    hands.now_s = time.time() + DAY
    log = log_file(tmp_path, hands)
    log.write(b"today\n")
    log.close()
    assert (tmp_path / "comfyui.log").read_text() == "today\n"
    assert tail(tmp_path, 5) == ["written long ago", "today"]


def test_without_studio_no_more_than_so_many_logs_are_left_and_in_their_order(
    tmp_path: Path, hands: Hands
) -> None:
    other = log_file(tmp_path, hands, "comfyui-2")
    other.write(b"of the other\n" * 400)
    log = log_file(tmp_path, hands, files=3)
    lines = [f"line {number:05d}" for number in range(4000)]
    for line in lines:
        log.write(f"{line}\n".encode())
    log.close()
    other.write(b"x\n")
    other.close()
    assert len(moved_aside(tmp_path, "comfyui.log")) == 3
    assert moved_aside(tmp_path, "comfyui-2.log")
    kept = tail(tmp_path, 5000)
    assert len(kept) > 1000
    assert kept == lines[-len(kept) :]


def test_what_is_older_than_a_week_or_too_much_goes_and_of_each_log_on_its_own(
    tmp_path: Path, hands: Hands
) -> None:
    for name in ("comfyui", "embedded"):
        log = log_file(tmp_path, hands, name, files=100)
        for _ in range(40):
            log.write(b"a line of some length\n" * 180)
        log.close()
    tidy(tmp_path, hands())
    assert len(moved_aside(tmp_path, "comfyui.log")) == KEEP_FILES
    assert len(moved_aside(tmp_path, "embedded.log")) == KEEP_FILES
    tidy(tmp_path, hands() + 8 * DAY)
    assert moved_aside(tmp_path, "comfyui.log") == []
    assert (tmp_path / "comfyui.log").exists()


def test_studio_compresses_what_bootstrap_moves_aside_while_both_run(
    tmp_path: Path, hands: Hands
) -> None:
    writer = LogWriter(tmp_path, tidy_every_s=0.01, now_s=hands)
    try:
        log = log_file(tmp_path, hands)
        log.write(b"yesterday\n")
        hands.now_s += DAY
        log.write(b"today\n")
        log.close()
        while not any(path.suffix == ".gz" for path in moved_aside(tmp_path, "comfyui.log")):
            time.sleep(0.01)
    finally:
        writer.close()
    assert tail(tmp_path, 5) == ["yesterday", "today"]


def test_the_newest_of_what_was_moved_aside_is_among_the_diagnostics(
    tmp_path: Path, hands: Hands
) -> None:
    log = log_file(tmp_path, hands)
    for day in range(4):
        log.write(f"day {day}\n".encode())
        hands.now_s += DAY
    log.close()
    tidy(tmp_path, hands())
    found = LogFolder(tmp_path).files(6)
    assert list(found.values()) == ["day 1\n", "day 2\n", "day 3\n"]
    assert all(name.endswith(".log") for name in found)


def test_a_damaged_one_and_a_link_are_passed_over(tmp_path: Path, hands: Hands) -> None:
    log = log_file(tmp_path, hands)
    log.write(b"whole\n")
    log.close()
    stem = "comfyui-20270101T000000Z-00"
    (tmp_path / f"{stem}0.log.gz").write_bytes(gzip.compress(b"cut off\n" * 99)[:40])
    (tmp_path / f"{stem}1.log.gz").write_bytes(b"no gzip at all")
    (tmp_path / "secret").write_text("secret\n")
    (tmp_path / f"{stem}2.log").symlink_to(tmp_path / "secret")
    assert tail(tmp_path, 9)[-1] == "whole"
    assert "secret" not in tail(tmp_path, 9)
    tidy(tmp_path, hands())
    assert (tmp_path / "secret").read_text() == "secret\n"
