"""Where a new model file goes: which tree of folders, and which folder there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.errors import InvalidRequest
from studio.remote import CACHE, LLM, MODELS

_FOLDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?!\n)")
_NOT_MODELS: Final = frozenset({"custom_nodes", "configs", "datasets"})


@dataclass(frozen=True, slots=True)
class Shelf:
    """``folder`` takes the file; ``base`` is the tree that it belongs to."""

    base: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class Shelves:
    """The trees that Studio may add files to."""

    models: Path
    llm: Path
    cache: Path

    def shelf(self, root: str, folder: str) -> Shelf:
        """Where a file of ``folder`` goes.

        Raises:
            InvalidRequest: there is no such tree, or that is no folder of models.
        """
        if _FOLDER.fullmatch(folder) is None or folder in _NOT_MODELS:
            raise InvalidRequest(
                "A folder of models is a word such as checkpoints, loras or vae.",
                details={"folder": folder[:100]},
            )
        if root == LLM or (root == MODELS and folder == LLM):
            return Shelf(self.llm, self.llm)
        base = {MODELS: self.models, CACHE: self.cache}.get(root)
        if base is None:
            raise InvalidRequest("There is no such tree of models.")
        return Shelf(base, base / folder)

    def part_folders(self) -> Iterator[Path]:
        """Every folder below which the parts of downloads may lie."""
        for base in (self.models, self.llm, self.cache):
            yield base
            try:
                yield from (path for path in base.iterdir() if path.is_dir())
            except OSError:
                # A tree that was never written to is not there yet.
                continue
