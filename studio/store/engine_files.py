"""Files that Studio puts into engines' folders, and takes away again."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Final

PART: Final = ".part-"
"""What the name of an input that is still being copied begins with."""


def copy_in(source: Path, target: Path, size_bytes: int) -> None:
    """Copy under a temporary name and rename: an engine never sees half an input."""
    try:
        if target.stat().st_size == size_bytes:
            return
    except FileNotFoundError:
        pass
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=PART)
    os.close(handle)
    part = Path(name)
    try:
        shutil.copyfile(source, part)
        part.chmod(0o664)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def named(
    folder: Path, pattern: re.Pattern[str], kept: Collection[str], *, folders: bool
) -> Iterator[Path]:
    """The real files, or folders, in ``folder`` whose name is one of ours and not ``kept``."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        fits = entry.is_dir if folders else entry.is_file
        if pattern.fullmatch(entry.name) and entry.name not in kept and fits(follow_symlinks=False):
            yield folder / entry.name


def _remove_folder(folder: Path) -> None:
    """A job's folder is nearly always flat; whatever else is in it goes the thorough way."""
    try:
        if folder.is_symlink():
            # What it points to is not the job's.
            folder.unlink()
            return
        # Without objects for each path, which cost more than the calls: every job comes by here.
        for name in os.listdir(folder):  # noqa: PTH208
            os.unlink(f"{folder}/{name}")  # noqa: PTH108
        os.rmdir(folder)  # noqa: PTH106
    except FileNotFoundError:
        return
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)


def remove(folders: Iterable[Path], files: Iterable[Path]) -> None:
    for folder in folders:
        _remove_folder(folder)
    refused: OSError | None = None
    for file in files:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            refused = error
    if refused is not None:
        raise refused
