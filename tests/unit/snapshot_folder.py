"""A database with a note in it, and the folder of its snapshots.

Whoever needs a fixture imports it under its own name (`folder as folder`): pytest finds it there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.store.connection import connect
from studio.store.migrations import migrate


@pytest.fixture
def db_path(tmp_path: Path) -> Path:
    (tmp_path / "db").mkdir()
    return tmp_path / "db" / "studio.db"


@pytest.fixture
def folder(db_path: Path) -> Path:
    return db_path.parent / "backups"


@pytest.fixture
def connection(db_path: Path) -> Iterator[sqlite3.Connection]:
    opened = connect(db_path)
    migrate(opened)
    yield opened
    opened.close()


def note(connection: sqlite3.Connection, text: str) -> None:
    connection.execute("INSERT OR REPLACE INTO meta VALUES ('note', ?)", (text,))


def noted(path: Path) -> str | None:
    connection = sqlite3.connect(path)
    row = connection.execute("SELECT value FROM meta WHERE key = 'note'").fetchone()
    connection.close()
    return None if row is None else str(row[0])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())
