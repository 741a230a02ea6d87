"""A release as files: written from the objects of a commit, and hashed again from the disk.

Plain files and folders alone come out of a repository; a link, a submodule or a name that leads
elsewhere ends the whole of it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boot.releases import PARTS
from studio.errors import DiskFull, StorageUnavailable, UpdateRefused
from studio.store.connection import is_disk_full

Read = Callable[[str, str], bytes]
"""The bytes of an object, by its id and kind; they are those that the id stands for."""
Hash = Callable[[str, bytes, str], str]
"""The id of an object, by its kind, its bytes and an id of the same algorithm."""

VERSION_FILE: Final = "version.json"
MAX_FILES: Final = 20_000
MAX_BYTES: Final = 1 << 30
MAX_DEPTH: Final = 24
_FILES: Final = {"100644": 0o644, "100755": 0o755}
_FOLDER: Final = "40000"
_NAME: Final = re.compile(r"[^\x00-\x1f\x7f/\\:*?\"<>|]{1,200}")


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One line of a tree object."""

    mode: str
    name: str
    id: str


def parse_tree(data: bytes, id_bytes: int) -> list[TreeEntry]:
    """The entries of a tree object.

    Raises:
        UpdateRefused: it is none, or a name in it leads elsewhere.
    """
    entries, place = [], 0
    while place < len(data):
        end = data.find(b"\0", place)
        mode, space, name = data[place:end].partition(b" ")
        raw = data[end + 1 : end + 1 + id_bytes]
        if end < 0 or not space or len(raw) != id_bytes:
            raise UpdateRefused("damaged", "A folder of the release cannot be read.")
        text = name.decode("utf-8", "surrogateescape")
        if not _NAME.fullmatch(text) or text in (".", "..") or text.lower() == ".git":
            raise UpdateRefused("unsafe", "The release has a file whose name is not allowed.")
        entries.append(TreeEntry(mode.decode("ascii", "replace"), text, raw.hex()))
        place = end + 1 + id_bytes
    return entries


def parts_of(root: list[TreeEntry]) -> list[TreeEntry]:
    """Of the root of a commit, what a release is made of.

    Raises:
        UpdateRefused: something of it is missing.
    """
    wanted = {**dict.fromkeys(PARTS, (_FOLDER,)), VERSION_FILE: tuple(_FILES)}
    found = {entry.name: entry for entry in root if entry.mode in wanted.get(entry.name, ())}
    for name in wanted:
        if name not in found:
            raise UpdateRefused("incomplete", f"The release has no {name}.")
    return list(found.values())


def write_release(folder: Path, parts: list[TreeEntry], read: Read) -> int:
    """Make ``folder`` and write the parts into it; the number of files. Blocks.

    Raises:
        UpdateRefused: something is no plain file or folder, or it is too much of it.
        DiskFull, StorageUnavailable: the volume refuses.
    """
    total_bytes = files = 0
    try:
        folder.mkdir(mode=0o755)
        for path, entry in _walk(folder, parts, read):
            if entry.mode == _FOLDER:
                path.mkdir(mode=0o755)
                continue
            data = read(entry.id, "blob")
            files, total_bytes = files + 1, total_bytes + len(data)
            if files > MAX_FILES or total_bytes > MAX_BYTES:
                raise UpdateRefused("too_large", "The release is too large.")
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(path, flags, _FILES[entry.mode]), "wb") as file:
                file.write(data)
    except FileExistsError as error:
        raise UpdateRefused("unsafe", "The release names a file twice.") from error
    except OSError as error:
        raise disk_refusal(error) from error
    return files


def check_release(folder: Path, parts: list[TreeEntry], object_hash: Hash) -> None:
    """Hash what was written, from the disk, and compare. Blocks.

    Raises:
        UpdateRefused: it is not what the commit says.
    """
    try:
        for entry in parts:
            if _hash(folder / entry.name, entry.id, object_hash) != entry.id:
                raise UpdateRefused("damaged", f"{entry.name} is not what was fetched.")
    except OSError as error:
        raise disk_refusal(error) from error


def disk_refusal(error: OSError) -> DiskFull | StorageUnavailable:
    """What an error of the volume means for the owner."""
    if is_disk_full(error):
        return DiskFull("The disk is full: the release could not be stored. Nothing has changed.")
    return StorageUnavailable(f"The release could not be stored: {error.strerror}.")


def _walk(
    folder: Path, entries: list[TreeEntry], read: Read, depth: int = 0
) -> Iterator[tuple[Path, TreeEntry]]:
    if depth > MAX_DEPTH:
        raise UpdateRefused("unsafe", "The release has too many folders inside each other.")
    for entry in entries:
        path = folder / entry.name
        if entry.mode != _FOLDER and entry.mode not in _FILES:
            kind = {"120000": "a link", "160000": "a submodule"}.get(entry.mode, "no plain file")
            raise UpdateRefused("unsafe", f"The release holds {kind}: {entry.name}.")
        yield path, entry
        if entry.mode == _FOLDER:
            inner = parse_tree(read(entry.id, "tree"), len(entry.id) // 2)
            yield from _walk(path, inner, read, depth + 1)


def _hash(path: Path, like: str, object_hash: Hash) -> str:
    facts = path.lstat()
    if stat.S_ISREG(facts.st_mode):
        return object_hash("blob", path.read_bytes(), like)
    if not stat.S_ISDIR(facts.st_mode):
        return ""
    lines = []
    for child in path.iterdir():
        inner = child.lstat()
        is_folder = stat.S_ISDIR(inner.st_mode)
        mode = _FOLDER if is_folder else "100755" if inner.st_mode & 0o100 else "100644"
        name = os.fsencode(child.name)
        line = b"%b %b\0" % (mode.encode(), name) + bytes.fromhex(_hash(child, like, object_hash))
        # Git orders a folder as if its name ended with a slash.
        lines.append((name + b"/" if is_folder else name, line))
    return object_hash("tree", b"".join(line for _, line in sorted(lines)), like)
