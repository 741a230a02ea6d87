"""An archive back in place: unpacked and checked first, swapped in afterwards.

Bringing one back is a roll-forward: everything is extracted and checked in ``.restore``, then a
marker is written, and from then on ``finish_restore`` completes the swap however often it is
interrupted. What was there before is moved aside, never deleted.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import shutil
import sqlite3
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

from blake3 import blake3

from studio.clock import Clock, iso
from studio.errors import Conflict, InvalidRequest, StudioError
from studio.paths import atomic_write, fsync_folder, reserve_space
from studio.store import snapshots
from studio.store.archive import (
    DATABASE,
    FORMAT,
    MANIFEST,
    MAX_MANIFEST_BYTES,
    OVERLAYS,
    PARTS,
    digests,
    forget,
    is_safe,
)
from studio.store.blobs import open_regular, translate
from studio.store.connection import connect
from studio.store.migrations import migrate
from studio.store.part_folders import PARTS_OWNER
from studio.store.taking_back import finish_taking_back, keep_way_back, swap

log = logging.getLogger(__name__)

_STAGING: Final = ".restore"
_MARKER: Final = "ready"
_CHUNK_BYTES: Final = 1024 * 1024
_FIRST_PARTS: Final = ("db", "assets", "catalogs", "workflows")
"""What an archive of format 1 holds: it does not say so."""
_BLOB: Final = re.compile(r"(assets|gallery/pictures)/([0-9a-f]{2})/(\2[0-9a-f]{62})")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was brought back; ``aside`` names the folder in ``studio_dir`` with what was there."""

    blobs: int
    missing: int
    created_at: str
    aside: str
    secrets: bool = True


def restore(source: Path, studio_dir: Path, clock: Clock) -> Restored:
    """Replace the state in ``studio_dir`` by that of an archive. Studio must not be running.

    Raises:
        InvalidRequest: it is not a complete, undamaged backup; nothing changed.
        DiskFull, StorageUnavailable: nothing changed.
    """
    finish_restore(studio_dir)
    try:
        handle = open_regular(source)
    except OSError as error:
        raise translate(error) from error
    with os.fdopen(handle, "rb") as file:
        restored = stage(file, studio_dir, clock)
    arm(studio_dir, restored)
    finish_restore(studio_dir)
    return restored


def stage(file: IO[bytes], studio_dir: Path, clock: Clock) -> Restored:
    """Unpack and check an archive beside the state, which is not touched; Studio may be running.

    The database is brought up to this release's schema here, so what cannot be is refused.

    Raises:
        Conflict: another one is being put in place.
        InvalidRequest: it is not a complete, undamaged backup; nothing is left of it.
        DiskFull, StorageUnavailable: nothing is left of it.
    """
    staging = studio_dir / _STAGING
    if (staging / _MARKER).exists():
        raise Conflict("An archive is being put in place; send this one afterwards.")
    try:
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700, parents=True)
        restored = _extract(file, staging, clock)
        for folder, _, _ in os.walk(staging):
            fsync_folder(Path(folder))
    except (OSError, ValueError, tarfile.TarError, StudioError) as error:
        shutil.rmtree(staging, ignore_errors=True)
        if isinstance(error, OSError):
            raise translate(error) from error
        if isinstance(error, (ValueError, tarfile.TarError)):
            raise _damaged("it cannot be read") from error
        raise
    return restored


def arm(studio_dir: Path, staged: Restored) -> None:
    """From now on ``finish_restore`` swaps what was staged in.

    Raises:
        DiskFull, StorageUnavailable: it does not.
    """
    try:
        fsync_folder(studio_dir)
        atomic_write(studio_dir / _STAGING / _MARKER, staged.aside.encode())
    except OSError as error:
        raise translate(error) from error


def discard_staged(studio_dir: Path) -> None:
    """Forget what was staged and not armed."""
    staging = studio_dir / _STAGING
    if not (staging / _MARKER).exists():
        shutil.rmtree(staging, ignore_errors=True)


def finish_restore(studio_dir: Path) -> str | None:
    """Complete a swap that was interrupted; call it at boot before the database opens.

    So it does with the way back, ``taking_back``.

    Returns:
        The name of the folder with what was there before, ``None`` without a swap.

    Raises:
        DiskFull, StorageUnavailable: it could not be completed; call again.
    """
    finish_taking_back(studio_dir)
    staging = studio_dir / _STAGING
    try:
        if not (staging / _MARKER).exists():
            discard_staged(studio_dir)
            return None
        aside = studio_dir / (staging / _MARKER).read_text(encoding="utf-8")
        aside.mkdir(mode=0o700, exist_ok=True)
        keep_way_back(studio_dir, aside.name)
        swap(staging, studio_dir, aside)
        (staging / _MARKER).unlink()
        shutil.rmtree(staging, ignore_errors=True)
    except OSError as error:
        raise translate(error) from error
    log.warning("a backup was restored; what was there before is in %s", aside.name)
    return aside.name


