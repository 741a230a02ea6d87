"""The files of catalogs: those of this release, and the owner's beside them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from studio.errors import StorageUnavailable
from studio.paths import atomic_write, private_folder

CATALOGS: Final = ("models", "loras", "llm")
MAX_BYTES: Final = 16 * 1024 * 1024


class CatalogFiles:
    """Reads both folders, and writes the owner's."""

    def __init__(self, *, shipped: Path, overlay: Path) -> None:
        self._shipped = shipped
        self._overlay = overlay

    def shipped(self, name: str) -> bytes:
        """A file of this release."""
        return (self._shipped / f"{name}.json").read_bytes()

    def overlay(self, name: str) -> bytes | None:
        """The owner's catalog; ``None`` when there is none.

        Raises:
            StorageUnavailable: it is there and cannot be read, or it is too large.
        """
        path = self._overlay / f"{name}.json"
        try:
            if path.stat().st_size > MAX_BYTES:
                raise StorageUnavailable(f"{name}.json is larger than {MAX_BYTES // 2**20} MiB.")
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StorageUnavailable(f"{name}.json cannot be read: {error.strerror}.") from error

    def write(self, files: Mapping[str, bytes], *, keep: Collection[str] = ()) -> None:
        """Replace the owner's catalogs, each at once.

        Args:
            keep: those that could not be read; what is there is moved aside, not lost.

        Raises:
            InvalidRequest, StorageUnavailable: the folder cannot be written.
        """
        folder = private_folder(self._overlay)
        for name, data in files.items():
            try:
                if name in keep:
                    (folder / f"{name}.json").rename(folder / f"{name}.json.unreadable")
                atomic_write(folder / f"{name}.json", data)
            except OSError as error:
                raise StorageUnavailable(
                    f"{name}.json cannot be written: {error.strerror}."
                ) from error
