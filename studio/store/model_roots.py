"""Where model files lie: the folders of each type, below the roots that Studio was given."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from studio.errors import InvalidRequest
from studio.paths import safe_relative
from studio.settings import Settings

MODELS: Final = "models"
OWN: Final = "own"
LLM: Final = "llm"
ALIASES: Final = {"clip": "text_encoders", "unet": "diffusion_models", "t2i_adapter": "controlnet"}
"""Older names that ComfyUI still searches a type under."""

_FOLDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(?!\n)")
_NOT_MODELS: Final = frozenset({LLM, "custom_nodes", "configs", "datasets"})


@dataclass(frozen=True, slots=True)
class ModelRoots:
    """The roots by name. ``own`` is there when ``models`` is read-only."""

    models: Path
    own: Path | None
    llm: Path

    def items(self) -> Iterator[tuple[str, Path]]:
        """(name, folder) of each."""
        yield MODELS, self.models
        if self.own is not None:
            yield OWN, self.own
        yield LLM, self.llm

    def path(self, root: str, place: str, name: str) -> Path:
        """A file's path.

        Args:
            place: the folder on disk below the root; for language models always ``llm``.

        Raises:
            InvalidRequest: a name that leads elsewhere, or a root that does not exist.
        """
        base = dict(self.items()).get(root)
        if base is None:
            raise InvalidRequest("There is no such folder of models.")
        relative = safe_relative(name)
        return base / relative if root == LLM else base / check_folder(place) / relative

    def destination(self, folder: str) -> tuple[str, Path]:
        """The root that a new file of ``folder`` goes to, and the folder there."""
        if folder == LLM:
            return LLM, self.llm
        root, base = (MODELS, self.models) if self.own is None else (OWN, self.own)
        return root, base / check_folder(folder)

    def is_writable(self, root: str) -> bool:
        """Whether files there may be moved and deleted."""
        base = dict(self.items())[root]
        is_shared = root == MODELS and self.own is not None
        return not is_shared and os.access(base, os.W_OK | os.X_OK)


def find_roots(settings: Settings) -> ModelRoots:
    """The roots as they are now; ``STUDIO_DIR`` has one beside models that take no files."""
    models, own = settings.model_dir, settings.models.own_dir
    if own is None and not _takes_files(models):
        own = settings.studio_dir / "models"
    return ModelRoots(models, None if own == models else own, settings.models.llm_dir)


def _takes_files(folder: Path) -> bool:
    if not folder.exists():
        return os.access(folder.parent, os.W_OK)
    return os.access(folder, os.W_OK | os.X_OK)


def check_folder(folder: str) -> str:
    """A folder of models, as it was given.

    Raises:
        InvalidRequest: it is no name of one.
    """
    if not _FOLDER.fullmatch(folder) or folder in _NOT_MODELS - {LLM}:
        raise InvalidRequest(
            "A folder of models is a word such as checkpoints, loras or vae.",
            details={"folder": folder[:100]},
        )
    return folder


def is_model_folder(name: str) -> bool:
    """Whether a folder below a root holds models of one type."""
    return _FOLDER.fullmatch(name) is not None and name not in _NOT_MODELS
