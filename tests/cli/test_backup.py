"""``studio backup`` and ``studio restore``."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

from tests.cli.program import Place, plain_picture


def names(place: Place) -> list[str]:
    return [key["name"] for key in json.loads(place.run("keys", "list", "--json").out)]


def test_a_backup_comes_back_and_what_was_there_is_kept(place: Place) -> None:
    place.run("keys", "create", "before")
    made = place.run("backup", "studio.tar")
    assert made.files == [place.folder / "studio.tar"]
    place.run("keys", "create", "after")
    assert names(place) == ["before", "after"]
    restored = place.run("restore", "studio.tar", "--yes")
    assert restored.status == 0, restored.err
    aside = Path(restored.out.rstrip().rpartition(" is in ")[2])
    assert (aside / "db" / "studio.db").is_file()
    assert names(place) == ["before"]


def test_a_backup_of_a_studio_that_runs_holds_its_pictures(running: Place, place: Place) -> None:
    made = running.run("run", running.graph("backup.json", plain_picture()), "--out", "backup")
    assert made.status == 0, made.err
    archive = str(place.folder / "live.tar")
    made = running.run("backup", archive)
    assert made.status == 0, made.err
    restored = place.run("restore", archive, "--yes")
    assert restored.status == 0, restored.err
    assert [path for path in (place.studio_dir / "assets").rglob("*") if path.is_file()]


def test_a_file_that_exists_is_replaced_only_when_told_to(place: Place) -> None:
    target = place.folder / "studio.tar"
    target.write_bytes(b"mine")
    refused = place.run("backup", "studio.tar")
    assert refused.status == 1
    assert target.read_bytes() == b"mine"
    assert place.run("backup", "studio.tar", "--force").status == 0
    assert target.read_bytes() != b"mine"


def test_nothing_is_restored_under_a_studio_that_runs(running: Place) -> None:
    running.run("backup", "running.tar")
    ended = running.run("restore", "running.tar", "--yes")
    assert ended.status == 1
    assert "[running]" in ended.err


def test_nothing_is_restored_without_a_yes(place: Place) -> None:
    place.run("keys", "create", "kept")
    place.run("backup", "studio.tar")
    ended = place.run("restore", "studio.tar")
    assert ended.status == 1
    assert "--yes" in ended.err
    assert not list(place.studio_dir.glob("before-restore-*"))


def test_a_damaged_backup_changes_nothing(place: Place) -> None:
    place.run("keys", "create", "kept")
    place.run("backup", "studio.tar")
    archive = place.folder / "studio.tar"
    archive.write_bytes(archive.read_bytes()[:4000])
    ended = place.run("restore", "studio.tar", "--yes")
    assert ended.status == 1
    assert "[invalid_request]" in ended.err
    assert names(place) == ["kept"]


ELSEWHERE = {
    "boot_id": "another", "host": "another-host", "pid_ns": 1, "pid": 1, "start_time": 1,
    "beat": 1, "token": "x",
}  # fmt: skip


def test_a_studio_that_was_killed_elsewhere_keeps_no_restore_away(place: Place) -> None:
    assert place.run("backup", "studio.tar").status == 0
    lease = place.studio_dir / "run" / "lease.json"
    lease.write_text(json.dumps(ELSEWHERE))
    restored = place.run("restore", "studio.tar", "--yes")
    assert restored.status == 0, restored.err
    assert "another-host" in restored.err and "whether it lives" in restored.err


def test_a_studio_that_lives_elsewhere_keeps_its_volume(place: Place) -> None:
    assert place.run("backup", "studio.tar").status == 0
    lease = place.studio_dir / "run" / "lease.json"
    has_ended = threading.Event()

    def live() -> None:
        while not has_ended.wait(0.5):
            partial = lease.with_name("partial")
            partial.write_text(json.dumps({**ELSEWHERE, "beat": int(time.time() * 1000)}))
            partial.replace(lease)

    lease.write_text(json.dumps({**ELSEWHERE, "beat": int(time.time() * 1000)}))
    elsewhere = threading.Thread(target=live)
    elsewhere.start()
    try:
        refused = place.run("restore", "studio.tar", "--yes")
    finally:
        has_ended.set()
        elsewhere.join()
    assert refused.status == 75
    assert json.loads(lease.read_text())["token"] == "x"
    assert not list(place.studio_dir.glob("before-restore-*"))
