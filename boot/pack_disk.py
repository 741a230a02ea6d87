"""The disk as a custom node may have left it: links, loops, folders that nobody may look into.

Whoever looks at the folders of packs asks here, so that one name or one mode in them costs that
pack alone.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path


def is_folder(path: Path) -> bool:
    """Whether that is a folder and no link to one; what cannot be looked at is none."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def may_exist(path: Path) -> bool:
    """Whether there is something, or may be where nobody can look."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def open_folder(path: Path) -> None:
    """Make a folder that we may use of whatever there is.

    Raises:
        OSError: the disk refused.
    """
    if not is_folder(path):
        path.unlink(missing_ok=True)
        path.mkdir(parents=True)
    mode = stat.S_IMODE(path.lstat().st_mode)
    if mode & stat.S_IRWXU != stat.S_IRWXU:
        path.chmod(mode | 0o770)


def remove(path: Path) -> None:
    """Remove whatever that is, also a folder that was closed to us.

    Raises:
        OSError: the disk refused.
    """
    if not is_folder(path):
        path.unlink(missing_ok=True)
        return
    try:
        shutil.rmtree(path)
    except PermissionError:
        open_folder(path)
        for folder, names, _files in os.walk(path):
            for name in names:
                # Before the walk looks into it.
                if is_folder(inside := Path(folder, name)):
                    open_folder(inside)
        shutil.rmtree(path)


def move(folder: Path, to: Path) -> None:
    """Give a folder another name, also one that was closed to us.

    Raises:
        OSError: the disk refused.
    """
    open_folder(folder)
    folder.rename(to)
