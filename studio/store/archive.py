"""A whole Studio in one uncompressed tar: database, blobs and the user's overlay folders.

Logs, thumbnails, sockets, releases and everything of the engines stay out: they come back by
themselves. The last member is a manifest with the number of the others, so an archive that was cut
short is noticed. Bringing one back is a roll-forward: everything is extracted and checked in
``.restore`` first, then a marker is written, and from then on ``finish_restore`` completes the swap
however often it is interrupted. What was there before is moved aside, never deleted.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Final

from blake3 import blake3

from studio.clock import Clock, iso
from studio.errors import InvalidRequest, StorageUnavailable, StudioError
from studio.paths import atomic_write, fsync_folder, reserve_space, safe_relative
from studio.store import snapshots
from studio.store.blobs import open_regular, translate

log = logging.getLogger(__name__)

PARTS: Final = ("db", "assets", "catalogs", "workflows")
_OVERLAYS: Final = ("catalogs", "workflows")
_DATABASE: Final = "db/studio.db"
_MANIFEST: Final = "studio-backup.json"
_STAGING: Final = ".restore"
_MARKER: Final = "ready"
_FORMAT: Final = 1
_CHUNK_BYTES: Final = 1024 * 1024
_MAX_MANIFEST_BYTES: Final = 65536
_BLOB: Final = re.compile(r"assets/([0-9a-f]{2})/(\1[0-9a-f]{62})")


@dataclass(frozen=True, slots=True)
class Archived:
    """What an archive holds; ``skipped`` are overlay files whose names other systems refuse."""

    blobs: int
    missing: tuple[str, ...]
    skipped: tuple[str, ...]
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back; ``aside`` names the folder in ``studio_dir`` with what was there."""

    blobs: int
    missing: int
    created_at: str
    aside: str


def write(target: Path, *, studio_dir: Path, database: Path, clock: Clock) -> Archived:
    """Write an archive to ``target`` by way of a temporary file beside it.

    Args:
        database: a consistent copy of the database, which also says which blobs belong to it.

    Raises:
        InvalidRequest: ``target`` is in a folder that is backed up, or its own folder is missing.
        DiskFull, StorageUnavailable: nothing was written.
    """
    folder = target.parent.resolve()
    if any(folder.is_relative_to((studio_dir / part).resolve()) for part in PARTS):
        raise InvalidRequest("A backup cannot be written into a folder that it contains.")
    if not folder.is_dir():
        raise InvalidRequest("The folder for the backup does not exist.")
    try:
        handle, name = tempfile.mkstemp(dir=folder, prefix=f".{target.name}.", suffix=".partial")
    except OSError as error:
        raise translate(error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            archived = _write_members(file, studio_dir, database, clock)
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


def restore(source: Path, studio_dir: Path, clock: Clock) -> Restored:
    """Replace the state in ``studio_dir`` by that of an archive. Studio must not be running.

    Raises:
        InvalidRequest: it is not a complete, undamaged backup; nothing changed.
        DiskFull, StorageUnavailable: nothing changed.
    """
    finish_restore(studio_dir)
    staging = studio_dir / _STAGING
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700, parents=True)
        restored = _extract(source, staging, clock)
        for folder, _, _ in os.walk(staging):
            fsync_folder(Path(folder))
        fsync_folder(studio_dir)
        atomic_write(staging / _MARKER, restored.aside.encode())
    except (OSError, ValueError, tarfile.TarError, StudioError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError):
            raise translate(error) from error
        if isinstance(error, (ValueError, tarfile.TarError)):
            raise _damaged("it cannot be read") from error
        raise
    finish_restore(studio_dir)
    return restored


def finish_restore(studio_dir: Path) -> bool:
    """Complete a swap that was interrupted; call it at boot before the database opens.

    Returns:
        Whether there was one.

    Raises:
        DiskFull, StorageUnavailable: it could not be completed; call again.
    """
    staging = studio_dir / _STAGING
    try:
        if not (staging / _MARKER).exists():
            return False
        aside = studio_dir / (staging / _MARKER).read_text(encoding="utf-8")
        aside.mkdir(mode=0o700, exist_ok=True)
        for part in PARTS:
            if not (staging / part).exists():
                continue
            with contextlib.suppress(FileNotFoundError):
                (studio_dir / part).rename(aside / part)
            (staging / part).rename(studio_dir / part)
        fsync_folder(aside)
        fsync_folder(studio_dir)
        (staging / _MARKER).unlink()
        shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise translate(error) from error
    log.warning("a backup was restored; what was there before is in %s", aside.name)
    return True


def _write_members(file: IO[bytes], studio_dir: Path, database: Path, clock: Clock) -> Archived:
    missing: list[str] = []
    skipped: list[str] = []
    blobs = members = 0
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        _add_file(tar, _DATABASE, database)
        members += 1
        for digest in _digests(database):
            name = f"assets/{digest[:2]}/{digest}"
            try:
                _add_file(tar, name, studio_dir / name)
            except FileNotFoundError:
                missing.append(f"blake3:{digest}")
                continue
            blobs += 1
        for name, path in _overlay_files(studio_dir):
            if not _is_safe(name):
                skipped.append(name)
                continue
            _add_bytes(tar, name, path.read_bytes())
            members += 1
        manifest = {
            "format": _FORMAT,
            "created_at": iso(clock.now_ms()),
            "members": members + blobs,
            "blobs": blobs,
            "missing": len(missing),
        }
        _add_bytes(tar, _MANIFEST, json.dumps(manifest).encode())
    return Archived(blobs, tuple(missing), tuple(skipped), file.tell())


