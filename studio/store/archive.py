"""A whole Studio in one uncompressed tar: database, blobs, gallery and the overlay folders.

Logs, thumbnails, sockets, releases and everything of the engines stay out: they come back by
themselves. The last member is a manifest with the number of the others and the hashes of those
whose names do not say them, so an archive that was cut short or changed is noticed.
``restoring.py`` brings one back.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from blake3 import blake3

from studio.clock import Clock, iso
from studio.errors import InvalidRequest, StorageUnavailable
from studio.paths import fsync_folder, safe_relative
from studio.settings import SECRETS
from studio.store.blobs import open_regular, translate
from studio.version import VERSION

PARTS: Final = ("db", "assets", "gallery", "catalogs", "workflows")
OVERLAYS: Final = ("catalogs", "workflows")
DATABASE: Final = "db/studio.db"
MANIFEST: Final = "studio-backup.json"
FORMAT: Final = 2
MAX_MANIFEST_BYTES: Final = 16 << 20
_ASSETS: Final = "assets"
_GALLERY: Final = "gallery/pictures"
_BLOB_TABLES: Final = (("blobs", _ASSETS), ("civitai_pictures", _GALLERY))


@dataclass(frozen=True, slots=True)
class Archived:
    """What an archive holds; ``skipped`` are overlay files whose names other systems refuse."""

    blobs: int
    missing: tuple[str, ...]
    skipped: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Contents:
    """What goes into an archive beside the database and the overlay folders.

    ``secrets`` only says so in the manifest: who makes the database's copy takes them out of it.
    """

    assets: bool = True
    secrets: bool = True


EVERYTHING: Final = Contents()


def write(target: Path, *, studio_dir: Path, database: Path, clock: Clock) -> Archived:
    """Write an archive of everything to ``target`` by way of a temporary file beside it.

    Args:
        database: a consistent copy of the database, which also says which blobs belong to it.

    Raises:
        InvalidRequest: ``target`` is in a folder that is backed up, or its own folder is missing or
            takes nothing of Studio's.
        DiskFull, StorageUnavailable: nothing was written.
    """
    folder = target.parent.resolve()
    if any(folder.is_relative_to((studio_dir / part).resolve()) for part in PARTS):
        raise InvalidRequest("A backup cannot be written into a folder that it contains.")
    if not folder.is_dir():
        raise InvalidRequest(f"The folder for the backup does not exist; make it first: {folder}")
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.", suffix=".partial")
    except PermissionError:
        raise InvalidRequest(
            f"Studio, which runs as user {os.geteuid()}, may not write into {folder}; "
            "name a folder that is its own."
        ) from None
    except OSError as error:
        raise translate(error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            archived = write_to(file, studio_dir=studio_dir, database=database, clock=clock)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(target)
        fsync_folder(folder)
    except OSError as error:
        raise translate(error) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
    return archived


def write_to(
    file: IO[bytes],
    *,
    studio_dir: Path,
    database: Path,
    clock: Clock,
    contents: Contents = EVERYTHING,
) -> Archived:
    """Write an archive as one stream, in constant memory.

    Raises:
        OSError: the stream is broken.
        StorageUnavailable: the copy of the database cannot be read.
    """
    missing: list[str] = []
    skipped: list[str] = []
    hashes: dict[str, str] = {}
    counted = _Counted(file)
    blobs = 0
    with tarfile.open(fileobj=counted, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        hashes[DATABASE] = _add_file(tar, DATABASE, database)
        for name in digests(database):
            if not contents.assets and name.startswith(f"{_ASSETS}/"):
                continue
            try:
                _add_file(tar, name, studio_dir / name)
            except FileNotFoundError:
                missing.append(f"blake3:{name.rpartition('/')[2]}")
                continue
            blobs += 1
        for name, path in _overlay_files(studio_dir):
            if not is_safe(name):
                skipped.append(name)
                continue
            data = path.read_bytes()
            _add_bytes(tar, name, data)
            hashes[name] = _named(blake3(data).hexdigest())
        manifest = {
            "format": FORMAT,
            "created_at": iso(clock.now_ms()),
            "version": VERSION,
            "parts": PARTS,
            "assets": contents.assets,
            "secrets": contents.secrets,
            "members": len(hashes) + blobs,
            "blobs": blobs,
            "missing": len(missing),
            "files": hashes,
        }
        _add_bytes(tar, MANIFEST, json.dumps(manifest).encode())
    return Archived(blobs, tuple(missing), tuple(skipped), counted.size_bytes)


def without_secrets(database: Path) -> None:
    """Take out of a copy of the database what opens something: secrets, keys to sign with,
    sessions, webhooks, codes and links that were given out. Who has a password or an API key still
    has it, since only hashes of those are stored.

    Raises:
        StorageUnavailable, DiskFull: the copy is no use.
    """
    try:
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA secure_delete=ON")
            known = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            for table in (
                "secrets", "sessions", "invitations", "editor_visits",
                "share_files", "share_runs", "shares",
                # What signs or names a receiver, and what is yet to be told it.
                "webhook_attempts", "webhook_deliveries", "webhook_states", "job_webhooks",
                "webhooks",
                "program_logins", "telegram_codes", "telegram_outbox",
            ):  # fmt: skip
                if table in known:
                    connection.execute(f"DELETE FROM {table}")
            connection.execute("DELETE FROM meta WHERE key = 'signing_key'")
            if "settings" in known:
                connection.executemany(
                    "DELETE FROM settings WHERE key = ?", [(name,) for name in SECRETS]
                )
            # Rows that were deleted earlier are still in free pages.
            connection.execute("VACUUM")
    except sqlite3.Error as error:
        raise StorageUnavailable("The copy of the database cannot be changed.") from error


def digests(database: Path) -> Iterator[str]:
    """The names, in an archive and in the state folder, of all blobs that a database knows."""
    uri = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            known = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
            for table, folder in _BLOB_TABLES:
                if table not in known:
                    continue
                for (text,) in connection.execute(f"SELECT hash FROM {table} ORDER BY hash"):
                    digest = str(text).removeprefix("blake3:")
                    yield f"{folder}/{digest[:2]}/{digest}"
    except sqlite3.Error as error:
        raise StorageUnavailable("The copy of the database cannot be read.") from error


def is_safe(name: str) -> bool:
    """Whether a member may have that name."""
    try:
        return safe_relative(name).as_posix() == name
    except InvalidRequest:
        return False


def forget(tar: tarfile.TarFile) -> None:
    """tarfile remembers every member; a large library would fill the memory."""
    members: list[tarfile.TarInfo] = vars(tar)["members"]
    members.clear()


class _Counted(io.RawIOBase):
    """A stream that knows how much went through it: a pipe cannot be asked."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.size_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._file.write(data)
        self.size_bytes += len(data)
        return len(data)


class _Hashed:
    """What tarfile reads of a file, hashed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.digest = blake3()

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.digest.update(data)
        return data


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> str:
    with os.fdopen(open_regular(path), "rb") as file:
        hashed = _Hashed(file)
        tar.addfile(_info(name, os.fstat(file.fileno()).st_size), hashed)
    forget(tar)
    return _named(hashed.digest.hexdigest())


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_info(name, len(data)), io.BytesIO(data))
    forget(tar)


def _named(digest: str) -> str:
    return f"blake3:{digest}"


def _info(name: str, size_bytes: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size_bytes
    info.mode = 0o600
    return info


def _overlay_files(studio_dir: Path) -> Iterator[tuple[str, Path]]:
    for part in OVERLAYS:
        for folder, folders, files in os.walk(studio_dir / part):
            folders.sort()
            for file in sorted(files):
                path = Path(folder, file)
                if path.is_file() and not path.is_symlink():
                    yield path.relative_to(studio_dir).as_posix(), path
