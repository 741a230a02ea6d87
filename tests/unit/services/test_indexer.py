"""The library learns of files behind the jobs' backs, once each, whatever happened meanwhile."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from studio.clients.video import VideoReader
from studio.errors import StorageUnavailable
from studio.models import Recipe
from studio.services import indexer as module
from studio.services.indexer import Indexer, kind_of
from studio.store.assets import AssetStore
from studio.store.job_recipes import RecipeStore, insert_recipe
from studio.store.picture_list import Picture, PictureFilter, PictureListStore
from studio.store.pictures import Indexed, PictureStore
from tests.api.pictures import Shelf, shelf
from tests.api.test_thumbnails import video


@pytest.fixture
async def stores(tmp_path: Path) -> AsyncIterator[Shelf]:
    async with shelf(tmp_path) as opened:
        yield opened


def build(stores: Shelf, pictures: PictureStore | None = None) -> Indexer:
    return Indexer(
        pictures=pictures or pictures_of(stores),
        blobs=stores.blobs,
        videos=VideoReader(),
        recipes=RecipeStore(stores.db),
        gather_s=0.0,
    )


def pictures_of(stores: Shelf) -> PictureStore:
    return PictureStore(stores.db, AssetStore(stores.db, stores.blobs))


async def library(stores: Shelf) -> list[Picture]:
    found, total = await PictureListStore(stores.db).page(PictureFilter(None, sort="oldest"))
    assert len(found) == total
    return found


async def test_no_statement_of_a_job_has_to_do_with_the_library(stores: Shelf) -> None:
    said: list[str] = []

    def listen(connection: sqlite3.Connection) -> None:
        connection.set_trace_callback(said.append)

    await stores.db.read(listen)
    await stores.add(outputs=3)
    await stores.db.read(lambda connection: connection.set_trace_callback(None))
    assert any(statement.startswith("INSERT INTO assets") for statement in said)
    words = ("pictures", "model_kinds", "boards")
    assert [one for one in said if any(word in one for word in words)] == []


async def test_a_file_is_indexed_once_however_often_it_is_noted(stores: Shelf) -> None:
    indexer = build(stores)
    await stores.add(outputs=2)
    await indexer.catch_up()
    await stores.add(outputs=2)
    for picture in await library(stores):
        indexer.note_job(str(picture.job_id))
        indexer.note_upload(picture.id)
    await indexer.catch_up()
    assert len(await library(stores)) == 2
    await build(stores).catch_up()
    await build(stores).catch_up()
    assert sorted(picture.id for picture in await library(stores)) == sorted(stores.ids)


async def test_a_walk_over_many_assets_finds_every_one(
    stores: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.store.pictures.BATCH", 3)
    for _ in range(5):
        await stores.add(outputs=2)
    await build(stores).catch_up()
    assert sorted(picture.id for picture in await library(stores)) == sorted(stores.ids)


async def test_a_graph_that_nobody_understands_keeps_no_file_out(stores: Shelf) -> None:
    for graph in (b"{", b"[]", b'{"1": {"class_type": "A"}}'):
        await stores.add()
        await stores.db.write(
            lambda connection, graph=graph: connection.execute(  # type: ignore[misc]
                "UPDATE jobs SET graph = ? WHERE seq = (SELECT max(seq) FROM jobs)", (graph,)
            )
        )
    await build(stores).catch_up()
    assert [picture.seed for picture in await library(stores)] == [None, None, None]


async def test_bytes_that_are_damaged_or_lost_keep_no_file_out(stores: Shelf) -> None:
    await stores.add(data=b"\x89PNG\r\n\x1a\n broken")
    await stores.add(data=b"no video", content_type="video/mp4")
    [lost] = await stores.add()
    await build(stores).catch_up()
    found = {picture.id: picture for picture in await library(stores)}
    assert len(found) == 3
    assert found[lost].width == 12
    assert [one.width for one in found.values() if one.id != lost] == [None, None]


async def test_a_file_that_breaks_its_reader_keeps_no_other_out(
    stores: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise RecursionError

    monkeypatch.setattr(module, "probe_image", broken)
    await stores.add(outputs=2)
    await build(stores).catch_up()
    assert [picture.width for picture in await library(stores)] == [None, None]


async def test_a_video_is_as_large_and_long_as_its_headers_say(stores: Shelf) -> None:
    await stores.add(data=video("mp4", "libx264"), content_type="video/mp4")
    await build(stores).catch_up()
    [picture] = await library(stores)
    assert (picture.kind, picture.width, picture.height) == ("video", 512, 256)
    assert picture.duration_ms == 2000


async def test_a_recipe_is_noted_with_its_files(stores: Shelf) -> None:
    await stores.add()
    [job_id] = await stores.db.read(
        lambda connection: [row["id"] for row in connection.execute("SELECT id FROM jobs")]
    )
    recipe = Recipe(workflow_id="w", version=1, values={}, preset_id="p", batch_id="b")
    await stores.db.write(lambda connection: insert_recipe(connection, job_id, recipe))
    await build(stores).catch_up()
    [picture] = await library(stores)
    assert (picture.preset_id, picture.batch_id) == ("p", "b")


async def test_a_disk_that_refuses_is_asked_again(
    stores: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(PictureStore):
        refusals = 2

        async def add(self, found: Sequence[Indexed], kinds: Sequence[tuple[str, str]]) -> None:
            if self.refusals:
                self.refusals -= 1
                raise StorageUnavailable("The disk refuses.")
            await super().add(found, kinds)

    monkeypatch.setattr(module, "_RETRY_S", 0.0)
    pictures = Refusing(stores.db, AssetStore(stores.db, stores.blobs))
    await stores.add()
    indexer = build(stores, pictures)
    task = asyncio.create_task(indexer.run())
    try:
        async with asyncio.timeout(20):
            while True:
                if await library(stores):
                    break
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert pictures.refusals == 0


async def test_more_notes_than_are_kept_lead_to_a_walk(
    stores: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    indexer = build(stores)
    await indexer.catch_up()
    monkeypatch.setattr(module, "_MAX_NOTED", 1)
    for _ in range(3):
        await stores.add()
        indexer.note_job("somebody else's")
        indexer.note_job("forgotten")
    await indexer.catch_up()
    assert len(await library(stores)) == 3


@pytest.mark.parametrize(
    ("content_type", "kind"),
    [
        ("image/png", "image"),
        ("video/mp4", "video"),
        ("audio/ogg; codecs=opus", "audio"),
        ("model/gltf-binary", "model3d"),
        ("text/plain", "text"),
        ("application/json", "text"),
        ("application/zip", "other"),
    ],
)
def test_each_type_has_its_kind(content_type: str, kind: str) -> None:
    assert kind_of(content_type) == kind
