"""The cache of models: what goes when it is too full, what stays, and what a start finds."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from studio.clock import FrozenClock
from studio.services.model_cache import ModelCache
from studio.store.db import Database
from studio.store.migrations import migrate
from studio.store.model_cache import ModelCacheStore, Place
from tests.fakes.model_files import put

A, B, C = (("loras", f"{letter * 56}.safetensors") for letter in "abc")


def prepare(connection: sqlite3.Connection) -> None:
    migrate(connection)


class Rig:
    """A cache in a folder, whose clock a test moves."""

    def __init__(self, root: Path, db: Database) -> None:
        self.root = root
        self.clock = FrozenClock()
        self._store = ModelCacheStore(db, root)

    def cache(self, limit_bytes: int = 0) -> ModelCache:
        return ModelCache(store=self._store, limit_bytes=limit_bytes, clock=self.clock)

    def path(self, place: Place) -> Path:
        return self.root / place[0] / place[1]

    async def fill(self, cache: ModelCache, *places: Place, size: int = 100) -> None:
        """Bring files in, one second after the other."""
        for place in places:
            self.clock.advance(1)
            put(self.path(place), bytes(size))
            assert await cache.take(place)

    def there(self) -> set[str]:
        return {path.name for path in self.root.glob("*/*")}


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    db = Database(tmp_path / "studio.db")
    await db.open(prepare)
    yield Rig(tmp_path / "cache", db)
    await db.close()


async def test_what_was_used_least_lately_goes_first(rig: Rig) -> None:
    cache = rig.cache(limit_bytes=200)
    await cache.open()
    await rig.fill(cache, A, B)
    rig.clock.advance(1)
    await cache.use([A])
    await rig.fill(cache, C)
    assert rig.there() == {A[1], C[1]}
    assert not await cache.has(B)


async def test_what_a_job_needs_stays_however_full_it_is(rig: Rig) -> None:
    cache = rig.cache(limit_bytes=100)
    await cache.open()
    cache.keep(lambda: {A, C})
    await rig.fill(cache, A, B, C)
    assert rig.there() == {A[1], C[1]}


async def test_room_is_made_before_a_file_comes(rig: Rig) -> None:
    cache = rig.cache(limit_bytes=250)
    await cache.open()
    await rig.fill(cache, A, B)
    assert await cache.make_room(100)
    assert rig.there() == {B[1]}


async def test_without_a_limit_nothing_goes_until_the_disk_is_full(rig: Rig) -> None:
    cache = rig.cache()
    await cache.open()
    await rig.fill(cache, A, B, C)
    assert not await cache.make_room(1 << 50)
    assert await cache.give_back(150)
    assert rig.there() == {C[1]}


async def test_a_restart_remembers_what_was_used_when(rig: Rig) -> None:
    first = rig.cache()
    await first.open()
    await rig.fill(first, A, B)
    rig.clock.advance(1)
    await first.use([A])
    second = rig.cache(limit_bytes=100)
    await second.open()
    await second.make_room()
    assert rig.there() == {A[1]}


async def test_a_start_takes_files_without_a_row_forgets_rows_without_a_file_and_leaves_others(
    rig: Rig,
) -> None:
    first = rig.cache()
    await first.open()
    await rig.fill(first, A)
    rig.path(A).unlink()
    put(rig.path(B), bytes(100))
    put(rig.root / "loras" / "mine.safetensors", bytes(100))
    second = rig.cache(limit_bytes=1)
    await second.open()
    assert not await second.has(A)
    assert await second.has(B)
    await second.make_room()
    assert rig.there() == {"mine.safetensors"}


async def test_a_file_that_somebody_removed_is_not_there(rig: Rig) -> None:
    cache = rig.cache()
    await cache.open()
    await rig.fill(cache, A)
    rig.path(A).unlink()
    assert not await cache.has(A)
    assert cache.size_bytes == 0
