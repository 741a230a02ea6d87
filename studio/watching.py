"""What lets the owner see how Studio does, built in order: its log, the machine's pulse, metrics.

Apart from ``app.py`` as ``household.py`` is.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter

from studio.household import LOGS, Controls, Household
from studio.services.log_search import LogSearch
from studio.services.machine_metrics import MachineMetrics
from studio.services.metrics import Metrics
from studio.services.pulse import Pulse
from studio.services.queue import JobQueue
from studio.services.request_times import request_times
from studio.store.log_files import StudioLog
from studio.store.totals import TotalStore
from studio.transfers import Transfers
from studio.web.connections import open_connections
from studio.web.logs_api import log_routes
from studio.web.pulse_api import pulse_routes
from studio.web.respond import errors


@dataclass(frozen=True, slots=True)
class Watching:
    """``pulse`` runs in the background."""

    pulse: Pulse
    search: LogSearch

    def routes(self) -> APIRouter:
        """What the owner asks of it."""
        router = APIRouter()
        router.include_router(log_routes(self.search))
        router.include_router(pulse_routes(self.pulse))
        return router


def open_watching(
    house: Household, controls: Controls, transfers: Transfers, metrics: Metrics, queue: JobQueue
) -> Watching:
    """The services."""
    settings, clock = house.settings, house.clock
    pulse = Pulse(queue=queue, gpus=controls.gpus, clock=clock)
    machine = MachineMetrics(
        pulse=pulse,
        totals=TotalStore(house.db),
        downloads=transfers.work,
        requests=request_times,
        disks={
            "studio": settings.studio_dir,
            "engine": settings.engine_dir,
            "models": settings.model_dir,
        },
        errors=errors,
        connections=open_connections,
        clock=clock,
    )
    metrics.add(machine, machine.refresh)
    return Watching(pulse, LogSearch(StudioLog(settings.studio_dir / LOGS), controls.hidden))
