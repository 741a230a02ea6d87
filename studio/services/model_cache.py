"""The cache of models that jobs named by where they are: what is there, and what has to go.

What was used least lately goes first, and never what an unfinished job names.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace

from studio.clock import Clock
from studio.errors import DiskFull, StorageUnavailable
from studio.store.model_cache import CachedFile, ModelCacheStore, Place

log = logging.getLogger(__name__)


class ModelCache:
    """Files by folder and name.

    Args:
        limit_bytes: how much may lie there; 0 is no limit. What jobs need may be more.
    """

    def __init__(self, *, store: ModelCacheStore, limit_bytes: int, clock: Clock) -> None:
        self._store = store
        self._limit_bytes = limit_bytes
        self._clock = clock
        self._files: dict[Place, CachedFile] = {}
        self._needed: Callable[[], Collection[Place]] = tuple
        # A file that is being removed must not be taken for one that is there.
        self._changing = asyncio.Lock()

    def keep(self, needed: Callable[[], Collection[Place]]) -> None:
        """Never remove what ``needed`` names at that moment."""
        self._needed = needed

    async def open(self) -> None:
        """Learn what is there: files that have no row yet have one now, rows without file go."""
        rows = {file.place: file for file in await self._store.all()}
        on_disk = {file.place: file for file in await asyncio.to_thread(self._store.scan)}
        self._files = {
            place: replace(file, used_at=rows[place].used_at if place in rows else file.used_at)
            for place, file in on_disk.items()
        }
        await self._store.put(file for file in self._files.values() if file.place not in rows)
        await self._store.forget(rows.keys() - on_disk.keys())

    async def has(self, place: Place) -> bool:
        """Whether it is there, also by the disk's own word: somebody may have emptied the cache."""
        async with self._changing:
            if place not in self._files:
                return False
            if await asyncio.to_thread(self._store.size, place) is not None:
                return True
            del self._files[place]
            await self._store.forget([place])
            return False

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self._files.values())

    def usage(self) -> tuple[int, int]:
        """Bytes of all that is there, and of what no unfinished job needs."""
        needed = self._needed()
        spare = sum(file.size_bytes for file in self._files.values() if file.place not in needed)
        return self.size_bytes, spare

    async def take(self, place: Place) -> bool:
        """Count a file that has come. Return whether it is there."""
        async with self._changing:
            size = await asyncio.to_thread(self._store.size, place)
            if size is None:
                return False
            self._files[place] = CachedFile(*place, size, self._clock.now_ms())
            await self._remember([self._files[place]])
        await self.make_room()
        return True

    async def use(self, places: Iterable[Place]) -> None:
        """These are used now."""
        used = [self._files[place] for place in set(places) if place in self._files]
        now_ms = self._clock.now_ms()
        for file in used:
            self._files[file.place] = replace(file, used_at=now_ms)
        if used:
            await self._remember([self._files[file.place] for file in used])

    async def _remember(self, files: Collection[CachedFile]) -> None:
        """Store when they were used. A disk that refuses harms no job: a start looks for itself."""
        try:
            await self._store.put(files)
        except (DiskFull, StorageUnavailable) as error:
            log.warning("the use of %d cached models is not stored: %s", len(files), error.message)

    async def make_room(self, size_bytes: int = 0) -> bool:
        """Remove what is too much once ``size_bytes`` more are there. Return whether any went."""
        if not self._limit_bytes:
            return False
        return bool(await self._shrink(self._limit_bytes - size_bytes))

    async def give_back(self, size_bytes: int) -> bool:
        """Remove so much, because the disk is full. Return whether anything went."""
        return bool(await self._shrink(self.size_bytes - size_bytes))

    async def clear(self) -> int:
        """Remove all that no unfinished job needs. Return how many bytes went."""
        return sum(file.size_bytes for file in await self._shrink(0))

    async def _shrink(self, goal_bytes: int) -> list[CachedFile]:
        gone: list[CachedFile] = []
        async with self._changing:
            total = self.size_bytes
            for file in sorted(self._files.values(), key=lambda file: file.used_at):
                if total <= goal_bytes:
                    break
                if file.place in self._needed():
                    continue
                # First it is not there any more: whoever wants it now has it fetched.
                del self._files[file.place]
                try:
                    await asyncio.to_thread(self._store.remove, file.place)
                except OSError as error:
                    log.warning("a file of the cache of models stays: %s", error.strerror)
                    self._files[file.place] = file
                    continue
                total -= file.size_bytes
                gone.append(file)
            if gone:
                await self._store.forget([file.place for file in gone])
        if gone:
            log.info("%d files of the cache of models made room", len(gone))
        return gone
