"""Where the parts of downloads lie, and what of them nobody needs any more."""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from pathlib import Path
from typing import Final

FOLDER: Final = ".downloads"
PARTS_OWNER: Final = "downloads_owner"
"""Where the database keeps the name of the Studio whose parts they are."""


def part_path(root: Path, destination: Path, owner: str, download_id: str) -> Path:
    """Where a download waits: in the root's own folder, or where a rename stays on one volume.

    Args:
        root: the tree of folders that the file will belong to.
        destination: its folder in that tree; it exists.
        owner: the Studio whose downloads they are; several may share one tree.
    """
    same = root.stat().st_dev == destination.stat().st_dev
    return part_in(root if same else destination, owner, download_id)


def part_in(folder: Path, owner: str, download_id: str) -> Path:
    """Where a part lies in a folder that has parts."""
    return folder / FOLDER / owner / f"{download_id}.part"


def discard(path: Path) -> None:
    """Remove a part and its list. Idempotent."""
    for one in (path.with_suffix(".state"), path):
        with contextlib.suppress(OSError):
            one.unlink()


def part_bytes(folders: Collection[Path], owner: str) -> dict[str, int]:
    """The room that each download takes until it is whole, by its id."""
    found: dict[str, int] = {}
    for folder in folders:
        with contextlib.suppress(OSError):
            for path in (folder / FOLDER / owner).glob("*.part"):
                found[path.stem] = path.stat().st_size
    return found


def sweep(folders: Collection[Path], owner: str, keep: Collection[str]) -> int:
    """Remove the parts of downloads that nobody knows any more.

    Args:
        folders: where a folder of parts may be.
        keep: ids of downloads that go on.
    """
    removed = 0
    for folder in folders:
        mine = folder / FOLDER / owner
        with contextlib.suppress(OSError):
            for path in list(mine.iterdir()):
                if path.name.lstrip(".").split(".")[0] not in keep or path.name.startswith("."):
                    path.unlink()
                    removed += 1
    return removed
