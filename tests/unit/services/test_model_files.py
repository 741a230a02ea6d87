"""Hashing behind everybody's back: what is asked for waits until it is done, at every moment."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from threading import Event

import pytest

from studio.clock import Clock
from studio.errors import Conflict
from studio.services.families import Families
from studio.services.model_files import ModelFiles
from studio.store.db import Database
from studio.store.migrations import migrate
from studio.store.model_disk import hash_file, move_file
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_roots import ModelRoots
from tests.fakes.model_files import VAE, put, safetensors


def void(_: object) -> None:
    """Nothing is made of it."""


class SlowStore(ModelFileStore):
    """Gives whoever looks a chance in the middle of every question."""

    async def get(self, file_id: str) -> ModelFile:
        for _ in range(5):
            await asyncio.sleep(0)
        return await super().get(file_id)


async def test_a_file_that_is_to_be_verified_waits_until_it_was_hashed(tmp_path: Path) -> None:
    put(tmp_path / "models/vae/one.safetensors", safetensors(VAE))
    db = Database(tmp_path / "studio.db")
    await db.open(lambda connection: void(migrate(connection)))
    store = SlowStore(db)
    roots = ModelRoots(tmp_path / "models", None, tmp_path / "llm")
    files = ModelFiles(store=store, roots=roots, families=Families([]), clock=Clock())
    try:
        await files.scan()
        assert await files.verify() == 1
        task = asyncio.create_task(files.run(asked_only=True))
        turns = 0
        while files.waiting and turns < 1_000_000:
            turns += 1
            await asyncio.sleep(0)
        [file] = await store.all()
        assert file.checked_at is not None and file.sha256 is not None
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    finally:
        files.close()
        await db.close()


def test_hashing_ends_between_two_pieces_when_it_is_told_to(tmp_path: Path) -> None:
    path = put(tmp_path / "big", b"x" * (20 << 20))
    stop = Event()
    pieces: list[float] = []

    def ease(seconds: float) -> None:
        pieces.append(seconds)
        stop.set()

    assert hash_file(path, stop, ease=ease) is None
    assert len(pieces) == 1


def test_a_move_keeps_the_bytes_and_replaces_nothing(tmp_path: Path) -> None:
    source, target = put(tmp_path / "a/x", b"one"), tmp_path / "b/deep/x"
    move_file(source, target)
    assert target.read_bytes() == b"one" and not source.exists()
    put(source, b"two")
    with pytest.raises(Conflict):
        move_file(source, target)
    assert (source.read_bytes(), target.read_bytes()) == (b"two", b"one")
