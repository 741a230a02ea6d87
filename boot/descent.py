"""The way down to a folder, past names that others may have put there.

Where everybody can write to the top of a volume, a custom node may put a link in place of a folder
of ours. Root follows none: it goes down name by name, and holds what it has.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Final

_MOST_LINKS: Final = 40
_DOWN: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def planted_link(path: Path, uid: int) -> Path | None:
    """The first link on the way to ``path`` that belongs to ``uid``; None where there is none."""
    here, rest = Path(path.anchor), list(reversed(path.parts[1:]))
    for _ in range(_MOST_LINKS):
        link = None
        while rest and link is None:
            name = rest.pop()
            here = here.parent if name == ".." else here / name
            try:
                facts = here.lstat()
            except OSError:
                # Nothing is there, or nothing that leads anywhere.
                return None
            link = here if stat.S_ISLNK(facts.st_mode) else None
        if link is None:
            return None
        if facts.st_uid == uid:
            return link
        target = link.readlink()
        here = Path(target.anchor) if target.is_absolute() else link.parent
        rest += reversed(target.parts[1:] if target.is_absolute() else target.parts)
    return here


def open_folder(folder: Path, *, mode: int) -> int:
    """Open an absolute ``folder``, made where it is missing; the caller closes it.

    Args:
        mode: of the folder itself when it is made, as far as the umask allows.

    Raises:
        OSError: with the path of what is in the way; a link on the way is.
    """
    here = Path(folder.anchor)
    inside = os.open(here, _DOWN)
    try:
        for name in folder.parts[1:]:
            here /= name
            try:
                below = _open_or_make(name, inside, mode if here == folder else 0o777)
            except OSError as error:
                said = "it is a link, which is not followed" if here.is_symlink() else None
                number = errno.ELOOP if said else error.errno
                raise OSError(number, said or error.strerror, str(here)) from None
            os.close(inside)
            inside = below
        try:
            return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=inside)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(folder)) from None
    finally:
        os.close(inside)


def open_to_all(folder: Path) -> list[Path]:
    """Folders above ``folder`` in which everybody may rename what belongs to others."""
    return [above for above in folder.parents if _is_open(above.lstat().st_mode)]


def close_to_others(folder: Path) -> bool:
    """Let everybody who may write there rename what is their own, and no more, as in ``/tmp``.

    Returns:
        False where the volume does not take it.
    """
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        os.fchmod(handle, stat.S_IMODE(os.fstat(handle).st_mode) | stat.S_ISVTX)
        return not _is_open(os.fstat(handle).st_mode)
    except OSError:
        return False
    finally:
        os.close(handle)


def _is_open(mode: int) -> bool:
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def _open_or_make(name: str, inside: int, mode: int) -> int:
    try:
        return os.open(name, _DOWN, dir_fd=inside)
    except FileNotFoundError:
        os.mkdir(name, mode, dir_fd=inside)
        return os.open(name, _DOWN, dir_fd=inside)
