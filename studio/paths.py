"""Names and places: the only module that turns text from outside into a path."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import stat
import tempfile
import unicodedata
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Final

from studio.errors import DiskFull, InvalidRequest

MAX_NAME_BYTES: Final = 200
_fallocate = getattr(ctypes.CDLL(None, use_errno=True), "fallocate64", None)
if _fallocate is not None:
    _fallocate.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
_KEEP_SIZE: Final = 1
_RESERVED: Final = frozenset(
    {"con", "prn", "aux", "nul", *(f"com{n}" for n in range(10)), *(f"lpt{n}" for n in range(10))}
)
_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')


def safe_relative(text: str) -> PurePosixPath:
    """A relative path that is harmless under POSIX and Windows rules.

    Args:
        text: a file name or a path with ``/`` between its parts, as a client sent it.

    Raises:
        InvalidRequest: empty, absolute, with ``..``, back-slashes, drives, control characters,
            reserved names, or a part longer than 200 bytes.
    """
    normal = unicodedata.normalize("NFC", text)
    parts = normal.split("/")
    if not normal or len(normal) > 1000 or any(not _is_safe_part(part) for part in parts):
        raise InvalidRequest("That file name is not allowed.", details={"name": text[:100]})
    return PurePosixPath(*parts)


def _is_safe_part(part: str) -> bool:
    if part in ("", ".", "..") or _FORBIDDEN.search(part):
        return False
    if part != part.strip() or part.endswith("."):
        return False
    if part.split(".")[0].lower() in _RESERVED:
        return False
    return len(part.encode("utf-8", "surrogatepass")) <= MAX_NAME_BYTES and _is_encodable(part)


def _is_encodable(part: str) -> bool:
    try:
        part.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def require_inside(handle: int, path: Path | str, root: Path) -> None:
    """Refuse an open file that really lies outside ``root``, whatever links led to it.

    Args:
        handle: the open file; asked where the system knows its place, which no race can change.
        root: a folder without links in its own path.

    Raises:
        InvalidRequest: it lies outside.
    """
    try:
        real = os.readlink(f"/proc/self/fd/{handle}")  # noqa: PTH115 - on the path of every job
    except OSError:
        real = os.path.realpath(path)
    if not real.startswith(f"{root}{os.sep}"):
        raise InvalidRequest("That file lies outside its folder.")


def atomic_write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace ``path`` by ``data`` so that a reader or a crash sees the old file or the new one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(name).unlink()
        raise
    fsync_folder(path.parent)


def fsync_file(path: Path) -> None:
    """Make the bytes of a file survive a power cut."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_folder(folder: Path) -> None:
    """Make names created or removed in ``folder`` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def reserve_space(handle: int, size_bytes: int) -> None:
    """Really reserve ``size_bytes`` for an open file: volumes have quotas that ``df`` hides.

    Raises:
        DiskFull: there is no room.
    """
    if size_bytes <= 0:
        return
    if not _can_reserve(handle):
        return
    try:
        os.posix_fallocate(handle, 0, size_bytes)
    except OSError as error:
        if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            return
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskFull("There is not enough free space for this file.") from error
        raise


def _can_reserve(handle: int) -> bool:
    # Where the file system cannot, posix_fallocate writes to every block instead: on a network
    # volume that takes hours for a large file. The system's own call says so at once.
    if _fallocate is None or _fallocate(handle, _KEEP_SIZE, 0, 1) == 0:
        return True
    return ctypes.get_errno() not in (errno.EOPNOTSUPP, errno.ENOSYS)


def private_folder(path: Path) -> Path:
    """Create ``path`` (0700) with its parents and return it resolved.

    Raises:
        InvalidRequest: it is a link that loops, is not a folder, or cannot be written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        reason = getattr(error, "strerror", None) or "a loop of symbolic links"
        raise InvalidRequest(f"The folder {path} cannot be used: {reason}.") from error
    if not stat.S_ISDIR(real.stat().st_mode):
        raise InvalidRequest(f"{path} is not a folder.")
    if not os.access(real, os.W_OK | os.X_OK):
        raise InvalidRequest(f"The folder {path} is read-only for this user.")
    return real


def sockets_folder(path: Path) -> Path:
    """A private folder that no other user than root has put there.

    Raises:
        InvalidRequest: it cannot be used, or belongs to another user.
    """
    real = private_folder(path)
    if real.stat().st_uid not in (0, os.geteuid()):
        raise InvalidRequest(f"{path}, for the sockets, belongs to another user. Remove it.")
    return real


def run_folder(studio_dir: Path, environ: Mapping[str, str]) -> Path:
    """Where the sockets of the Studio that owns ``studio_dir`` are; it need not exist."""
    if given := environ.get("STUDIO_RUN_DIR"):
        return Path(given).expanduser()
    if environ.get("STUDIO_IMAGE") == "1":
        return Path("/run/studio")
    digest = hashlib.sha256(str(studio_dir.resolve()).encode()).hexdigest()[:16]
    base = environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"studio-{digest}"