def _extract(file: IO[bytes], staging: Path, clock: Clock) -> Restored:
    found: set[str] = set()
    hashes: dict[str, str] = {}
    members = 0
    manifest: Mapping[str, Any] | None = None
    with tarfile.open(fileobj=file, mode="r|") as tar:
        while (member := tar.next()) is not None:
            forget(tar)
            if manifest is not None:
                raise _damaged("something follows its end")
            body = _body(tar, member)
            if member.name == MANIFEST:
                manifest = _read_manifest(body)
                continue
            _extract_member(staging, member, body, found, hashes)
            members += 1
    if manifest is None or manifest.get("members") != members:
        raise _damaged("it was cut short")
    if hashes != manifest.get("files", hashes):
        raise _damaged("a file in it does not match its hash")
    for part in manifest.get("parts", _FIRST_PARTS):
        if part in PARTS:
            (staging / part).mkdir(mode=0o700, exist_ok=True)
    database = staging / DATABASE
    if not database.exists() or not snapshots.verify(database):
        raise _damaged("its database is damaged or missing")
    if not manifest.get("assets", True):
        _take_present_blobs(staging, found)
    _bring_up_to_date(database, _parts_owner(staging.parent / DATABASE))
    missing = sum(name not in found for name in digests(database))
    stamp = iso(clock.now_ms()).replace(":", "").replace("-", "").split(".")[0]
    return Restored(
        blobs=len(found),
        missing=missing,
        created_at=str(manifest.get("created_at", "")),
        aside=_unused(staging.parent, stamp),
        secrets=manifest.get("secrets", True) is True,
    )


def _take_present_blobs(staging: Path, found: set[str]) -> None:
    """An archive without assets leaves those that are here and that its database names."""
    for name in digests(staging / DATABASE):
        present, path = staging.parent / name, staging / name
        if name in found or not present.is_file() or present.is_symlink():
            continue
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            os.link(present, path)
        except OSError:
            # No second names on this volume.
            shutil.copyfile(present, path)
        found.add(name)


def _parts_owner(present: Path) -> str | None:
    """What the Studio that is here calls the parts of its downloads, if there is one."""
    uri = f"{present.absolute().as_uri()}?mode=ro"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
            query = "SELECT value FROM meta WHERE key = ?"
            row = connection.execute(query, (PARTS_OWNER,)).fetchone()
    except sqlite3.Error:
        return None
    return None if row is None else str(row[0])


def _bring_up_to_date(database: Path, owner: str | None) -> None:
    """The Studio that the archive is of may go on beside this one, and fetch into the same folders:
    no two of them write into one part.
    """
    try:
        with contextlib.closing(connect(database, create=False)) as connection:
            migrate(connection)
            connection.execute("DELETE FROM meta WHERE key = ?", (PARTS_OWNER,))
            if owner is not None:
                connection.execute("INSERT INTO meta VALUES (?, ?)", (PARTS_OWNER, owner))
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise _damaged("its database cannot be brought up to this release") from error
    database.chmod(0o600)


def _unused(studio_dir: Path, stamp: str) -> str:
    names = (f"before-restore-{stamp}Z{tail}" for tail in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(name for name in names if not (studio_dir / name).exists())


def _body(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise _damaged("it holds something that is not a plain file")
    body = tar.extractfile(member)
    if body is None or member.size < 0 or not is_safe(member.name):
        raise _damaged("it holds a name that is not allowed")
    return body


def _read_manifest(body: IO[bytes]) -> Mapping[str, Any]:
    try:
        manifest = json.loads(body.read(MAX_MANIFEST_BYTES))
    except ValueError as error:
        raise _damaged("its manifest cannot be read") from error
    if not isinstance(manifest, dict) or manifest.get("format") not in (1, FORMAT):
        raise _damaged("its format is not known to this release")
    if not isinstance(manifest.get("parts", []), list):
        raise _damaged("its manifest cannot be read")
    return manifest


def _extract_member(
    staging: Path,
    member: tarfile.TarInfo,
    body: IO[bytes],
    found: set[str],
    hashes: dict[str, str],
) -> None:
    blob = _BLOB.fullmatch(member.name)
    is_overlay = PurePosixPath(member.name).parts[0] in OVERLAYS and "/" in member.name
    if blob is None and member.name != DATABASE and not is_overlay:
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
    if blob is None:
        hashes[member.name] = f"blake3:{digest.hexdigest()}"
    elif digest.hexdigest() != blob[3]:
        raise _damaged("the content of an asset does not match its hash")
    else:
        found.add(member.name)


def _damaged(reason: str) -> InvalidRequest:
    return InvalidRequest(f"This is not an undamaged backup of Studio: {reason}.")
