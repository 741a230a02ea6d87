"""What NVIDIA's management library tells about the GPUs of this machine."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pynvml


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU; ``None`` is what it does not tell."""

    index: int
    name: str
    uuid: str | None = None
    memory_total_bytes: int | None = None
    memory_used_bytes: int | None = None
    load_percent: int | None = None
    temperature_c: int | None = None
    power_w: float | None = None
    power_limit_w: float | None = None


class GpuReader:
    """Asks the library, which is there only where NVIDIA's driver is. Its calls may block."""

    def __init__(self) -> None:
        self._open = False

    def driver(self) -> str | None:
        """The version of the driver, ``None`` without one."""
        if not self._ready():
            return None
        version = _ask(pynvml.nvmlSystemGetDriverVersion)
        return None if version is None else str(version)

    def read(self) -> list[Gpu]:
        """Every GPU; none without a driver."""
        if not self._ready():
            return []
        try:
            return [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError:
            # The driver went away under us; the next question begins anew.
            self.close()
            return []

    def held(self) -> dict[int, int]:
        """How many bytes of all GPUs each process has, by its id; those that tell.

        Inside some containers the library tells of no process, or of none by the ids in there.
        """
        found: dict[int, int] = {}
        if self._ready():
            for index in range(_ask(pynvml.nvmlDeviceGetCount) or 0):
                handle = _ask(pynvml.nvmlDeviceGetHandleByIndex, index)
                for process in _ask(pynvml.nvmlDeviceGetComputeRunningProcesses, handle) or ():
                    if process.usedGpuMemory is not None:
                        found[process.pid] = found.get(process.pid, 0) + process.usedGpuMemory
        return found

    def close(self) -> None:
        """Let go of the library."""
        if self._open:
            self._open = False
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()

    def _ready(self) -> bool:
        if not self._open:
            with contextlib.suppress(pynvml.NVMLError):
                pynvml.nvmlInit()
                self._open = True
        return self._open


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    uuid = _ask(pynvml.nvmlDeviceGetUUID, handle)
    memory = _ask(pynvml.nvmlDeviceGetMemoryInfo, handle)
    load = _ask(pynvml.nvmlDeviceGetUtilizationRates, handle)
    return Gpu(
        index=index,
        name=str(_ask(pynvml.nvmlDeviceGetName, handle) or "GPU"),
        uuid=None if uuid is None else str(uuid),
        memory_total_bytes=None if memory is None else int(memory.total),
        memory_used_bytes=None if memory is None else int(memory.used),
        load_percent=None if load is None else int(load.gpu),
        temperature_c=_ask(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power_w=_watts(_ask(pynvml.nvmlDeviceGetPowerUsage, handle)),
        power_limit_w=_watts(_ask(pynvml.nvmlDeviceGetEnforcedPowerLimit, handle)),
    )


def _ask(question: Callable[..., Any], *arguments: Any) -> Any:
    """An answer, ``None`` where this GPU has none: MIG, virtual ones and old ones tell less."""
    try:
        return question(*arguments)
    except pynvml.NVMLError:
        return None


def _watts(milliwatts: int | None) -> float | None:
    return None if milliwatts is None else round(milliwatts / 1000, 1)
