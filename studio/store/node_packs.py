"""Node packs on disk, as Studio sees them; the worker of bootstrap's alone changes them.

Everything here may have been written by a custom node, so no link is followed and every size is
bounded.
"""

from __future__ import annotations

import os
import re
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import orjson

from boot.pack_disk import is_folder, may_exist
from boot.packs import (
    OFF,
    PLAN,
    REPORT,
    PackFolders,
    PackPlan,
    PackRecord,
    PackReport,
    is_commit,
    is_text,
    read_json,
    read_record,
)
from studio.errors import StorageUnavailable
from studio.paths import atomic_write

_MOST: Final = 1000
_HEAD: Final = re.compile(r"ref: (refs/[A-Za-z0-9._/-]{1,200})")


@dataclass(frozen=True, slots=True)
class FoundPack:
    """One pack on the volume.

    Attributes:
        present: its code is there, enabled or not; otherwise it can only be brought back.
        record: what Studio wrote when it installed it; ``None`` for one that somebody put there.
        commit: what is there, if that can be told.
        previous: there is a state to go back to.
    """

    name: str
    present: bool
    enabled: bool
    record: PackRecord | None
    commit: str | None
    previous: bool


class NodePackFiles:
    """``CUSTOM_NODES_DIR``, and the folder of plans and reports.

    Args:
        work: where plans are left for the worker.
    """

    def __init__(self, *, root: Path, work: Path) -> None:
        self._folders = PackFolders(root)
        self._work = work

    def all(self) -> list[FoundPack]:
        """Every pack, by name; reads the disk."""
        folders = (self._folders.root, self._folders.previous("x").parent)
        names = dict.fromkeys(name for folder in folders for name in _names(folder))
        return [self._found(name) for name in names]

    def find(self, name: str) -> FoundPack | None:
        """One pack; reads the disk."""
        return next((pack for pack in self.all() if pack.name == name), None)

    def newest(self) -> FoundPack | None:
        """Of the enabled packs that Studio installed the one that was changed last."""
        own = {p.record.changed_at: p for p in self.all() if p.enabled and p.record is not None}
        return own[max(own)] if own else None

    def _found(self, name: str) -> FoundPack:
        folders = self._folders
        present = folders.present(name)
        record = read_record(present or folders.previous(name))
        commit = record.commit if record else _commit(present) if present else None
        return FoundPack(
            name=name,
            present=present is not None,
            enabled=present is not None and present == folders.place(name),
            record=record,
            commit=commit,
            previous=is_folder(folders.previous(name)),
        )

    def unfinished(self) -> bool:
        """Whether a run of the worker was killed in the middle of a change."""
        return self.half_changed() or may_exist(self._folders.staging)

    def half_changed(self) -> bool:
        """Whether that was while names were changed: a pack may be missing from its place."""
        return may_exist(self._folders.journal)

    def write_plan(self, plan: PackPlan) -> None:
        """Leave a plan for the worker.

        Raises:
            StorageUnavailable: the disk refused.
        """
        try:
            # The worker is another user of the same group.
            atomic_write(self._work / PLAN, orjson.dumps(asdict(plan)), mode=0o640)
        except OSError as error:
            raise StorageUnavailable("The plan for the node pack cannot be written.") from error

    def report(self, plan: PackPlan) -> PackReport:
        """How far the worker is with a plan."""
        found = PackReport.parse(read_json(self._work / REPORT))
        return found if found is not None and found.id == plan.id else PackReport(plan.id)


def _names(folder: Path) -> list[str]:
    """What may be packs there; a name that is no text could be shown to nobody."""
    try:
        entries = sorted(entry.name for entry in os.scandir(folder))
    except OSError:
        return []
    packs = (
        name.removesuffix(OFF)
        for name in entries
        if name[:1] not in (".", "_") and is_text(name) and is_folder(folder / name)
    )
    return list(islice(packs, _MOST))


def _commit(folder: Path) -> str | None:
    """What a checkout that somebody made there has, as far as two small files tell."""
    head = _text(folder / ".git" / "HEAD")
    ref = _HEAD.fullmatch(head)
    if ref is not None and ".." not in ref[1]:
        head = _text(folder / ".git" / ref[1])
    return head if is_commit(head) else None


def _text(path: Path) -> str:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(handle, 500).decode("ascii", "replace").strip()
    except OSError:
        return ""
    finally:
        os.close(handle)
