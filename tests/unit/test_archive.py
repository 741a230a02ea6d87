"""A whole Studio in one file: complete, refused when anything is wrong, and back in place."""

from __future__ import annotations

import io
import os
import sqlite3
import stat
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from blake3 import blake3

from studio.clock import FrozenClock
from studio.errors import InvalidRequest
from studio.store import archive, restoring
from studio.store.archive import Archived
from studio.store.connection import connect
from studio.store.migrations import migrate


@pytest.fixture
def studio_dir(tmp_path: Path) -> Path:
    """The state folder of a Studio that was stopped."""
    folder = tmp_path / "studio"
    (folder / "db").mkdir(parents=True)
    connection = connect(folder / "db" / "studio.db")
    migrate(connection)
    connection.execute("INSERT INTO meta VALUES ('note', 'backed up')")
    for data in (b"first blob", b"second blob" * 100_000, b""):
        path = _blob_path(folder, data)
        path.parent.mkdir(parents=True)
        path.write_bytes(data)
        connection.execute("INSERT INTO blobs VALUES (?, ?, 0)", (f"blake3:{path.name}", len(data)))
    connection.close()
    (folder / "catalogs").mkdir()
    (folder / "catalogs" / "models.json").write_text("[]")
    (folder / "workflows" / "mine").mkdir(parents=True)
    (folder / "workflows" / "mine" / "manifest.yaml").write_text("title: Mine")
    for name in ("logs", "run", "engine/output", "models", "thumbs"):
        (folder / name).mkdir(parents=True)
        (folder / name / "file").write_text("stays out")
    return folder


@pytest.fixture
def tar(studio_dir: Path, tmp_path: Path) -> Path:
    _write(studio_dir, tmp_path / "backup.tar")
    return tmp_path / "backup.tar"


def _write(studio_dir: Path, target: Path) -> Archived:
    database = studio_dir / "db" / "studio.db"
    return archive.write(target, studio_dir=studio_dir, database=database, clock=FrozenClock())


def _blob_path(studio_dir: Path, data: bytes) -> Path:
    digest = blake3(data).hexdigest()
    return studio_dir / "assets" / digest[:2] / digest


def _change(studio_dir: Path) -> None:
    """What happens after the backup: another note, another blob."""
    connection = sqlite3.connect(studio_dir / "db" / "studio.db")
    connection.execute("UPDATE meta SET value = 'written later' WHERE key = 'note'")
    connection.commit()
    connection.close()
    _blob_path(studio_dir, b"made later").parent.mkdir(parents=True)
    _blob_path(studio_dir, b"made later").write_bytes(b"made later")


def _noted(path: Path) -> str:
    connection = sqlite3.connect(path)
    row = connection.execute("SELECT value FROM meta WHERE key = 'note'").fetchone()
    connection.close()
    return str(row[0])


def _asides(studio_dir: Path) -> list[Path]:
    return sorted(studio_dir.glob("before-restore-*"))


def void(_: object) -> None:
    """Drop a result where none is wanted."""


def _tree(studio_dir: Path) -> dict[str, bytes]:
    return {
        path.relative_to(studio_dir).as_posix(): path.read_bytes()
        for part in ("assets", "catalogs", "workflows")
        for path in sorted((studio_dir / part).rglob("*"))
        if path.is_file()
    }


def test_a_backup_holds_the_database_the_blobs_and_the_overlays_and_nothing_else(
    tar: Path, studio_dir: Path
) -> None:
    with tarfile.open(tar, "r:") as opened:
        names = opened.getnames()
        modes = {member.mode for member in opened.getmembers()}
    blobs = [name for name in names if name.startswith("assets/")]
    assert sorted(set(names) - set(blobs)) == [
        "catalogs/models.json",
        "db/studio.db",
        "studio-backup.json",
        "workflows/mine/manifest.yaml",
    ]
    assert len(blobs) == 3
    assert modes == {0o600}
    assert stat.S_IMODE(tar.stat().st_mode) == 0o600
    assert [path.name for path in tar.parent.iterdir() if path.name.startswith(".")] == []


def test_a_backup_comes_back_whole_on_an_empty_machine(
    tar: Path, studio_dir: Path, tmp_path: Path, clock: FrozenClock
) -> None:
    target = tmp_path / "elsewhere" / "studio"
    restored = restoring.restore(tar, target, clock)
    assert (restored.blobs, restored.missing) == (3, 0)
    assert restored.created_at == "2027-01-15T08:00:00.000+00:00"
    assert _tree(target) == _tree(studio_dir)
    assert _noted(target / "db" / "studio.db") == "backed up"
    assert not (target / ".restore").exists()


