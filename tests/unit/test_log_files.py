"""Studio's own log on disk: rotated, compressed, kept for a week, found again."""

from __future__ import annotations

import contextlib
import contextvars
import gzip
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from studio.logs import job_id, redaction, request_id, user_id
from studio.store.log_files import NAME, LogQuery, LogWriter, StudioLog
from studio.store.logs_aside import moved_aside
from tests.unit.hands import DAY, NOON, Hands
from tests.unit.hands import hands as hands

CANARY = "canary-of-the-log-files-77aa"


@contextlib.contextmanager
def writing(folder: Path, hands: Hands, file_bytes: int = 1 << 20) -> Iterator[logging.Logger]:
    """A logger of its own; everything is on disk after the block."""
    writer = LogWriter(folder, file_bytes=file_bytes, now_s=hands)
    log = logging.Logger("studio.of.the.test")
    log.addHandler(writer)
    try:
        yield log
    finally:
        writer.close()


def entries(folder: Path, **query: str) -> list[str]:
    page = StudioLog(folder).page(LogQuery(**query), limit=500)
    return [entry["message"] for entry in page.entries]


def test_a_line_says_whose_it_is_and_hides_every_secret(tmp_path: Path, hands: Hands) -> None:
    redaction.hide("a test", CANARY)

    def fail() -> None:
        request_id.set("r-1")
        job_id.set("j-1")
        user_id.set("u-1")
        try:
            raise ValueError(f"with {CANARY} inside")
        except ValueError:
            log.exception("it failed: %s", CANARY)

    with writing(tmp_path, hands) as log:
        contextvars.copy_context().run(fail)
    redaction.hide("a test", None)
    text = (tmp_path / NAME).read_text()
    assert CANARY not in text
    entry = json.loads(text)
    assert (entry["request"], entry["job"], entry["user"]) == ("r-1", "j-1", "u-1")
    assert (entry["level"], entry["message"]) == ("error", "it failed: ***")
    assert "ValueError: with *** inside" in entry["error"]
    assert (tmp_path / NAME).stat().st_mode & 0o777 == 0o600


def test_a_new_day_and_a_full_file_are_moved_aside_and_compressed(
    tmp_path: Path, hands: Hands
) -> None:
    with writing(tmp_path, hands, file_bytes=600) as log:
        for number in range(8):
            log.info("line %d", number)
    with_size = len(moved_aside(tmp_path, NAME))
    assert with_size >= 1
    hands.now_s += DAY
    with writing(tmp_path, hands, file_bytes=1 << 20) as log:
        log.info("of today")
        hands.now_s += DAY
        log.info("of tomorrow")
    kept = moved_aside(tmp_path, NAME)
    assert len(kept) > with_size
    assert all(path.name.endswith(".jsonl.gz") for path in kept)
    with gzip.open(kept[0]) as packed:
        assert json.loads(packed.readline())["message"] == "line 0"
    newest_first = ["of tomorrow", "of today", *(f"line {n}" for n in reversed(range(8)))]
    assert entries(tmp_path) == newest_first


def test_what_is_older_than_a_week_goes(tmp_path: Path, hands: Hands) -> None:
    for day in range(10):
        hands.now_s = NOON + day * DAY
        with writing(tmp_path, hands, file_bytes=1) as log:
            log.info("day %d", day)
            log.info("day %d again", day)
    assert 0 < len(moved_aside(tmp_path, NAME)) < 20
    assert "day 0" not in entries(tmp_path)
    assert "day 9" in entries(tmp_path)


def test_what_a_kill_left_plain_is_compressed_at_the_next_start(
    tmp_path: Path, hands: Hands
) -> None:
    plain = tmp_path / "studio-20270115T080000Z-000.jsonl"
    plain.write_text('{"level": "info", "message": "left"}\n')
    (tmp_path / ".studio-20270115T080000Z-000.jsonl.partial").write_bytes(b"half")
    with writing(tmp_path, hands) as log:
        log.info("begun")
    assert [path.name for path in moved_aside(tmp_path, NAME)] == [f"{plain.name}.gz"]
    assert entries(tmp_path) == ["begun", "left"]
    assert not list(tmp_path.glob(".*"))


def test_entries_are_found_by_what_is_asked(tmp_path: Path, hands: Hands) -> None:
    with writing(tmp_path, hands) as log:
        log.info("A quiet line")
        token = job_id.set("j-2")
        log.warning("a Warning about a job")
        job_id.reset(token)
        log.error("an error")
    assert entries(tmp_path, level="warning") == ["an error", "a Warning about a job"]
    assert entries(tmp_path, text="warning about") == ["a Warning about a job"]
    assert entries(tmp_path, job="j-2") == ["a Warning about a job"]
    assert entries(tmp_path, request="nobody's") == []
    lines = list(StudioLog(tmp_path).lines(LogQuery(level="warning")))
    assert [json.loads(line)["level"] for line in lines] == ["warning", "error"]


def test_pages_go_on_where_the_one_before_ended(tmp_path: Path, hands: Hands) -> None:
    with writing(tmp_path, hands, file_bytes=700) as log:
        for number in range(20):
            log.info("%d", number)
    found: list[str] = []
    before = None
    while True:
        page = StudioLog(tmp_path).page(LogQuery(), limit=3, before=before)
        found += [entry["message"] for entry in page.entries]
        if (before := page.older) is None:
            break
    assert found == [str(number) for number in reversed(range(20))]


def test_a_folder_that_refuses_costs_lines_and_nothing_else(tmp_path: Path, hands: Hands) -> None:
    (tmp_path / NAME).mkdir()
    with writing(tmp_path, hands) as log:
        log.info("lost")
    (tmp_path / NAME).rmdir()
    with writing(tmp_path, hands) as log:
        log.info("found")
    assert entries(tmp_path) == ["found"]


def test_a_line_that_is_none_and_a_damaged_file_are_passed_over(
    tmp_path: Path, hands: Hands
) -> None:
    (tmp_path / "studio-20270115T070000Z-000.jsonl.gz").write_bytes(b"no gzip")
    (tmp_path / NAME).write_text('{"message": "cut\n[]\n{"level": "info", "message": "good"}\nhalf')
    assert entries(tmp_path) == ["good"]
