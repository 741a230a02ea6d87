"""What the command line chose."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """How much is measured, and where the files of the run lie.

    ``work`` should be on the disk that a real STUDIO_DIR would be on. ``file_mib`` is the size of
    the file that the part downloads fetches.
    """

    work: Path
    rounds: int
    quick: bool
    file_mib: int

    def folder(self, name: str) -> Path:
        """A new folder for one measurement."""
        folder = self.work / name
        folder.mkdir(parents=True)
        return folder