def test_a_restore_moves_the_present_state_aside_and_touches_nothing_else(
    tar: Path, studio_dir: Path, clock: FrozenClock
) -> None:
    _change(studio_dir)
    late = _blob_path(studio_dir, b"made later")
    restored = restoring.restore(tar, studio_dir, clock)
    aside = studio_dir / restored.aside
    assert _noted(studio_dir / "db" / "studio.db") == "backed up"
    assert _noted(aside / "db" / "studio.db") == "written later"
    assert (aside / late.relative_to(studio_dir)).read_bytes() == b"made later"
    assert not late.exists()
    assert (studio_dir / "models" / "file").read_text() == "stays out"
    again = restoring.restore(tar, studio_dir, clock)
    assert again.aside != restored.aside
    assert aside.exists()


def test_a_restore_that_is_interrupted_anywhere_completes_at_the_next_start(
    tar: Path,
    studio_dir: Path,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Killed(BaseException):
        """Stands for the end of the process: nothing after it runs."""

    rename = Path.rename
    left = 0

    def dying_rename(path: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise Killed
        left -= 1
        return rename(path, target)

    for fatal in range(10):
        left = fatal
        with monkeypatch.context() as patch:
            patch.setattr(Path, "rename", dying_rename)
            with pytest.raises(Killed):
                restoring.restore(tar, studio_dir, clock)
        before = _asides(studio_dir)
        assert restoring.finish_restore(studio_dir)
        assert not restoring.finish_restore(studio_dir)
        assert _noted(studio_dir / "db" / "studio.db") == "backed up"
        assert len(_tree(studio_dir)) == 5
        assert _asides(studio_dir) == before
        assert [len(_tree(aside)) for aside in before] == [5] * (fatal + 1)
        clock.advance(1)


def test_a_blob_that_is_already_missing_does_not_prevent_backup_or_restore(
    studio_dir: Path,
    tmp_path: Path,
    clock: FrozenClock,
) -> None:
    _blob_path(studio_dir, b"first blob").unlink()
    archived = _write(studio_dir, tmp_path / "backup.tar")
    assert (archived.blobs, len(archived.missing)) == (2, 1)
    restored = restoring.restore(tmp_path / "backup.tar", tmp_path / "other", clock)
    assert (restored.blobs, restored.missing) == (2, 1)


def test_an_overlay_link_is_not_followed_and_an_impossible_name_is_told(
    studio_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("outside")
    (studio_dir / "catalogs" / "link.json").symlink_to(tmp_path / "secret")
    (studio_dir / "catalogs" / "what?.json").write_text("{}")
    archived = _write(studio_dir, tmp_path / "backup.tar")
    assert archived.skipped == ("catalogs/what?.json",)
    with tarfile.open(tmp_path / "backup.tar") as opened:
        assert "catalogs/link.json" not in opened.getnames()


@pytest.mark.parametrize(
    "place", ["catalogs/b.tar", "assets/b.tar", "db/backups/b.tar", "no/b.tar"]
)
def test_a_backup_is_not_written_where_it_cannot_be(studio_dir: Path, place: str) -> None:
    with pytest.raises(InvalidRequest):
        _write(studio_dir, studio_dir / place)
    assert not list(studio_dir.rglob("*.tar*"))


def _member(name: str, data: bytes = b"x") -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))

    return add


def _special(name: str, kind: bytes, target: str = "") -> Callable[[tarfile.TarFile], None]:
    def add(tar: tarfile.TarFile) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, target
        tar.addfile(info)

    return add


def _sparse(tar: tarfile.TarFile) -> None:
    info = tarfile.TarInfo("catalogs/sparse.json")
    info.pax_headers = {"GNU.sparse.map": "0,1", "GNU.sparse.size": "1099511627776"}
    info.size = 1
    tar.addfile(info, io.BytesIO(b"x"))


HOSTILE = [
    pytest.param(_member("../evil"), id="parent"),
    pytest.param(_member("/etc/evil"), id="absolute"),
    pytest.param(_member("catalogs/../../evil"), id="hidden-parent"),
    pytest.param(_member("catalogs\\..\\evil"), id="back-slash"),
    pytest.param(_member("catalogs"), id="a-part-itself"),
    pytest.param(_member("run/lease.json"), id="another-folder"),
    pytest.param(_member("db/studio.db-wal"), id="a-log"),
    pytest.param(_member("db/backups/x.db"), id="a-snapshot"),
    pytest.param(_member("db/studio.db"), id="a-name-twice"),
    pytest.param(_member("catalogs/models.json/x"), id="a-file-as-folder"),
    pytest.param(_member("assets/ab/cd/" + "0" * 64), id="a-blob-in-the-wrong-folder"),
    pytest.param(_member("assets/00/00/" + "0" * 64), id="a-blob-with-the-wrong-hash"),
    pytest.param(_member("assets/evil.sh"), id="not-a-blob"),
    pytest.param(_special("catalogs/l", tarfile.SYMTYPE, "/etc/passwd"), id="symbolic-link"),
    pytest.param(_special("catalogs/l", tarfile.LNKTYPE, "db/studio.db"), id="hard-link"),
    pytest.param(_special("catalogs/d", tarfile.DIRTYPE), id="folder"),
    pytest.param(_special("catalogs/p", tarfile.FIFOTYPE), id="pipe"),
    pytest.param(_special("catalogs/c", tarfile.CHRTYPE), id="device"),
    pytest.param(_sparse, id="sparse"),
    pytest.param(_member("studio-backup.json", b"{"), id="manifest-cut"),
    pytest.param(_member("studio-backup.json", b"[]"), id="manifest-no-object"),
    pytest.param(_member("studio-backup.json", b'{"format": 99}'), id="manifest-of-tomorrow"),
]


def _with_member(source: Path, target: Path, add: Callable[[tarfile.TarFile], None]) -> None:
    with tarfile.open(source, "r:") as old, tarfile.open(target, "w:") as new:
        members = old.getmembers()
        for member in members[:-1]:
            new.addfile(member, old.extractfile(member))
        add(new)
        new.addfile(members[-1], old.extractfile(members[-1]))


@pytest.mark.parametrize("add", HOSTILE)
def test_a_hostile_archive_changes_nothing(
    tar: Path, tmp_path: Path, clock: FrozenClock, add: Callable[[tarfile.TarFile], None]
) -> None:
    hostile = tmp_path / "hostile.tar"
    _with_member(tar, hostile, add)
    target = tmp_path / "deep" / "target"
    (target / "catalogs").mkdir(parents=True)
    (target / "catalogs" / "mine.json").write_text("mine")
    with pytest.raises(InvalidRequest):
        restoring.restore(hostile, target, clock)
    assert os.listdir(target) == ["catalogs"]
    assert os.listdir(target.parent) == ["target"]
    assert (target / "catalogs" / "mine.json").read_text() == "mine"


def _without(names: str) -> Callable[[bytes, Path], None]:
    def rewrite(data: bytes, target: Path) -> None:
        with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(target, "w:") as new:
            for member in old.getmembers():
                if not member.name.startswith(names):
                    new.addfile(member, old.extractfile(member))

    return rewrite


def _cut(fraction: float) -> Callable[[bytes, Path], None]:
    return lambda data, target: void(target.write_bytes(data[: int(len(data) * fraction)]))


INCOMPLETE = [
    pytest.param(lambda data, target: void(target.write_bytes(b"")), id="empty"),
    pytest.param(lambda data, target: void(target.write_bytes(b"no tar " * 999)), id="no-tar"),
    pytest.param(lambda data, target: void(target.write_bytes(b"\0" * 20480)), id="zeros"),
    pytest.param(_without("db/"), id="no-database"),
    pytest.param(_without("studio-backup.json"), id="no-manifest"),
    pytest.param(_without("catalogs/"), id="a-member-missing"),
    *(pytest.param(_cut(n / 10), id=f"cut-at-{n}0-percent") for n in range(1, 10)),
]


@pytest.mark.parametrize("spoil", INCOMPLETE)
def test_an_incomplete_archive_changes_nothing(
    tar: Path, tmp_path: Path, clock: FrozenClock, spoil: Callable[[bytes, Path], None]
) -> None:
    spoilt = tmp_path / "spoilt.tar"
    spoil(tar.read_bytes(), spoilt)
    target = tmp_path / "target"
    with pytest.raises(InvalidRequest):
        restoring.restore(spoilt, target, clock)
    assert os.listdir(target) == []


def test_a_damaged_byte_anywhere_is_noticed_or_harmless(
    tar: Path, tmp_path: Path, clock: FrozenClock, studio_dir: Path
) -> None:
    """Only the database's free space and padding may change without harm."""
    data = tar.read_bytes()
    expected = _tree(studio_dir)
    refused = 0
    for offset in range(7, len(data), len(data) // 60):
        spoilt = bytearray(data)
        spoilt[offset] ^= 0x55
        (tmp_path / "spoilt.tar").write_bytes(spoilt)
        target = tmp_path / f"target-{offset}"
        try:
            restoring.restore(tmp_path / "spoilt.tar", target, clock)
        except InvalidRequest:
            refused += 1
            continue
        assert _tree(target) == expected
    assert refused > 30
