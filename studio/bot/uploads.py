"""Files that people send: fetched, checked, and theirs in Studio."""

from __future__ import annotations

import asyncio
from pathlib import PurePosixPath
from typing import Final

from studio.bot.plans import takes
from studio.bot.talk import Talk
from studio.errors import (
    Forbidden,
    InvalidRequest,
    PayloadTooLarge,
    Unprocessable,
)
from studio.graphs.manifests.manifest import Input
from studio.models import Asset
from studio.paths import safe_relative
from studio.services.assets import AssetService
from studio.services.telegram_link import TelegramLink
from studio.services.upload_fields import UploadFields
from studio.telegram_errors import TelegramRefused
from studio.telegram_records import MAX_DOWNLOAD_BYTES, File

FOLDER = "telegram"
FETCHES: Final = 4
"""So many files at once: each is in memory until Studio has it."""


class Uploads:
    """Takes files out of messages."""

    def __init__(self, *, assets: AssetService, link: TelegramLink) -> None:
        self._assets = assets
        self._link = link
        self._at_once = asyncio.Semaphore(FETCHES)

    async def take(self, talk: Talk, file: File, wanted: Input | None = None) -> Asset | None:
        """The file as an asset of the person's, or ``None``, when the chat was told why not.

        Args:
            wanted: the input that it is for.

        Raises:
            TelegramUnavailable, DiskFull, StorageUnavailable: try again later.
        """
        if file.size_bytes is not None and file.size_bytes > MAX_DOWNLOAD_BYTES:
            talk.say(talk.word("file_too_large"))
            return None
        try:
            async with self._at_once:
                pieces = await self._link.client().fetch(file)
                asset, _ = await self._assets.upload(
                    talk.identity, pieces, UploadFields(file_path=_path(file))
                )
        except TelegramRefused:
            # So it answers when a file is too large for bots and its size was not said.
            talk.say(talk.word("file_too_large"))
            return None
        except (PayloadTooLarge, Unprocessable, Forbidden) as error:
            talk.say(talk.word("file_wrong", reason=error.message))
            return None
        if wanted is not None and not takes(wanted, asset.content_type):
            talk.say(talk.word("file_unwanted"))
            return None
        return asset


def _path(file: File) -> str:
    """Where it is kept, by the name that it came with, if that is one."""
    try:
        return str(safe_relative(f"{FOLDER}/{PurePosixPath(file.name).name}"))
    except InvalidRequest:
        return f"{FOLDER}/file"