def _add_file(tar: tarfile.TarFile, name: str, path: Path) -> None:
    with os.fdopen(open_regular(path), "rb") as file:
        info = _info(name, os.fstat(file.fileno()).st_size)
        tar.addfile(info, file)
    _forget(tar)


def _add_bytes(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_info(name, len(data)), io.BytesIO(data))
    _forget(tar)


def _forget(tar: tarfile.TarFile) -> None:
    """tarfile remembers every member; a large library would fill the memory."""
    members: list[tarfile.TarInfo] = vars(tar)["members"]
    members.clear()


def _info(name: str, size_bytes: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size = size_bytes
    info.mode = 0o600
    return info


def _digests(database: Path) -> Iterator[str]:
    uri = f"{database.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            for (text,) in connection.execute("SELECT hash FROM blobs ORDER BY hash"):
                yield str(text).removeprefix("blake3:")
    except sqlite3.Error as error:
        raise StorageUnavailable("The copy of the database cannot be read.") from error


def _overlay_files(studio_dir: Path) -> Iterator[tuple[str, Path]]:
    for part in _OVERLAYS:
        for folder, folders, files in os.walk(studio_dir / part):
            folders.sort()
            for file in sorted(files):
                path = Path(folder, file)
                if path.is_file() and not path.is_symlink():
                    yield path.relative_to(studio_dir).as_posix(), path


def _is_safe(name: str) -> bool:
    try:
        return safe_relative(name).as_posix() == name
    except InvalidRequest:
        return False


def _extract(source: Path, staging: Path, clock: Clock) -> Restored:
    for part in PARTS:
        (staging / part).mkdir(mode=0o700)
    found: set[str] = set()
    members = 0
    manifest: dict[str, object] | None = None
    with (
        os.fdopen(open_regular(source), "rb") as file,
        tarfile.open(fileobj=file, mode="r|") as tar,
    ):
        while (member := tar.next()) is not None:
            _forget(tar)
            if manifest is not None:
                raise _damaged("something follows its end")
            body = _body(tar, member)
            if member.name == _MANIFEST:
                manifest = _read_manifest(body)
                continue
            _extract_member(staging, member, body, found)
            members += 1
    if manifest is None or manifest.get("members") != members:
        raise _damaged("it was cut short")
    database = staging / _DATABASE
    if not database.exists() or not snapshots.verify(database):
        raise _damaged("its database is damaged or missing")
    missing = sum(digest not in found for digest in _digests(database))
    stamp = iso(clock.now_ms()).replace(":", "").replace("-", "").split(".")[0]
    created_at = str(manifest.get("created_at", ""))
    return Restored(len(found), missing, created_at, _unused(staging.parent, stamp))


def _unused(studio_dir: Path, stamp: str) -> str:
    names = (f"before-restore-{stamp}Z{tail}" for tail in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(name for name in names if not (studio_dir / name).exists())


def _body(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise _damaged("it holds something that is not a plain file")
    body = tar.extractfile(member)
    if body is None or member.size < 0 or not _is_safe(member.name):
        raise _damaged("it holds a name that is not allowed")
    return body


def _read_manifest(body: IO[bytes]) -> dict[str, object]:
    try:
        manifest = json.loads(body.read(_MAX_MANIFEST_BYTES))
    except ValueError as error:
        raise _damaged("its manifest cannot be read") from error
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise _damaged("its format is not known to this release")
    return manifest


def _extract_member(
    staging: Path, member: tarfile.TarInfo, body: IO[bytes], found: set[str]
) -> None:
    blob = _BLOB.fullmatch(member.name)
    is_overlay = PurePosixPath(member.name).parts[0] in _OVERLAYS and "/" in member.name
    if blob is None and member.name != _DATABASE and not is_overlay:
        raise _damaged("it holds a name that is not allowed")
    path = staging / member.name
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except (FileExistsError, NotADirectoryError) as error:
        raise _damaged("it holds one name twice") from error
    digest = blake3()
    left = member.size
    with os.fdopen(handle, "wb") as out:
        reserve_space(handle, member.size)
        while left and (data := body.read(min(left, _CHUNK_BYTES))):
            digest.update(data)
            out.write(data)
            left -= len(data)
        out.flush()
        os.fsync(handle)
    if left:
        raise _damaged("it was cut short")
    if blob is not None:
        if digest.hexdigest() != blob[2]:
            raise _damaged("the content of an asset does not match its hash")
        found.add(blob[2])


def _damaged(reason: str) -> InvalidRequest:
    return InvalidRequest(f"This is not an undamaged backup of Studio: {reason}.")
