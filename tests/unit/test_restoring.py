"""An archive that was brought in and taken back, and one of an older or a later Studio."""

from __future__ import annotations

import contextlib
import io
import json
import sqlite3
import tarfile
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.errors import Conflict, InvalidRequest, StorageUnavailable
from studio.store import archive, restoring, taking_back
from studio.store.archive import Contents
from studio.store.connection import connect
from studio.store.migrations import MIGRATIONS, migrate


def state(folder: Path, note: str) -> Path:
    """A state folder whose database says ``note``, with an entry of a catalog."""
    (folder / "db").mkdir(parents=True)
    with contextlib.closing(connect(folder / "db" / "studio.db")) as connection:
        migrate(connection)
        connection.execute("INSERT INTO meta VALUES ('note', ?)", (note,))
    (folder / "catalogs").mkdir()
    (folder / "catalogs" / "models.json").write_text(json.dumps([note]))
    return folder


def noted(folder: Path) -> tuple[str, str]:
    with contextlib.closing(sqlite3.connect(folder / "db" / "studio.db")) as connection:
        row = connection.execute("SELECT value FROM meta WHERE key = 'note'").fetchone()
    return str(row[0]), json.loads((folder / "catalogs" / "models.json").read_text())[0]


def packed(folder: Path, contents: Contents = archive.EVERYTHING) -> bytes:
    file = io.BytesIO()
    archive.write_to(
        file,
        studio_dir=folder,
        database=folder / "db" / "studio.db",
        clock=FrozenClock(),
        contents=contents,
    )
    return file.getvalue()


def changed(data: bytes, name: str, content: bytes) -> bytes:
    """The archive with other bytes in one member."""
    file = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=file, mode="w") as new:
        for member in old.getmembers():
            body = old.extractfile(member)
            assert body is not None
            bytes_ = content if member.name == name else body.read()
            member.size = len(bytes_)
            new.addfile(member, io.BytesIO(bytes_))
    return file.getvalue()


def test_what_was_brought_in_is_taken_back_and_both_are_kept(
    tmp_path: Path, clock: FrozenClock
) -> None:
    here, other = state(tmp_path / "here", "here"), state(tmp_path / "other", "other")
    staged = restoring.stage(io.BytesIO(packed(other)), here, clock)
    assert noted(here) == ("here", "here"), "nothing changes before it is armed"
    restoring.arm(here, staged)
    aside = restoring.finish_restore(here)
    assert aside == staged.aside
    assert noted(here) == ("other", "other")
    refused = taking_back.take_back(here, staged.aside)
    assert noted(here) == ("here", "here")
    assert noted(here / refused) == ("other", "other")


def test_what_was_staged_and_not_armed_is_gone_after_a_restart(
    tmp_path: Path, clock: FrozenClock
) -> None:
    here, other = state(tmp_path / "here", "here"), state(tmp_path / "other", "other")
    restoring.stage(io.BytesIO(packed(other)), here, clock)
    assert restoring.finish_restore(here) is None
    assert noted(here) == ("here", "here")
    assert not (here / ".restore").exists()


def test_nothing_is_staged_over_an_archive_that_is_being_put_in_place(
    tmp_path: Path, clock: FrozenClock
) -> None:
    here, other = state(tmp_path / "here", "here"), state(tmp_path / "other", "other")
    restoring.arm(here, restoring.stage(io.BytesIO(packed(other)), here, clock))
    with pytest.raises(Conflict):
        restoring.stage(io.BytesIO(packed(other)), here, clock)
    assert restoring.finish_restore(here) is not None
    assert noted(here) == ("other", "other")


def test_a_changed_byte_of_an_entry_is_noticed_by_its_hash(
    tmp_path: Path, clock: FrozenClock
) -> None:
    other = state(tmp_path / "other", "other")
    spoilt = changed(packed(other), "catalogs/models.json", b'["anoth"]')
    with pytest.raises(InvalidRequest, match="hash"):
        restoring.stage(io.BytesIO(spoilt), tmp_path / "here", clock)
    assert not list((tmp_path / "here").iterdir())


def test_a_database_of_a_later_release_is_refused_before_anything_changes(
    tmp_path: Path, clock: FrozenClock
) -> None:
    here, other = state(tmp_path / "here", "here"), state(tmp_path / "other", "other")
    with contextlib.closing(sqlite3.connect(other / "db" / "studio.db")) as connection:
        later = len(MIGRATIONS) + 1
        connection.execute(f"PRAGMA user_version={later}")
        connection.execute("UPDATE meta SET value = ? WHERE key = 'min_writer'", (str(later),))
        connection.commit()
    with pytest.raises(StorageUnavailable, match="newer"):
        restoring.stage(io.BytesIO(packed(other)), here, clock)
    assert noted(here) == ("here", "here")
    assert not (here / ".restore").exists()


def test_a_copy_without_secrets_has_none_in_any_page(tmp_path: Path) -> None:
    canary = "canary-of-the-copy-8f2d71"
    folder = state(tmp_path / "here", "here")
    path = folder / "db" / "studio.db"
    with contextlib.closing(connect(path)) as connection:
        owner = connection.execute("SELECT id FROM users").fetchone()[0]
        connection.execute("INSERT INTO secrets VALUES (?, 'a', ?, 0)", (owner, canary))
        connection.execute("INSERT INTO settings VALUES ('HF_TOKEN', ?, 0)", (canary,))
        connection.execute("INSERT INTO settings VALUES ('LANGUAGE', 'de', 0)")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('signing_key', ?)", (canary,))
        # A deleted row stays in a free page unless somebody sees to it.
        connection.execute("INSERT INTO secrets VALUES (?, 'b', ?, 0)", (owner, canary * 500))
        connection.execute("DELETE FROM secrets WHERE name = 'b'")
    assert canary.encode() in path.read_bytes()
    archive.without_secrets(path)
    assert canary.encode() not in path.read_bytes()
    with contextlib.closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT key FROM settings").fetchall() == [("LANGUAGE",)]
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_copy_without_secrets_has_no_webhook_no_code_and_nothing_that_was_yet_to_be_sent(
    tmp_path: Path,
) -> None:
    canary = "canary-of-webhooks-41be07"
    path = state(tmp_path / "here", "here") / "db" / "studio.db"
    filled = (
        "webhooks", "webhook_deliveries", "webhook_attempts", "webhook_states", "job_webhooks",
        "program_logins", "telegram_codes", "telegram_outbox",
    )  # fmt: skip
    with contextlib.closing(connect(path)) as connection:
        connection.execute("PRAGMA foreign_keys=OFF")
        for table in filled:
            columns = [
                (row["name"], row["type"])
                for row in connection.execute(f"PRAGMA table_info({table})")
            ]
            names = ", ".join(name for name, _ in columns)
            marks = ", ".join("?" for _ in columns)
            values = [f"{canary} {name}" if kind == "TEXT" else 1 for name, kind in columns]
            connection.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", values)
    archive.without_secrets(path)
    assert canary.encode() not in path.read_bytes()
