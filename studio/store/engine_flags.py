"""The flags that were chosen for engines: a file that bootstrap reads before each start of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from studio.errors import StorageUnavailable
from studio.paths import atomic_write


class EngineFlagFile:
    """Flags by the engine's name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, list[str]]:
        """Every engine's flags; nothing when the file is not there or cannot be read."""
        try:
            kept = json.loads(self._path.read_bytes())
            return {str(name): [str(word) for word in words] for name, words in kept.items()}
        except (OSError, ValueError, AttributeError, TypeError, RecursionError):
            return {}

    def write(self, name: str, words: Sequence[str]) -> None:
        """Replace the flags of one engine.

        Raises:
            StorageUnavailable: the disk refused; the flags are what they were.
        """
        kept = {**self.read(), name: list(words)}
        try:
            atomic_write(self._path, json.dumps(kept).encode())
        except OSError as error:
            raise StorageUnavailable("The flags could not be stored.") from error
