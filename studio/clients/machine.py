"""The machine that Studio runs on: memory, processors, disks, and how full they are."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_CGROUP: Final = Path("/sys/fs/cgroup")
_PROC: Final = Path("/proc")
_MEMORY_FILES: Final = (
    ("", "memory.max", "memory.current", "inactive_file"),
    ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Where a control group says it: version 2, then version 1."""


@dataclass(frozen=True, slots=True)
class Memory:
    """In bytes; of the container where it has a limit of its own, else of the machine."""

    total: int
    used: int
    studio: int
    """What Studio's own process holds."""


@dataclass(frozen=True, slots=True)
class Cpu:
    count: int
    load_1m: float
    load_5m: float


@dataclass(frozen=True, slots=True)
class DiskSpace:
    """In bytes. ``free`` is what this user may still write."""

    total: int
    free: int


def read_memory(cgroup: Path = _CGROUP, proc: Path = _PROC) -> Memory | None:
    """How much memory there is; ``None`` where the system does not say."""
    try:
        lines = (proc / "meminfo").read_text().splitlines()
        told = {name: int(rest.split()[0]) * 1024 for name, _, rest in _pairs(lines)}
        total, used = told["MemTotal"], told["MemTotal"] - told["MemAvailable"]
        pages = int((proc / "self/statm").read_text().split()[1])
    except (OSError, ValueError, KeyError, IndexError):
        return None
    for folder, most, now, cache in _MEMORY_FILES:
        limit = _number(cgroup / folder / most)
        if limit is not None and limit < total:
            # What is only cached can be had back, so it is not counted as used.
            cached = _field(cgroup / folder / "memory.stat", cache) or 0
            total, used = limit, max(0, (_number(cgroup / folder / now) or 0) - cached)
            break
    return Memory(total=total, used=used, studio=pages * os.sysconf("SC_PAGE_SIZE"))


def _pairs(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition(":") for line in lines if ":" in line]


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None


def _field(path: Path, name: str) -> int | None:
    try:
        for line in path.read_text().splitlines():
            key, _, value = line.partition(" ")
            if key == name:
                return int(value)
    except (OSError, ValueError):
        return None
    return None


def read_cpu() -> Cpu:
    """How many processors may be used, and how many were wanted lately."""
    one, five, _ = os.getloadavg()
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Cpu(count=count or 1, load_1m=round(one, 2), load_5m=round(five, 2))


@dataclass(frozen=True, slots=True)
class CoreTime:
    """How long one processor has worked since the machine's start, and how long it has not."""

    busy_s: float
    idle_s: float


def read_cores(proc: Path = _PROC) -> list[CoreTime]:
    """Every processor of the machine; none where the system does not say."""
    ticks = os.sysconf("SC_CLK_TCK")
    try:
        lines = (proc / "stat").read_text().splitlines()
        found = [line.split() for line in lines if line.startswith("cpu")]
        # The first line is their sum. What guests took is part of what their host says.
        told = [[int(text) / ticks for text in fields[1:9]] for fields in found[1:]]
        return [CoreTime(sum(each) - each[3] - each[4], each[3] + each[4]) for each in told]
    except (OSError, ValueError, IndexError):
        return []


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes since the start of the machine, or of the container, by all that leads outside."""

    received: int
    sent: int


def read_traffic(proc: Path = _PROC) -> Traffic | None:
    """What went over the network; ``None`` where the system does not say."""
    try:
        lines = (proc / "net/dev").read_text().splitlines()[2:]
        rows = [(name.strip(), rest.split()) for name, _, rest in _pairs(lines)]
        outside = [fields for name, fields in rows if name != "lo"]
        return Traffic(sum(int(row[0]) for row in outside), sum(int(row[8]) for row in outside))
    except (OSError, ValueError, IndexError):
        return None


def read_disk(folder: Path) -> DiskSpace | None:
    """The disk under ``folder``; ``None`` when there is no such folder."""
    try:
        usage = shutil.disk_usage(folder)
    except OSError:
        return None
    return DiskSpace(total=usage.total, free=usage.free)


def folder_bytes(folder: Path) -> int:
    """How many bytes the files below ``folder`` have; links are not followed."""
    total, waiting = 0, [folder]
    while waiting:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                # One that goes meanwhile is not there any more.
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(Path(entry.path))
                    elif entry.is_file(follow_symlinks=False):
                        total += entry.stat(follow_symlinks=False).st_size
    return total
