"""Making a release: one at a time, in a folder that is none until it is complete."""

from __future__ import annotations

import compileall
import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from py_compile import PycInvalidationMode
from typing import Final

from boot.releases import RELEASES, ReleaseUnusable, is_release_name, sync_folder

_LOCK: Final = ".lock"


class StagingBusy(Exception):
    """Another process is making a release right now."""


@contextlib.contextmanager
def staging(studio_dir: Path) -> Iterator[Path]:
    """Have ``releases/`` for oneself while making a release; what others left half done goes.

    Yields:
        The folder. What is made in it under a name with a dot in front becomes a release by
        ``publish``.

    Raises:
        StagingBusy: another process is at it.
        OSError: the volume refuses.
    """
    folder = studio_dir / RELEASES
    folder.mkdir(mode=0o755, exist_ok=True)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(folder / _LOCK, flags, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StagingBusy("Another release is being made right now.") from None
        with os.scandir(folder) as entries:
            left = [
                each.path
                for each in entries
                if each.name.startswith(".") and each.is_dir(follow_symlinks=False)
            ]
        for path in left:
            shutil.rmtree(path)
        yield folder
    finally:
        os.close(handle)


def publish(staged: Path, name: str) -> Path:
    """Give a complete folder in ``releases/`` its name, once all of it is compiled and on the disk.

    Raises:
        ReleaseUnusable: the name is none.
        OSError: the volume refuses, or such a release is there already.
    """
    if not is_release_name(name):
        raise ReleaseUnusable(f"{name} is no name of a release.")
    # A release never changes, and the image lets Python write nothing beside what it imports.
    compileall.compile_dir(
        staged / "studio", quiet=2, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )
    for path, _folders, files, inside in os.fwalk(staged):
        for file in files:
            handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=inside)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        sync_folder(Path(path))
    release = staged.with_name(name)
    staged.rename(release)
    sync_folder(release.parent)
    return release
