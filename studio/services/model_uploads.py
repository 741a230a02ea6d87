"""Uploads under ``models/``: judged like downloads, and given a place among the models.

The asset that an upload becomes is a copy for the caller; the model stays when that goes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Final

from studio.clock import new_id
from studio.errors import NameTaken
from studio.remote import MODELS
from studio.services.download_runs import PublishedFile
from studio.services.model_checks import check_model
from studio.services.shelves import Shelves
from studio.services.upload_fields import model_place
from studio.store.blob_writer import translate
from studio.store.blobs import StagedBlob
from studio.store.part_files import RESERVE_BYTES, PartFile
from studio.store.part_folders import discard, part_path
from studio.store.publishing import file_sha256, holds, make_folder, publish

_COPY_BYTES: Final = 8 << 20


class ModelUploads:
    """Puts uploaded bytes among the models.

    Args:
        owner: names the folder of this Studio's parts.
        threads: for work that blocks long.
        tell: told of each file that got its name.
    """

    def __init__(
        self,
        *,
        shelves: Shelves,
        owner: str,
        threads: Executor,
        tell: Callable[[PublishedFile], Awaitable[None]],
    ) -> None:
        self._shelves = shelves
        self._owner = owner
        self._threads = threads
        self._tell = tell

    async def shelve(self, file_path: str, staged: StagedBlob) -> None:
        """Give the bytes their place; nothing happens if exactly they are there.

        Args:
            file_path: ``models/<folder>/<name>``.

        Raises:
            NotAModel, PickleRefused: they are not what the name says.
            NameTaken: another file has that place.
            InvalidRequest: there is no such folder.
            DiskFull, StorageUnavailable: they could not be stored.
        """
        loop = asyncio.get_running_loop()
        published = await loop.run_in_executor(self._threads, self._put, file_path, staged)
        await self._tell(published)

    def _put(self, file_path: str, staged: StagedBlob) -> PublishedFile:
        folder, name = model_place(file_path)
        shelf = self._shelves.shelf(MODELS, folder)
        target = shelf.folder / name
        check_model(staged.path, name, allow_pickle=False)
        sha256 = file_sha256(staged.path)
        make_folder(target.parent)
        path = part_path(shelf.base, shelf.folder, self._owner, new_id())
        if target.exists() or target.is_symlink():
            if not holds(target, staged.size_bytes, sha256):
                raise NameTaken("Another file of that name is there already.")
        else:
            try:
                _copy(staged.path, path, staged.size_bytes)
                publish(path, target, replace=False)
            except OSError as error:
                raise translate(error) from error
            finally:
                discard(path)
        return PublishedFile(MODELS, folder, name, target, staged.size_bytes, sha256, "upload")


def _copy(source: Path, path: Path, size_bytes: int) -> None:
    """A copy of its own: nobody who may read models may reach the bytes of assets by a link."""
    part = PartFile(path, reserve_bytes=RESERVE_BYTES)
    part.open()
    try:
        part.begin(None, size_bytes)
        claim = part.claim(everything=True)
        assert claim is not None
        with source.open("rb", buffering=0) as file:
            while data := file.read(_COPY_BYTES):
                part.write(claim, memoryview(data))
    finally:
        part.close()
