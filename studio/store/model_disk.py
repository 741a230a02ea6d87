"""The model files themselves: walked, read, hashed, moved, deleted. Nothing here knows a row."""

from __future__ import annotations

import errno
import hashlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from studio.errors import Conflict, DiskFull, NotFound, StorageUnavailable
from studio.paths import fsync_folder
from studio.store.model_roots import ALIASES, LLM, ModelRoots, is_model_folder

SUFFIXES: Final = (
    ".safetensors", ".sft", ".gguf", ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".onnx", ".engine",
    ".pkl",
)  # fmt: skip
MAX_FILES: Final = 100_000
MAX_DEPTH: Final = 12
_CHUNK: Final = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as a walk found it."""

    root: str
    place: str
    name: str
    path: Path
    size_bytes: int
    mtime_ns: int

    @property
    def key(self) -> tuple[str, str, str]:
        return self.root, self.place, self.name

    @property
    def folder(self) -> str:
        return ALIASES.get(self.place, self.place)


@dataclass(frozen=True, slots=True)
class Walk:
    """What a walk over every root found; ``unreachable`` roots could not be read at all."""

    files: tuple[Seen, ...]
    unreachable: frozenset[str]
    complete: bool


def walk(roots: ModelRoots) -> Walk:
    """Every model file under the roots; nothing is raised for what cannot be read."""
    found: list[Seen] = []
    unreachable = set()
    for root, base in roots.items():
        try:
            places = [(LLM, base)] if root == LLM else _places(base)
        except OSError:
            unreachable.add(root)
            continue
        for place, folder in places:
            for seen in _files(root, place, folder):
                if len(found) == MAX_FILES:
                    return Walk(tuple(found), frozenset(unreachable), complete=False)
                found.append(seen)
    return Walk(tuple(found), frozenset(unreachable), complete=True)


def _places(base: Path) -> list[tuple[str, Path]]:
    with os.scandir(base) as entries:
        return sorted(
            (entry.name, Path(entry.path))
            for entry in entries
            if is_model_folder(entry.name) and entry.is_dir()
        )


def _files(root: str, place: str, top: Path) -> Iterator[Seen]:
    """Links to folders are followed, as ComfyUI does, but no folder is entered twice."""
    entered: set[tuple[int, int]] = set()
    waiting = [(top, "")]
    while waiting:
        folder, prefix = waiting.pop()
        try:
            facts = folder.stat()
            if (facts.st_dev, facts.st_ino) in entered or prefix.count("/") > MAX_DEPTH:
                continue
            entered.add((facts.st_dev, facts.st_ino))
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError:
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            try:
                if entry.is_dir():
                    waiting.append((Path(entry.path), f"{prefix}{entry.name}/"))
                elif entry.name.lower().endswith(SUFFIXES) and entry.is_file():
                    info = entry.stat()
                    name = f"{prefix}{entry.name}"
                    yield Seen(root, place, name, Path(entry.path), info.st_size, info.st_mtime_ns)
            except OSError:
                continue


def look(roots: ModelRoots, root: str, place: str, name: str) -> Seen:
    """One file as it is now.

    Raises:
        NotFound: it is not there, or not to be read.
        InvalidRequest: the name leads elsewhere.
    """
    path = roots.path(root, place, name)
    try:
        facts = path.stat()
    except OSError as error:
        raise NotFound("The file is not there any more.") from error
    return Seen(root, place, name, path, facts.st_size, facts.st_mtime_ns)


def hash_file(path: Path, stop: Event, *, ease: Callable[[float], None] = time.sleep) -> str | None:
    """The SHA-256 of a file in hexadecimal, at half the speed that the disk allows.

    What was read is not kept in the page cache, which engines need for the models that they load.

    Args:
        stop: when set, nothing is returned.
        ease: called with the seconds to rest after each piece.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        at = 0
        while not stop.is_set():
            started = time.monotonic()
            piece = file.read(_CHUNK)
            if not piece:
                return digest.hexdigest()
            digest.update(piece)
            os.posix_fadvise(file.fileno(), at, len(piece), os.POSIX_FADV_DONTNEED)
            at += len(piece)
            ease(time.monotonic() - started)
    return None


def move_file(source: Path, target: Path) -> None:
    """Bring a file to another folder of the same disk, never over one that is there.

    Raises:
        Conflict: there is one already, or the folders lie on different disks.
        StorageUnavailable: it cannot be moved.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.link(source, target, follow_symlinks=False)
    except FileExistsError as error:
        raise Conflict("A file of that name is there already.") from error
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK):
            raise _unmovable(error) from error
        # Some volumes know no hard links; nobody else adds files of models there meanwhile.
        if target.exists():
            raise Conflict("A file of that name is there already.") from error
        try:
            source.rename(target)
        except OSError as failed:
            raise _unmovable(failed) from failed
    else:
        source.unlink()
    fsync_folder(target.parent)
    fsync_folder(source.parent)


def _unmovable(error: OSError) -> Exception:
    if error.errno == errno.EXDEV:
        return Conflict("The two folders lie on different disks.")
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("There is no room for it.")
    return StorageUnavailable(f"The file cannot be moved: {error.strerror}.")


def delete_file(path: Path) -> None:
    """Delete a file for good; one that is gone already is no fault.

    Raises:
        StorageUnavailable: it cannot be deleted.
    """
    try:
        path.unlink(missing_ok=True)
        fsync_folder(path.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise StorageUnavailable(f"The file cannot be deleted: {error.strerror}.") from error
