"""What keeps everything safe, built in order: snapshots, the way to another machine, a stop that
is announced, and what the owner sees of it all.

Apart from ``app.py`` as ``household.py`` is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.errors import StudioError
from studio.household import Controls, Household
from studio.services.backups import BackupService
from studio.services.health import HealthService
from studio.services.metrics import Metrics
from studio.services.moving import MovingService
from studio.services.queue import JobQueue
from studio.services.retention import RetentionService
from studio.services.stopping import Flush, StopService
from studio.transfers import Transfers
from studio.watching import Watching, open_watching
from studio.web.safety_api import safety_routes
from studio.web.system_api import backup_routes


@dataclass(frozen=True, slots=True)
class Safety:
    """``reopen`` is set when everything is to be closed and opened again."""

    house: Household
    backups: BackupService
    moving: MovingService
    stopping: StopService
    watching: Watching
    reopen: asyncio.Event
    flush: Sequence[Flush]

    async def finish(self) -> None:
        """Store what is in memory, and take the snapshot of a clean stop."""
        with contextlib.suppress(StudioError):
            for store in self.flush:
                await store()
        await self.backups.finish()

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for as long as Studio does, by name."""
        return [
            ("snapshots", self.backups.run()),
            ("pulse", self.watching.pulse.run()),
        ]

    def routes(self) -> APIRouter:
        """Everything that the owner does about it."""
        router = APIRouter()
        router.include_router(backup_routes(self.backups))
        router.include_router(
            safety_routes(backups=self.backups, moving=self.moving, stopping=self.stopping)
        )
        router.include_router(self.watching.routes())
        return router


def build_safety(
    house: Household,
    transfers: Transfers,
    accounts: Accounts,
    retention: RetentionService,
    controls: Controls,
    metrics: Metrics,
    health: HealthService,
    queue: JobQueue,
    wake: Callable[[], None],
) -> Safety:
    """The services.

    Args:
        wake: have the queue looked at.
    """
    settings, record, reopen = house.settings, house.activity.record, asyncio.Event()
    backups = BackupService(
        db=house.db,
        studio_dir=settings.studio_dir,
        backups_dir=settings.backups_dir,
        clock=house.clock,
    )
    moving = MovingService(
        backups=backups,
        studio_dir=settings.studio_dir,
        clock=house.clock,
        reopen=reopen,
        record=record,
    )
    flush = (accounts.sessions.store_use, retention.store_usage, house.activity.store)
    stopping = StopService(
        queue=queue,
        downloads=transfers.work,
        backups=backups,
        wake=wake,
        flush=flush,
        held=health.held,
        record=record,
    )
    watching = open_watching(house, controls, transfers, metrics, queue)
    return Safety(house, backups, moving, stopping, watching, reopen, flush)
