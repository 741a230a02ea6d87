"""GPU time of language models, counted against whose it was."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from studio.errors import StudioError
from studio.services.quotas import QuotaService

log = logging.getLogger(__name__)

_EVERY_S: Final = 2.0
_AGAIN_S: Final = 30.0
_KIND: Final = "language"


class LanguageCharges:
    """Collects seconds as answers end, and stores them some at a time.

    A kill may lose those of the last two seconds.
    """

    def __init__(self, quotas: QuotaService) -> None:
        self._quotas = quotas
        self._seconds: dict[str, float] = {}
        self._noted = asyncio.Event()

    def note(self, user_id: str, seconds: float) -> None:
        """Somebody's answer has ended."""
        self._seconds[user_id] = self._seconds.get(user_id, 0.0) + seconds
        self._noted.set()

    async def run(self) -> None:
        """Store what was noted, for as long as Studio runs."""
        while True:
            await self._noted.wait()
            await asyncio.sleep(_EVERY_S)
            try:
                await self.store()
            except StudioError as error:
                log.warning("GPU time of language models is stored later: %s", error.message)
                await asyncio.sleep(_AGAIN_S)

    async def store(self) -> None:
        """Store what is not stored yet.

        Raises:
            StudioError: the database refuses; what is not stored is kept.
        """
        self._noted.clear()
        for user_id in list(self._seconds):
            seconds = self._seconds.pop(user_id)
            try:
                await self._quotas.charge(user_id, seconds, _KIND)
            except StudioError:
                self.note(user_id, seconds)
                raise
