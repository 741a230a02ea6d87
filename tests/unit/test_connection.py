"""How a database is opened, and which errors mean a full disk."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from studio.store.connection import connect, is_disk_full


def test_the_database_runs_with_a_log_full_sync_and_foreign_keys(tmp_path: Path) -> None:
    connection = connect(tmp_path / "studio.db")
    settings = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("journal_mode", "locking_mode", "synchronous", "foreign_keys")
    }
    connection.execute("CREATE TABLE a (b)")
    no_shared_memory = not (tmp_path / "studio.db-shm").exists()
    connection.close()
    assert settings == {
        "journal_mode": "wal",
        "locking_mode": "exclusive",
        "synchronous": 2,
        "foreign_keys": 1,
    }
    assert no_shared_memory


@pytest.mark.parametrize("name", ["a b.db", "100%.db", "what?.db", "hash#1.db", "ünï.db"])
def test_a_database_opens_whatever_its_name_is(tmp_path: Path, name: str) -> None:
    connection = connect(tmp_path / name)
    connection.execute("CREATE TABLE a (b)")
    connection.close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (errno.ENOSPC, True),
        (errno.EDQUOT, True),
        (errno.EFBIG, True),
        (errno.EIO, False),
        (errno.EACCES, False),
    ],
)
def test_a_quota_counts_as_a_full_disk(number: int, expected: bool) -> None:
    assert is_disk_full(OSError(number, "")) is expected
