"""A file of any size, of which only the parts that somebody looks at are read."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Self

from studio.errors import StorageUnavailable
from studio.store.blob_writer import open_regular


class FileBytes:
    """The bytes of a file as slices of ``bytes``; a context manager that closes it.

    Read, not mapped: a disk that fails is an error here, and would end the process there.

    Raises:
        FileNotFoundError, InvalidRequest, StorageUnavailable: see ``open_regular``.
    """

    def __init__(self, path: Path) -> None:
        self._handle = open_regular(path)
        self._size = os.fstat(self._handle).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._handle)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, part: slice) -> bytes:
        """A slice without a step; what lies beyond the end is missing, as with ``bytes``.

        Raises:
            StorageUnavailable: the disk refuses.
        """
        start, stop, _ = part.indices(self._size)
        found = bytearray()
        try:
            while start + len(found) < stop:
                chunk = os.pread(self._handle, stop - start - len(found), start + len(found))
                if not chunk:
                    break
                found += chunk
        except OSError as error:
            raise StorageUnavailable("The file cannot be read at the moment.") from error
        return bytes(found)
