"""How everything is: versions, GPUs, memory, disks, engines and the queue at one moment."""

from __future__ import annotations

import asyncio
import platform
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from studio.clients.comfy import EngineError
from studio.clients.gpu_watch import GpuReading, GpuWatch
from studio.clients.machine import folder_bytes, read_cpu, read_disk, read_memory
from studio.clock import Clock
from studio.services.engines import Engine, EngineService
from studio.services.gpus import gpus_here, gpus_of_engines
from studio.services.health import HealthService
from studio.services.queue import JobQueue
from studio.services.startup import Startup
from studio.settings import Settings
from studio.store.connection import SQLITE_VERSION
from studio.version import VERSION

_PACKAGES: Final = (
    "aiohttp",
    "blake3",
    "fastapi",
    "httpx",
    "numpy",
    "nvidia-ml-py",
    "orjson",
    "pillow",
    "starlette",
    "uvicorn",
    "uvloop",
    "websockets",
)
_OWN_FOLDERS: Final = ("db", "assets", "thumbs", "logs")
_MEASURE_EVERY_S: Final = 300.0
_ENGINE_TIMEOUT_S: Final = 2.0
_LEAST_FREE: Final = 0.05


class SystemService:
    """Looks at the machine and at every engine when it is asked to.

    Args:
        settings: where the folders are.
        gpus: NVIDIA's library; where there is none, engines are asked about theirs.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        engines: EngineService,
        queue: JobQueue,
        health: HealthService,
        gpus: GpuWatch,
        startup: Startup,
    ) -> None:
        self._clock = clock
        self._engines = engines
        self._queue = queue
        self._health = health
        self._gpus = gpus
        self._startup = startup
        self._isolated = settings.isolated
        self._started_s = clock.monotonic_s()
        studio = settings.studio_dir
        self._disks: dict[str, tuple[Path, Sequence[Path]]] = {
            "studio": (studio, [studio / name for name in _OWN_FOLDERS]),
            "engine": (settings.engine_dir, [settings.engine_dir]),
            "models": (settings.model_dir, [settings.model_dir]),
        }
        self._sizes: dict[str, int] = {}
        self._measured_s: float | None = None
        self._measuring = asyncio.Lock()

    async def look(self) -> dict[str, Any]:
        """The answer of ``/api/system``."""
        engines = list(self._engines.engines.values())
        told = await asyncio.gather(*(self._ask(engine) for engine in engines))
        stats = {engine.name: said for engine, said in zip(engines, told, strict=True)}
        found = await self._gpus.read()
        memory, cpu = await asyncio.to_thread(lambda: (read_memory(), read_cpu()))
        disks = await self._look_at_disks()
        return {
            "versions": {**versions(), "nvidia_driver": found.driver},
            "uptime_s": round(self._clock.monotonic_s() - self._started_s),
            "start": self._startup.describe(),
            "gpu": gpus_here(found.gpus, [each.setting for each in engines], stats)
            or gpus_of_engines(stats),
            "memory": None if memory is None else asdict(memory),
            "cpu": asdict(cpu),
            "disks": disks,
            "engines": [
                {
                    **body,
                    "loaded_models": _loaded(self._engines.engines[body["name"]]),
                    "components": _components(stats[body["name"]]),
                }
                for body in self._health.engines()
            ],
            "queue": self._totals(),
            "isolation": self._isolated,
            "warnings": self._warnings(disks, found),
        }

    @staticmethod
    async def _ask(engine: Engine) -> dict[str, Any]:
        if not engine.ready:
            return {}
        try:
            return await engine.client.system_stats(timeout_s=_ENGINE_TIMEOUT_S)
        except EngineError:
            return {}

    async def _look_at_disks(self) -> list[dict[str, Any]]:
        async with self._measuring:
            now_s = self._clock.monotonic_s()
            if self._measured_s is None or now_s - self._measured_s >= _MEASURE_EVERY_S:
                # Walking many files takes a while; sizes may be some minutes old.
                self._sizes = await asyncio.to_thread(self._measure)
                self._measured_s = now_s
        spaces = await asyncio.to_thread(
            lambda: {role: read_disk(folder) for role, (folder, _) in self._disks.items()}
        )
        return [
            {
                "role": role,
                "total_bytes": space.total,
                "free_bytes": space.free,
                "used_by_studio_bytes": self._sizes[role],
            }
            for role, space in spaces.items()
            if space is not None
        ]

    def _measure(self) -> dict[str, int]:
        return {role: sum(map(folder_bytes, folders)) for role, (_, folders) in self._disks.items()}

    def _totals(self) -> dict[str, Any]:
        counts = Counter(live.job.status.value for live in self._queue.live.values())
        return {
            "paused": self._queue.paused,
            "depth": self._queue.depth,
            **{name: counts[name] for name in ("queued", "running", "canceling")},
        }

    def _warnings(self, disks: Sequence[dict[str, Any]], gpus: GpuReading) -> list[str]:
        _, ready = self._health.ready()
        full = [
            f"disk of {disk['role']}: {disk['free_bytes'] / 2**30:.1f} GiB left"
            for disk in disks
            if disk["free_bytes"] < disk["total_bytes"] * _LEAST_FREE
        ]
        stuck = ["the GPU's driver does not answer; what it told may be old"] if gpus.is_old else []
        return [*ready["reasons"], *ready["notices"], *full, *stuck]


def versions() -> dict[str, str]:
    """Studio, what it runs on and what it is made of."""
    found = {"studio": VERSION, "python": platform.python_version(), "sqlite": SQLITE_VERSION}
    found["system"] = f"{platform.system()} {platform.release()} {platform.machine()}"
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _loaded(engine: Engine) -> list[str]:
    return sorted({file for files in engine.loaded.values() for file in files})


def _components(stats: dict[str, Any]) -> dict[str, str]:
    """Versions that an engine tells of itself."""
    system = stats.get("system")
    told = system if isinstance(system, dict) else {}
    names = {"python_version": "python", "pytorch_version": "pytorch", "os": "system"}
    return {
        name: said[:200] for key, name in names.items() if isinstance(said := told.get(key), str)
    }
