"""The house itself, built in order: its settings, what people do in it, how it is, its API page.

Apart from ``app.py`` as ``accounts.py`` is: one noun, whose parts nothing else needs to know.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.clients.gpu import GpuReader
from studio.clients.gpu_watch import GpuWatch
from studio.clients.token_owners import TokenOwners
from studio.clock import Clock
from studio.models import Identity, Job
from studio.nodes import build_node_packs
from studio.services.activity import Activity
from studio.services.diagnostics import DiagnosticsService
from studio.services.downloads import Downloads
from studio.services.engine_control import EngineControl
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.jobs import JobService
from studio.services.live import Live
from studio.services.node_packs import NodePacks
from studio.services.preferences import PreferenceService
from studio.services.queue import JobQueue
from studio.services.settings import SettingsService
from studio.services.startup import Startup
from studio.services.system import SystemService
from studio.settings import Settings
from studio.store.activity import ActivityStore
from studio.store.db import Database
from studio.store.engine_flags import EngineFlagFile
from studio.store.engine_logs import LogFolder
from studio.store.house_settings import SettingStore
from studio.store.preferences import PreferenceStore
from studio.store.secrets import SecretStore
from studio.web.activity_api import activity_routes
from studio.web.engines_api import engine_routes
from studio.web.nodes_api import node_routes
from studio.web.settings_api import settings_routes

LOGS = "logs"
FLAGS = "engine_flags.json"


@dataclass(frozen=True, slots=True)
class Controls:
    """Looks at the machine, acts on its engines, and collects what helps to find faults."""

    system: SystemService
    engines: EngineControl
    diagnostics: DiagnosticsService
    gpus: GpuWatch
    hidden: Callable[[], Awaitable[Sequence[str]]]
    """Every secret that nothing may show."""
    packs: NodePacks


@dataclass(frozen=True, slots=True)
class Household:
    """What the other services need of it.

    ``settings`` are those that count: the environment's, with what was stored beneath them.
    """

    settings: Settings
    settings_service: SettingsService
    activity: Activity
    startup: Startup
    db: Database
    clock: Clock

    def controls(
        self,
        *,
        engines: EngineService,
        queue: JobQueue,
        jobs: JobService,
        health: HealthService,
        secrets: SecretStore,
    ) -> Controls:
        """What the owner sees of the machine and its engines, and does to them."""
        settings, logs = self.settings, LogFolder(self.settings.studio_dir / LOGS)
        gpus = GpuWatch(GpuReader())

        async def hidden() -> Sequence[str]:
            return [*self.settings_service.secrets(), *await secrets.values()]

        system = SystemService(
            settings=settings,
            clock=self.clock,
            engines=engines,
            queue=queue,
            health=health,
            gpus=gpus,
            startup=self.startup,
        )
        control = EngineControl(
            engines=engines,
            queue=queue,
            jobs=jobs,
            logs=logs,
            flag_file=EngineFlagFile(settings.studio_dir / FLAGS),
            environment_flags=settings.comfyui_flags,
            secrets=hidden,
            record=self.activity.record,
        )
        diagnostics = DiagnosticsService(
            system=system,
            settings=self.settings_service,
            logs=logs,
            secrets=hidden,
            clock=self.clock,
            variables={
                "STUDIO_DIR": str(settings.studio_dir),
                "STUDIO_RUN_DIR": str(settings.run_dir),
                "ENGINE_DIR": str(settings.engine_dir),
            },
        )
        packs = build_node_packs(
            settings=settings,
            clock=self.clock,
            engines=engines,
            health=health,
            record=self.activity.record,
        )
        return Controls(system, control, diagnostics, gpus, hidden, packs)

    def live(
        self,
        controls: Controls,
        *,
        queue: JobQueue,
        health: HealthService,
        downloads: Downloads,
        expiry: Callable[[Job], int],
        is_live: Callable[[Identity], bool],
    ) -> Live:
        """Everything that is told live; see ``Live``."""
        return Live(
            queue=queue,
            health=health,
            activity=self.activity,
            system=controls.system,
            logs=controls.engines,
            downloads=downloads,
            expiry=expiry,
            is_live=is_live,
        )

    def background(
        self, controls: Controls, health: HealthService
    ) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What runs for as long as Studio does, by name."""
        return [
            ("activity", self.activity.run()),
            ("start", self.startup.watch(health)),
            ("node packs", controls.packs.run()),
        ]

    def routes(self, controls: Controls) -> APIRouter:
        """Everything that the owner, or for preferences and activity anybody, asks of it."""
        router = APIRouter()
        preferences = PreferenceService(store=PreferenceStore(self.db), clock=self.clock)
        router.include_router(
            settings_routes(settings=self.settings_service, preferences=preferences)
        )
        router.include_router(activity_routes(self.activity))
        router.include_router(
            engine_routes(
                system=controls.system,
                control=controls.engines,
                diagnostics=controls.diagnostics,
            )
        )
        router.include_router(node_routes(controls.packs))
        return router


async def open_household(environment: Settings, db: Database, clock: Clock) -> Household:
    """Read what was stored; later services take their settings and ``record`` from here."""
    startup = Startup(environment.boot)
    startup.end("storage")
    store = SettingStore(db)
    stored = await store.all()
    activity = Activity(store=ActivityStore(db), clock=clock)
    service = SettingsService(
        environment=environment,
        store=store,
        stored=stored,
        owners=TokenOwners(environment.hub_urls),
        clock=clock,
        record=activity.record,
    )
    return Household(environment.with_stored(stored), service, activity, startup, db, clock)
