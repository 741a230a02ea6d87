"""Deletes what is past its time: finished jobs with their outputs, expired uploads."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from studio.clock import Clock
from studio.errors import StudioError
from studio.store.assets import AssetStore
from studio.store.job_stats import JobStatsStore

log = logging.getLogger(__name__)

EVERY_S: Final = 300.0


class RetentionService:
    """Purges in small steps, so that nobody waits for it."""

    def __init__(self, *, jobs: JobStatsStore, assets: AssetStore, clock: Clock) -> None:
        self._jobs = jobs
        self._assets = assets
        self._clock = clock

    async def run(self) -> None:
        """Purge every five minutes; the body of a task."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.purge()
            except StudioError as error:
                log.warning("expired jobs could not be purged: %s", error.message)

    async def purge(self) -> None:
        """Delete everything that is past its time."""
        while hashes := await self._jobs.purge(self._clock.now_ms()):
            await self._assets.collect_garbage(set(hashes))
        await self._assets.purge(self._clock.now_ms())
