"""A whole file gets its name among the models, once, and never over another."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from studio.errors import NameTaken, StorageUnavailable
from studio.paths import fsync_file, fsync_folder
from studio.store.blob_writer import translate

_READ_BYTES: Final = 1 << 20
_NO_LINKS: Final = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def _go_on() -> None:
    """Nobody stops it."""


def file_sha256(path: Path, *, going: Callable[[], None] = _go_on) -> str:
    """The hash of a file on disk.

    Args:
        going: called again and again; whatever it raises ends the reading.

    Raises:
        StorageUnavailable: it cannot be read.
    """
    digest, buffer = hashlib.sha256(), memoryview(bytearray(_READ_BYTES))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                going()
                digest.update(buffer[:count])
    except OSError as error:
        raise StorageUnavailable("A file there cannot be read.") from error
    return digest.hexdigest()


def holds(
    path: Path,
    size_bytes: int | None,
    sha256: str | None,
    *,
    going: Callable[[], None] = _go_on,
) -> bool:
    """Whether a file of exactly that content is at ``path``; ``False`` unless both are known.

    Args:
        going: as of ``file_sha256``.
    """
    if size_bytes is None or sha256 is None or path.is_symlink() or not path.is_file():
        return False
    return path.stat().st_size == size_bytes and file_sha256(path, going=going) == sha256


def publish(part: Path, target: Path, *, replace: bool) -> None:
    """Give a whole file its name, durably; a crash leaves it under one of the two names or both.

    Args:
        part: the file, on the same volume as ``target``.
        replace: put it in the place of another.

    Raises:
        NameTaken: a file is there, and may not be replaced.
        StorageUnavailable, DiskFull: the volume refused.
    """
    try:
        fsync_file(part)
        if replace:
            part.replace(target)
        else:
            _name(part, target)
        fsync_folder(target.parent)
        part.unlink(missing_ok=True)
    except FileExistsError:
        raise NameTaken(
            "A file of that name is there already.", details={"name": target.name}
        ) from None
    except OSError as error:
        raise translate(error) from error


def _name(part: Path, target: Path) -> None:
    try:
        os.link(part, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Volumes without hard links: nobody but Studio makes names here, so looking is enough.
        if target.exists() or target.is_symlink():
            raise FileExistsError from error
        part.rename(target)


def are_one(part: Path, target: Path) -> bool:
    """Whether both are names of one file: what a crash in ``publish`` leaves."""
    try:
        return os.path.samestat(part.lstat(), target.lstat())
    except OSError:
        return False


def make_folder(folder: Path) -> None:
    """A folder for models that engines may read.

    Raises:
        StorageUnavailable: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise translate(error) from error
