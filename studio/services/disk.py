"""What uses how much of the disks, what of it can go, and when they are nearly full."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from studio.clients.machine import folder_bytes, read_disk
from studio.clients.runpod import Volume
from studio.clock import Clock
from studio.services.model_users import ModelUsers, Users, users_of
from studio.settings import DAY_MS
from studio.store.disk_usage import DiskUsageStore
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_roots import LLM

MEASURE_EVERY_S: Final = 300.0
UNUSED_MS: Final = 90 * DAY_MS
MAX_LISTED: Final = 50
_LOW: Final = 0.10
_LOW_BYTES: Final = 20 << 30
_FULL: Final = 0.02
_FULL_BYTES: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Measured:
    """One walk over the folders: bytes by what they are, and the volumes below them."""

    folders: Mapping[str, int]
    volumes: tuple[dict[str, Any], ...]
    at_s: float


class DiskService:
    """Looks at the disks when it is asked to; walks are at most five minutes old.

    Args:
        folders: what is measured by walking, by what it is (``thumbs``, ``db``, ...).
        cache: bytes of the models that jobs named by their address, and of those that could go.
        parts: bytes of what downloads brought so far, and of those of them that have failed.
        roles: folders whose disks are told about, by what they are for.
        pod_volume: what the pod's own API says of its volume.
    """

    def __init__(
        self,
        *,
        files: ModelFileStore,
        users: ModelUsers,
        usage: DiskUsageStore,
        folders: Mapping[str, Sequence[Path]],
        cache: Callable[[], tuple[int, int]],
        parts: Callable[[], Awaitable[tuple[int, int]]],
        roles: Mapping[str, Path],
        clock: Clock,
        pod_volume: Callable[[], Awaitable[Volume | None]] | None = None,
    ) -> None:
        self._files = files
        self._users = users
        self._usage = usage
        self._folders = folders
        self._cache = cache
        self._parts = parts
        self._roles = roles
        self._clock = clock
        self._pod_volume = pod_volume
        self._measured: Measured | None = None
        self._measuring = asyncio.Lock()

    async def volumes(self) -> Sequence[dict[str, Any]]:
        """Each volume with its ``level`` and ``free_bytes``."""
        return (await self._measure()).volumes

    async def look(self) -> dict[str, Any]:
        """Volumes with warnings, bytes by what they are, and what could go."""
        measured = await self._measure()
        library = await self._usage.library()
        parts, failed_parts = await self._parts()
        cached, spare = self._cache()
        files = await self._files.all()
        users, used = await self._users.all(), await self._files.last_uses()
        folders: dict[str, int] = defaultdict(int)
        for file in files:
            folders[file.folder] += file.size_bytes
        by_type = sorted(folders.items(), key=lambda each: -each[1])
        largest = sorted(files, key=lambda file: -file.size_bytes)[:MAX_LISTED]
        return {
            "volumes": list(measured.volumes),
            "warnings": [_warning(volume) for volume in measured.volumes if volume["level"]],
            "usage": {
                "models": sum(file.size_bytes for file in files),
                "outputs": library.outputs,
                "uploads": library.uploads,
                "trash": library.trash,
                "downloads": parts,
                "cache": cached,
                **measured.folders,
            },
            "models": {
                "by_folder": [{"folder": name, "bytes": size} for name, size in by_type],
                "largest": [_told(file, users, used) for file in largest],
            },
            "reclaimable": {
                "trash": library.trash,
                "downloads": failed_parts,
                "thumbs": measured.folders.get("thumbs", 0),
                "cache": spare,
                "duplicates": [_told(file, users, used) for file in _duplicates(files)],
                "damaged": [_told(file, users, used) for file in files if file.fault][:MAX_LISTED],
                "unused": [
                    _told(file, users, used)
                    for file in _unused(files, users, used, self._clock.now_ms())
                ],
            },
        }

    def forget(self) -> None:
        """Measure anew when somebody looks next: much has gone."""
        self._measured = None

    async def _measure(self) -> Measured:
        async with self._measuring:
            now_s = self._clock.monotonic_s()
            if self._measured is None or now_s - self._measured.at_s >= MEASURE_EVERY_S:
                volume = None if self._pod_volume is None else await self._pod_volume()
                self._measured = await asyncio.to_thread(self._walk, volume, now_s)
            return self._measured

    def _walk(self, volume: Volume | None, now_s: float) -> Measured:
        folders = {name: sum(map(folder_bytes, paths)) for name, paths in self._folders.items()}
        return Measured(folders, tuple(volumes(self._roles, volume)), now_s)


def volumes(roles: Mapping[str, Path], pod: Volume | None) -> Iterable[dict[str, Any]]:
    """One for each disk, with everything that lies on it."""
    found: dict[int, list[str]] = defaultdict(list)
    for role, path in roles.items():
        try:
            found[path.stat().st_dev].append(role)
        except OSError:
            continue
    mount = None if pod is None else _device(Path(pod.mount))
    for device, names in found.items():
        space = read_disk(roles[names[0]])
        if space is None:
            continue
        total, free, source = space.total, space.free, "filesystem"
        if pod is not None and device == mount:
            # The file system below is shared with others; the quota is what counts.
            total, source = pod.size_bytes, "runpod"
            free = max(0, min(free, total - folder_bytes(Path(pod.mount))))
        yield {
            "roles": sorted(names),
            "total_bytes": total,
            "free_bytes": free,
            "source": source,
            "level": level(total, free),
        }


def _device(path: Path) -> int | None:
    try:
        return path.stat().st_dev
    except OSError:
        return None


def level(total: int, free: int) -> str | None:
    """How near to full a volume is: ``low``, ``full``, or ``None`` when there is room."""
    if free < min(total * _FULL, _FULL_BYTES):
        return "full"
    return "low" if free < min(total * _LOW, _LOW_BYTES) else None


def _warning(volume: Mapping[str, Any]) -> dict[str, Any]:
    left = volume["free_bytes"] / 2**30
    return {
        "level": volume["level"],
        "roles": volume["roles"],
        "message": f"The disk of {', '.join(volume['roles'])} has {left:.1f} GiB left.",
    }


def _duplicates(files: Sequence[ModelFile]) -> list[ModelFile]:
    """Every file whose bytes an older one has, too."""
    seen: set[str] = set()
    found = []
    for file in sorted(files, key=lambda each: (each.added_at, each.id)):
        if file.sha256 is None:
            continue
        if file.sha256 in seen:
            found.append(file)
        seen.add(file.sha256)
    return found[:MAX_LISTED]


def _unused(
    files: Sequence[ModelFile], users: Users, used: Mapping[str, int], now_ms: int
) -> list[ModelFile]:
    """Files that no workflow names and no job lately; a new one has not had its chance yet."""
    since = now_ms - UNUSED_MS
    found = [
        file
        for file in files
        # Who talks to a language model makes no job.
        if file.folder != LLM
        and max(file.added_at, used.get(file.name, 0)) < since
        and not users_of(file, users)
    ]
    return sorted(found, key=lambda file: -file.size_bytes)[:MAX_LISTED]


def _told(file: ModelFile, users: Users, used: Mapping[str, int]) -> dict[str, Any]:
    return {
        "id": file.id,
        "folder": file.folder,
        "name": file.name,
        "bytes": file.size_bytes,
        "used_at": used.get(file.name),
        "workflows": [{"id": one, "name": name} for one, name in users_of(file, users)],
    }
