"""The GPUs of this machine, and which engine works on which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from studio.clients.gpu import Gpu
from studio.settings import EngineSetting

Stats = Mapping[str, Mapping[str, Any]]
"""What each engine that is ready says of its machine, by its name."""


def gpus_here(
    gpus: Sequence[Gpu], engines: Sequence[EngineSetting], stats: Stats
) -> list[dict[str, Any]]:
    """What NVIDIA's library tells of every GPU, with the engine that works on it.

    ``engine`` is named only where it is certain: another GPU's engine would mislead more than none.
    """
    users: dict[int, str] = {}
    for engine in engines:
        if engine.kind == "comfyui" and not _is_on_processor(stats.get(engine.name, {})):
            for index in seen_by(engine, gpus):
                users.setdefault(index, engine.name)
    return [asdict(gpu) | {"source": "nvml", "engine": users.get(gpu.index)} for gpu in gpus]


def gpus_of_engines(stats: Stats) -> list[dict[str, Any]]:
    """The devices that engines tell of, but for processors: for machines without the library."""
    return [
        asdict(_told(device)) | {"source": "engine", "engine": name}
        for name, said in stats.items()
        for device in _devices(said)
        if device.get("type") != "cpu"
    ]


def seen_by(engine: EngineSetting, gpus: Sequence[Gpu]) -> list[int]:
    """The indexes of the GPUs that an engine was given.

    CUDA takes beginnings of UUIDs, and numbers: those are NVML's as long as all GPUs are alike,
    because CUDA puts the fastest first.
    """
    if not engine.gpu:
        return [gpu.index for gpu in gpus] if len(gpus) == 1 else []
    alike = len({gpu.name for gpu in gpus}) == 1
    words = [word.strip() for word in engine.gpu.split(",")]
    return [
        gpu.index
        for gpu in gpus
        if any(
            (alike and word == str(gpu.index))
            or (word.startswith("GPU-") and (gpu.uuid or "").startswith(word))
            for word in words
        )
    ]


def _is_on_processor(said: Mapping[str, Any]) -> bool:
    """Whether an engine says that it works without a GPU: its flags can be changed."""
    devices = _devices(said)
    return bool(devices) and all(device.get("type") == "cpu" for device in devices)


def _told(device: Mapping[str, Any]) -> Gpu:
    total, free = _whole(device.get("vram_total")), _whole(device.get("vram_free"))
    return Gpu(
        index=_whole(device.get("index")) or 0,
        name=str(device.get("name", "GPU"))[:200],
        memory_total_bytes=total,
        memory_used_bytes=None if total is None or free is None else max(0, total - free),
    )


def _devices(said: Mapping[str, Any]) -> list[dict[str, Any]]:
    devices = said.get("devices")
    return [one for one in devices if isinstance(one, dict)] if isinstance(devices, list) else []


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
