"""Folders of workflows: ``<id>/manifest.yaml`` with ``workflow.json`` or ``blocks/*.json``."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

MANIFEST: Final = "manifest.yaml"
GRAPH: Final = "workflow.json"
BLOCKS: Final = "blocks"
MAX_FOLDERS: Final = 1000
MAX_BLOCKS: Final = 200
MAX_FILE_BYTES: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class WorkflowFolder:
    """What one folder holds; ``fault`` says why it could not be read."""

    name: str
    manifest: bytes = b""
    graph: bytes | None = None
    blocks: dict[str, bytes] = field(default_factory=dict)
    fault: str = ""

    @property
    def digest(self) -> str:
        """Changes with any byte of its files."""
        found = hashlib.blake2s(digest_size=16)
        parts = {MANIFEST: self.manifest, **self.blocks}
        if self.graph is not None:
            parts[GRAPH] = self.graph
        for name, data in sorted(parts.items()):
            found.update(f"{name}\0{len(data)}\0".encode())
            found.update(data)
        return found.hexdigest()


def read_folders(roots: Sequence[Path]) -> list[WorkflowFolder]:
    """The workflow folders below each root; one of a later root hides its namesake.

    A root that is missing has none. Nothing is raised for a single folder.
    """
    found: dict[str, WorkflowFolder] = {}
    for root in roots:
        try:
            folders = sorted(path for path in root.iterdir() if path.is_dir())
        except OSError:
            continue
        for path in folders[:MAX_FOLDERS]:
            found[path.name] = _read(path)
    return list(found.values())


def _read(path: Path) -> WorkflowFolder:
    try:
        graph = path / GRAPH
        blocks = sorted((path / BLOCKS).glob("*.json"))
        if len(blocks) > MAX_BLOCKS:
            return WorkflowFolder(path.name, fault=f"It has more than {MAX_BLOCKS} blocks.")
        return WorkflowFolder(
            path.name,
            _bytes(path / MANIFEST),
            _bytes(graph) if graph.exists() else None,
            {block.name: _bytes(block) for block in blocks},
        )
    except OSError as error:
        return WorkflowFolder(path.name, fault=f"It cannot be read: {error.strerror or error}.")


def _bytes(path: Path) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(f"{path.name} is not a file")
    if status.st_size > MAX_FILE_BYTES:
        raise OSError(f"{path.name} is larger than {MAX_FILE_BYTES // 2**20} MiB")
    return path.read_bytes()
