"""Housekeeping: deletes what is past its time, stores what is kept in memory meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Final

from studio.clock import Clock
from studio.errors import StudioError
from studio.services.library_rules import LibraryRules
from studio.services.uploads import UploadService
from studio.services.usage import Usage
from studio.store.assets import AssetStore
from studio.store.job_stats import JobStatsStore

log = logging.getLogger(__name__)

EVERY_S: Final = 300.0
USAGE_EVERY_S: Final = 10.0
_AT_ONCE: Final = 200


async def sweep(assets: AssetStore) -> list[str]:
    """Tidy the stored bytes after a start; return what the owner should know."""
    report = await assets.sweep()
    if report.missing:
        return [f"{len(report.missing)} stored files are missing from the disk."]
    return []


class RetentionService:
    """Purges in small steps, so that nobody waits for it.

    Args:
        rules: what the library spares, the retention of jobs spares too.
    """

    def __init__(
        self,
        jobs: JobStatsStore,
        *,
        assets: AssetStore,
        uploads: UploadService,
        rules: LibraryRules,
        usage: Usage,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._assets = assets
        self._uploads = uploads
        self._rules = rules
        self._usage = usage
        self._clock = clock

    async def run(self) -> None:
        """Purge every five minutes; the body of a task."""
        while True:
            await asyncio.sleep(EVERY_S)
            try:
                await self.purge()
            except StudioError as error:
                log.warning("expired jobs could not be purged: %s", error.message)

    async def keep_usage(self) -> None:
        """Store every ten seconds who used the GPUs; the body of a task."""
        while True:
            await asyncio.sleep(USAGE_EVERY_S)
            with contextlib.suppress(StudioError):
                await self.store_usage()

    async def store_usage(self) -> None:
        """Store it now."""
        if changed := self._usage.take_changed():
            await self._jobs.store_usage(changed)

    async def purge(self) -> None:
        """Delete everything that is past its time."""
        spare = (await self._rules.get()).spare
        purged = _AT_ONCE
        while purged == _AT_ONCE:
            purged, hashes = await self._jobs.purge(self._clock.now_ms(), _AT_ONCE, spare)
            if hashes:
                await self._assets.collect_garbage(set(hashes))
        await self._assets.purge(self._clock.now_ms())
        await self._uploads.purge()
