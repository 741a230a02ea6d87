"""An archive that was put in place, and kills: there is always a way to one whole state."""

from __future__ import annotations

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from studio.clock import Clock
from studio.store import archive, restoring, taking_back
from studio.store.connection import connect
from studio.store.migrations import migrate
from tests.api.studio_process import ROOT, run_studio

CHILD = """
import os, signal, sys
from pathlib import Path
from studio.store import restoring, taking_back

left, rename = int(sys.argv[1]), Path.rename

def counted(self, target):
    global left
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return rename(self, target)

Path.rename = counted
folder = Path(sys.argv[2])
restoring.finish_restore(folder) if sys.argv[3] == "in" else taking_back.take_back(
    folder, taking_back.begin_open(folder)
)
"""
"""Moves parts, and is killed before it moves one more than it is told."""


def write_state(folder: Path, note: str) -> Path:
    (folder / "db").mkdir(parents=True)
    with contextlib.closing(connect(folder / "db" / "studio.db")) as connection:
        migrate(connection)
        connection.execute("INSERT INTO meta VALUES ('note', ?)", (note,))
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    for name in ("catalogs", "workflows"):
        (folder / name).mkdir()
        (folder / name / "own.json").write_text(json.dumps(note))
    return folder


def notes(folder: Path) -> set[str]:
    """What every part says."""
    with contextlib.closing(sqlite3.connect(folder / "db" / "studio.db")) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'note'").fetchone()
    parts = (folder / name / "own.json" for name in ("catalogs", "workflows"))
    return {str(row[0]), *(json.loads(path.read_text()) for path in parts)}


def brought_in(folder: Path, *, harm: str = "") -> Path:
    """A state with an archive beside it that is about to be put in place."""
    here, other = write_state(folder / "studio", "here"), write_state(folder / "other", "other")
    if harm:
        with contextlib.closing(connect(other / "db" / "studio.db")) as connection:
            connection.execute(harm)
    file = folder / "archive.tar"
    database = other / "db" / "studio.db"
    with file.open("wb") as out:
        archive.write_to(
            out,
            studio_dir=other,
            database=database,
            clock=Clock(),
            contents=archive.EVERYTHING,
        )
    with file.open("rb") as data:
        restoring.arm(here, restoring.stage(data, here, Clock()))
    return here


def killed_after(renames: int, folder: Path, way: str) -> bool:
    """Whether the child was killed; otherwise there was nothing more to move."""
    command = (sys.executable, "-c", CHILD, str(renames), str(folder), way)
    code = subprocess.run(command, cwd=ROOT, check=False, timeout=120).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


@pytest.mark.parametrize("renames", range(6))
def test_a_kill_at_any_rename_of_the_way_back_is_completed_at_the_next_start(
    tmp_path: Path, renames: int
) -> None:
    here = brought_in(tmp_path)
    assert restoring.finish_restore(here) is not None
    assert notes(here) == {"other"}
    assert killed_after(renames, here, "back")
    assert restoring.finish_restore(here) is None
    assert notes(here) == {"here"}
    assert taking_back.begin_open(here) is None


@pytest.mark.parametrize("renames", range(6))
def test_a_kill_at_any_rename_of_the_way_in_leaves_the_way_back_open(
    tmp_path: Path, renames: int
) -> None:
    here = brought_in(tmp_path)
    assert killed_after(renames, here, "in")
    restoring.finish_restore(here)
    assert notes(here) == {"other"}
    aside = taking_back.begin_open(here)
    assert aside is not None
    taking_back.take_back(here, aside)
    assert notes(here) == {"here"}


def test_what_never_opens_is_taken_back_after_three_starts(tmp_path: Path) -> None:
    here = brought_in(tmp_path)
    restoring.finish_restore(here)
    for _ in range(3):
        # Each of these starts was killed before it had opened anything.
        assert restoring.finish_restore(here) is None
        assert taking_back.begin_open(here) is not None
        assert notes(here) == {"other"}
    assert taking_back.begin_open(here) is None
    assert notes(here) == {"here"}


def test_what_opened_once_stays(tmp_path: Path) -> None:
    here = brought_in(tmp_path)
    restoring.finish_restore(here)
    with run_studio(tmp_path, engine=False):
        pass
    for _ in range(5):
        assert taking_back.begin_open(here) is None
    assert notes(here) == {"other"}


def test_a_start_that_finds_what_cannot_be_opened_goes_back_by_itself(tmp_path: Path) -> None:
    here = brought_in(tmp_path, harm="DROP TABLE settings")
    # Whoever put it in place was killed before the database was opened.
    restoring.finish_restore(here)
    with run_studio(tmp_path, engine=False) as studio:
        assert "What was there is back" in studio.log.read_text()
    assert notes(here) == {"here"}
    [refused] = here.glob("*-refused")
    assert notes(refused) == {"other"}
