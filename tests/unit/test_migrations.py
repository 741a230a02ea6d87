"""The schema's steps: each whole or absent, and older code against a newer schema."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from studio.errors import StorageUnavailable
from studio.models import OWNER_ID
from studio.store.connection import connect
from studio.store.migrations import MIGRATIONS, Migration, migrate


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    opened = connect(tmp_path / "studio.db")
    yield opened
    opened.close()


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _tables(connection: sqlite3.Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT name FROM sqlite_schema")}


def _creates(name: str) -> Migration:
    def step(connection: sqlite3.Connection) -> None:
        connection.execute(f"CREATE TABLE {name} (id)")

    return step


def test_a_new_database_gets_the_whole_schema_and_its_owner(
    connection: sqlite3.Connection,
) -> None:
    assert migrate(connection) == len(MIGRATIONS) == _version(connection)
    assert {"meta", "users", "jobs", "assets", "blobs", "idempotency_keys"} <= _tables(connection)
    owner = connection.execute("SELECT id, role FROM users").fetchall()
    assert [tuple(row) for row in owner] == [(OWNER_ID, "owner")]


def test_a_second_run_changes_nothing(connection: sqlite3.Connection) -> None:
    migrate(connection)
    changes = connection.total_changes
    assert migrate(connection) == len(MIGRATIONS)
    assert connection.total_changes == changes


def test_only_the_steps_that_are_missing_run(connection: sqlite3.Connection) -> None:
    migrate(connection, [_creates("first")])
    assert migrate(connection, [_creates("first"), _creates("second")]) == 2
    assert _tables(connection) == {"first", "second"}


def test_a_step_that_fails_leaves_its_version_and_schema_as_they_were(
    connection: sqlite3.Connection,
) -> None:
    def fails(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (id)")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        migrate(connection, [_creates("first"), fails])
    assert _version(connection) == 1
    assert _tables(connection) == {"first"}
    assert not connection.in_transaction
    assert migrate(connection, [_creates("first"), _creates("second")]) == 2


def test_a_newer_schema_that_still_admits_this_code_is_used_as_it_is(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection)
    newer = len(MIGRATIONS) + 3
    connection.execute(f"PRAGMA user_version={newer}")
    connection.execute(
        "UPDATE meta SET value = ? WHERE key = 'min_writer'", (str(len(MIGRATIONS)),)
    )
    assert migrate(connection) == newer
    assert _version(connection) == newer


def test_a_newer_schema_that_refuses_this_code_names_the_release_that_can(
    connection: sqlite3.Connection,
) -> None:
    migrate(connection)
    newer = len(MIGRATIONS) + 3
    connection.execute(f"PRAGMA user_version={newer}")
    connection.execute("UPDATE meta SET value = ? WHERE key = 'min_writer'", (str(newer - 1),))
    with pytest.raises(StorageUnavailable, match=f"schema {newer - 1} or newer"):
        migrate(connection)
    assert _version(connection) == newer
