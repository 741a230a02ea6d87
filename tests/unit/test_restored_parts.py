"""Whose the parts of downloads are in a Studio that an archive was put into."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.store import archive, restoring
from studio.store.connection import connect
from studio.store.migrations import migrate


def opened(folder: Path, owner: str | None) -> Path:
    """The database of a Studio, with what it calls its parts."""
    database = folder / "db" / "studio.db"
    database.parent.mkdir(parents=True)
    connection = connect(database)
    migrate(connection)
    if owner is not None:
        connection.execute("INSERT INTO meta VALUES ('downloads_owner', ?)", (owner,))
    connection.close()
    return database


def owner_of(folder: Path) -> list[str]:
    connection = connect(folder / "db" / "studio.db")
    query = "SELECT value FROM meta WHERE key = 'downloads_owner'"
    found = [str(row[0]) for row in connection.execute(query)]
    connection.close()
    return found


@pytest.mark.parametrize("here", [None, "the one that is here"])
def test_two_studios_that_one_archive_was_of_never_write_into_one_part(
    tmp_path: Path, here: str | None
) -> None:
    """Both may go on, and fetch into the same folders of models."""
    database = opened(tmp_path / "first", "the one that it is of")
    file, clock = tmp_path / "both.tar", FrozenClock()
    archive.write(file, studio_dir=tmp_path / "first", database=database, clock=clock)
    second = tmp_path / "second"
    if here is not None:
        opened(second, here)
    restoring.restore(file, second, clock)
    assert owner_of(second) == ([] if here is None else [here])
    assert owner_of(tmp_path / "first") == ["the one that it is of"]
