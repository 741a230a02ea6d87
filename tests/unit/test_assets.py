from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from studio.clock import new_id
from studio.errors import (
    AssetInUse,
    BlobNotFound,
    Forbidden,
    HashMismatch,
    IdempotencyKeyReuse,
    MissingAsset,
    NotFound,
    PayloadTooLarge,
    StorageUnavailable,
    Unprocessable,
)
from studio.graphs.files import FileReference
from studio.models import Asset, Identity, OutputType
from studio.services.upload_fields import UploadFields
from studio.store.assets import insert_output
from tests.fakes.asset_app import ANN, BEN, OWNER, Library, open_library


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with open_library(tmp_path) as opened:
        yield opened


async def chunks_of(data: bytes, step: int = 1000) -> AsyncIterator[bytes]:
    for start in range(0, len(data), step):
        yield data[start : start + step]


async def upload(
    library: Library,
    data: bytes,
    path: str = "a.txt",
    identity: Identity = ANN,
    *,
    expires_in: int | None = None,
    expected_hash: str | None = None,
    declared_type: str | None = None,
    key: str | None = None,
) -> Asset:
    fields = UploadFields(path, declared_type, expected_hash, ("input",), expires_in)
    asset, _ = await library.service.upload(identity, chunks_of(data), fields, idempotency_key=key)
    return asset


async def add_output(
    library: Library, job_id: str, data: bytes, *, node_id: str = "9", index: int = 0
) -> Asset:
    staged = await library.service.stage_bytes(data)
    asset = Asset(
        id=new_id(),
        user_id="ann",
        hash=staged.hash,
        size_bytes=staged.size_bytes,
        content_type="text/plain",
        file_path="out.txt",
        created_at=library.clock.now_ms(),
        job_id=job_id,
        node_id=node_id,
        output_index=index,
        output_type=OutputType.TEXT,
    )
    return await library.db.write(
        lambda connection: library.store.add_output(connection, asset, staged)
    )


def reference(
    name: str | None = None, *, asset_id: str | None = None, kind: str = "input", node: str = "1"
) -> FileReference:
    assert kind in ("input", "output", "temp")
    return FileReference(node, ("image",), asset_id, name, kind)  # type: ignore[arg-type]


async def test_an_upload_comes_back_as_it_was(library: Library) -> None:
    data = b"some words " * 500_000
    asset = await upload(library, data, "notes/a.txt")
    found, path = await library.service.open_content(ANN, asset.id)
    assert found == asset
    assert path.read_bytes() == data
    assert (asset.size_bytes, asset.content_type) == (len(data), "text/plain")
    assert (asset.file_path, asset.tags, asset.expires_at) == ("notes/a.txt", ("input",), None)


async def test_the_same_bytes_are_stored_once(library: Library) -> None:
    fields = UploadFields("a.txt")
    _, first = await library.service.upload(ANN, chunks_of(b"same"), fields)
    _, again = await library.service.upload(ANN, chunks_of(b"same"), fields)
    assert (first, again) == (True, False)
    assert len(library.files()) == 1


async def test_nobody_learns_from_an_upload_that_others_have_the_bytes(library: Library) -> None:
    await upload(library, b"secret", identity=BEN)
    _, created = await library.service.upload(ANN, chunks_of(b"secret"), UploadFields("a.txt"))
    assert created
    assert len(library.files()) == 1


async def test_another_users_asset_does_not_exist(library: Library) -> None:
    asset = await upload(library, b"mine")
    for action in (library.service.get, library.service.open_content, library.service.delete):
        with pytest.raises(NotFound):
            await action(BEN, asset.id)
    assert not await library.service.exists(BEN, asset.hash)
    with pytest.raises(BlobNotFound):
        await library.service.from_hash(BEN, asset.hash)
    assert await library.service.get(ANN, asset.id) == asset


async def test_the_owner_sees_everything(library: Library) -> None:
    asset = await upload(library, b"anns")
    assert await library.service.get(OWNER, asset.id) == asset


async def test_a_wrong_hash_stores_nothing(library: Library) -> None:
    with pytest.raises(HashMismatch):
        await upload(library, b"data", expected_hash="blake3:" + "0" * 64)
    assert library.files() == []
    asset = await upload(library, b"data")
    assert await upload(
        library, b"data", expected_hash=asset.hash.upper().replace("BLAKE3", "blake3")
    )


async def test_an_upload_past_the_limit_stores_nothing(library: Library) -> None:
    with pytest.raises(PayloadTooLarge):
        await upload(library, b"x" * (library.service.max_upload_bytes + 1))
    assert library.files() == []


async def test_an_empty_upload_is_refused(library: Library) -> None:
    with pytest.raises(Unprocessable, match="empty"):
        await upload(library, b"")
    assert library.files() == []


@pytest.mark.parametrize("path", ["models/checkpoints/x.safetensors", "Models/x", "MODELS"])
async def test_models_are_not_uploaded_as_assets(library: Library, path: str) -> None:
    with pytest.raises(Forbidden):
        await upload(library, b"x", path, ANN)
    with pytest.raises(Unprocessable):
        await upload(library, b"x", path, BEN)
    assert library.files() == []


@pytest.mark.parametrize("expires_in", [0, 59, 604_801, -1])
async def test_retention_has_bounds(library: Library, expires_in: int) -> None:
    with pytest.raises(Unprocessable):
        await upload(library, b"x", expires_in=expires_in)


async def test_a_declared_type_is_believed_only_where_bytes_say_nothing(library: Library) -> None:
    unknown = b"\0\1\2\3" * 10
    assert (await upload(library, unknown, declared_type="image/x-raw")).content_type == (
        "image/x-raw"
    )
    for lie in ("text/html", "image/svg+xml", "application/javascript", "nonsense"):
        found = await upload(library, unknown, declared_type=lie)
        assert found.content_type == "application/octet-stream"
    assert (await upload(library, b"<html>", "a.png", declared_type="image/png")).content_type == (
        "text/html"
    )


async def test_fifty_uploads_with_one_key_store_one_asset(library: Library) -> None:
    results = await asyncio.gather(
        *(upload(library, f"data {n}".encode(), key="k1") for n in range(50)),
        return_exceptions=True,
    )
    stored = [result for result in results if isinstance(result, Asset)]
    refused = [result for result in results if isinstance(result, IdempotencyKeyReuse)]
    assert (len(stored), len(refused)) == (1, 49)
    assert len(library.files()) == 1


async def test_a_key_of_an_upload_under_way_is_refused_before_any_byte_is_read(
    library: Library,
) -> None:
    started = asyncio.Event()
    asked: list[str] = []

    async def stalled() -> AsyncIterator[bytes]:
        started.set()
        await asyncio.Event().wait()
        yield b""

    async def unread() -> AsyncIterator[bytes]:
        asked.append("for a byte")
        yield b"x"

    fields = UploadFields("a.txt")
    first = asyncio.create_task(
        library.service.upload(ANN, stalled(), fields, idempotency_key="k1")
    )
    await asyncio.wait_for(started.wait(), 10)
    with pytest.raises(IdempotencyKeyReuse):
        await library.service.upload(ANN, unread(), fields, idempotency_key="k1")
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    await upload(library, b"x", key="k1")
    with pytest.raises(IdempotencyKeyReuse):
        await library.service.upload(ANN, unread(), fields, idempotency_key="k1")
    assert asked == []


async def test_the_database_itself_refuses_a_used_key(library: Library) -> None:
    asset = await upload(library, b"x")
    for number in range(2):
        staged = await library.service.stage_bytes(b"other")
        other = replace(asset, id=new_id(), hash=staged.hash, size_bytes=staged.size_bytes)
        if number == 0:
            await library.store.add(other, staged, idempotency_key="asset:k")
        else:
            with pytest.raises(IdempotencyKeyReuse):
                await library.store.add(other, staged, idempotency_key="asset:k")


async def test_a_key_is_single_use_for_a_day_and_belongs_to_one_user(library: Library) -> None:
    await upload(library, b"x", key="k1")
    with pytest.raises(IdempotencyKeyReuse):
        await upload(library, b"x", key="k1")
    await upload(library, b"x", identity=BEN, key="k1")
    library.clock.advance(86_401)
    await upload(library, b"x", key="k1")


async def test_a_key_is_free_again_after_an_upload_that_failed(library: Library) -> None:
    with pytest.raises(Unprocessable):
        await upload(library, b"", key="k1")

    async def broken() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await library.service.upload(ANN, broken(), UploadFields("a.txt"), idempotency_key="k1")
    assert library.files() == []
    assert await upload(library, b"x", key="k1")


async def test_a_key_of_a_job_is_not_used_up_by_an_upload(library: Library) -> None:
    await upload(library, b"x", key="k1")
    rows = await library.db.read(
        lambda connection: connection.execute("SELECT key FROM idempotency_keys").fetchall()
    )
    assert [row["key"] for row in rows] == ["asset:k1"]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, "ü", "a\nb"])
async def test_a_strange_key_is_refused(library: Library, key: str) -> None:
    with pytest.raises(Unprocessable):
        await upload(library, b"x", key=key)


async def test_a_cancelled_upload_leaves_nothing(library: Library) -> None:
    arrived = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * 3_000_000
        arrived.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(library.service.upload(ANN, slow(), UploadFields("a.bin")))
    await asyncio.wait_for(arrived.wait(), 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(1000):
        if not library.files():
            break
        await asyncio.sleep(0.01)
    assert library.files() == []


async def test_bytes_you_have_need_not_be_sent_again(library: Library) -> None:
    first = await upload(library, b"known", "a.txt")
    assert await library.service.exists(ANN, first.hash)
    library.clock.advance(1)
    minted, created = await library.service.from_hash(ANN, first.hash, file_path="b.txt")
    assert created
    assert (minted.hash, minted.size_bytes, minted.content_type, minted.file_path) == (
        first.hash,
        5,
        "text/plain",
        "b.txt",
    )
    named, created = await library.service.from_hash(ANN, first.hash)
    assert (named.file_path, created) == ("b.txt", False)


async def test_the_same_reference_is_returned_and_lives_longer(library: Library) -> None:
    first = await upload(library, b"known", "a.txt", expires_in=100)
    again, created = await library.service.from_hash(
        ANN, first.hash, file_path="a.txt", expires_in=60
    )
    assert (again, created) == (first, False)
    again, _ = await library.service.from_hash(ANN, first.hash, file_path="a.txt", expires_in=200)
    assert (again.id, again.expires_at) == (first.id, library.clock.now_ms() + 200_000)
    again, _ = await library.service.from_hash(ANN, first.hash, file_path="a.txt")
    assert (again.id, again.expires_at) == (first.id, None)


async def test_bytes_that_are_lost_on_disk_can_be_sent_again(library: Library) -> None:
    asset = await upload(library, b"lost")
    library.blobs.path(asset.hash).unlink()
    assert not await library.service.exists(ANN, asset.hash)
    with pytest.raises(BlobNotFound):
        await library.service.from_hash(ANN, asset.hash, file_path="x")
    with pytest.raises(BlobNotFound):
        await library.service.open_content(ANN, asset.id)
    assert (await library.store.sweep()).missing == (asset.hash,)
    await upload(library, b"lost")
    _, path = await library.service.open_content(ANN, asset.id)
    assert path.read_bytes() == b"lost"


async def test_bytes_go_with_the_last_asset_that_has_them(library: Library) -> None:
    first = await upload(library, b"shared")
    second = await upload(library, b"shared", identity=BEN)
    await library.service.delete(ANN, first.id)
    _, path = await library.service.open_content(BEN, second.id)
    assert path.read_bytes() == b"shared"
    await library.service.delete(BEN, second.id)
    assert library.files() == []
    with pytest.raises(NotFound):
        await library.service.delete(BEN, second.id)


async def test_deleting_and_uploading_the_same_bytes_at_once_loses_nothing(
    library: Library,
) -> None:
    for _ in range(30):
        old = await upload(library, b"contested")
        _, new = await asyncio.gather(
            library.service.delete(ANN, old.id), upload(library, b"contested")
        )
        _, path = await library.service.open_content(ANN, new.id)
        assert path.read_bytes() == b"contested"
        await library.service.delete(ANN, new.id)


@pytest.mark.parametrize("status", ["queued", "running", "canceling"])
async def test_an_input_of_an_unfinished_job_is_held(library: Library, status: str) -> None:
    asset = await upload(library, b"input", expires_in=60)
    await library.add_job("j1", status=status)
    await library.add_input("j1", asset.id)
    with pytest.raises(AssetInUse):
        await library.service.delete(ANN, asset.id)
    library.clock.advance(61)
    assert await library.store.purge(library.clock.now_ms()) == 0
    with pytest.raises(NotFound):
        await library.service.get(ANN, asset.id)
    assert (await library.service.open_for_job(asset.id))[1].read_bytes() == b"input"
    await library.end_job("j1")
    assert await library.store.purge(library.clock.now_ms()) == 1
    assert library.files() == []


async def test_an_input_of_a_finished_job_can_be_deleted(library: Library) -> None:
    asset = await upload(library, b"input")
    await library.add_job("j1", status="succeeded", done=True)
    await library.add_input("j1", asset.id)
    await library.service.delete(ANN, asset.id)
    assert library.files() == []


async def test_an_output_of_a_kept_job_is_held_and_goes_with_it(library: Library) -> None:
    await library.add_job("j1", status="succeeded", done=True)
    asset = await add_output(library, "j1", b"result")
    with pytest.raises(AssetInUse):
        await library.service.delete(ANN, asset.id)
    await library.db.write(
        lambda connection: connection.execute("DELETE FROM jobs WHERE id = 'j1'")
    )
    await library.store.collect_garbage([asset.hash])
    assert library.files() == []


async def test_an_output_is_stored_once_per_place(library: Library) -> None:
    await library.add_job("j1")
    first = await add_output(library, "j1", b"first")
    second = await add_output(library, "j1", b"second")
    assert second == first
    assert len(library.files()) == 1
    assert await library.store.outputs("j1") == (first,)
    again = await library.db.write(
        lambda connection: insert_output(connection, replace(first, id="other"))
    )
    assert again == first


async def test_outputs_are_listed_by_node_and_index(library: Library) -> None:
    for job_id in ("j1", "j2"):
        await library.add_job(job_id)
    expected = []
    for node_id, index in (("10", 0), ("2", 1), ("2", 0)):
        expected.append(
            await add_output(library, "j1", node_id.encode(), node_id=node_id, index=index)
        )
    found = await library.store.outputs_of(["j1", "j2", "none"])
    assert found == {"j1": tuple(reversed(expected)), "j2": (), "none": ()}


async def test_outputs_of_very_many_jobs_are_one_call(library: Library) -> None:
    found = await library.store.outputs_of([f"job {n}" for n in range(2_500)])
    assert len(found) == 2_500


async def test_a_rolled_back_transaction_leaves_a_row_for_every_file(library: Library) -> None:
    staged = await library.service.stage_bytes(b"never committed")

    def work(connection: sqlite3.Connection) -> None:
        asset = Asset(
            new_id(), "ann", staged.hash, staged.size_bytes, "text/plain", "x", 1, job_id="none",
            node_id="1", output_index=0,
        )  # fmt: skip
        library.store.add_output(connection, asset, staged)

    with pytest.raises(sqlite3.IntegrityError):
        await library.db.write(work)
    kept = await upload(library, b"kept")
    report = await library.store.sweep()
    assert report.missing == ()
    await library.service.open_content(ANN, kept.id)
    library.blobs.discard(staged)
    assert len(library.files()) == 1


async def test_a_sweep_removes_what_no_row_knows(library: Library) -> None:
    kept = await upload(library, b"kept")
    orphan = await library.service.stage_bytes(b"orphan")
    library.blobs.publish(orphan)
    stale = library.folder / "assets" / "tmp" / "left.over"
    stale.write_bytes(b"x")
    await library.db.write(
        lambda connection: connection.execute(
            "INSERT INTO blobs VALUES (?, 6, 1)", ("blake3:" + "e" * 64,)
        )
    )
    report = await library.store.sweep()
    assert (report.removed, report.missing) == (2, ())
    assert library.files() == [library.blobs.path(kept.hash)]


async def test_a_sweep_after_a_recovery_keeps_what_no_row_knows(library: Library) -> None:
    orphan = await library.service.stage_bytes(b"newer than the snapshot")
    library.blobs.publish(orphan)
    report = await library.store.sweep(keep_unknown=True)
    assert report.removed == 0
    assert library.files() == [library.blobs.path(orphan.hash)]


async def test_expired_uploads_are_gone_at_once_and_purged_later(library: Library) -> None:
    asset = await upload(library, b"short", "a.txt", expires_in=60)
    kept = await upload(library, b"long")
    library.clock.advance(60)
    with pytest.raises(NotFound):
        await library.service.get(ANN, asset.id)
    assert not await library.service.exists(ANN, asset.hash)
    with pytest.raises(MissingAsset):
        await library.service.resolve(ANN, [reference(asset_id=asset.id)])
    assert await library.store.purge(library.clock.now_ms()) == 1
    assert library.files() == [library.blobs.path(kept.hash)]


async def test_names_in_a_graph_mean_the_callers_newest_upload(library: Library) -> None:
    await upload(library, b"old", "photo.png")
    library.clock.advance(1)
    newest = await upload(library, b"new", "photo.png")
    library.clock.advance(1)
    await upload(library, b"foreign", "photo.png", BEN)
    await library.add_job("j1")
    output = await add_output(library, "j1", b"made")
    wanted = [
        reference("photo.png"),
        reference("out.txt", kind="output"),
        reference("out.txt", kind="temp", node="2"),
        reference(asset_id=newest.id, node="3"),
    ]
    found = await library.service.resolve(ANN, wanted)
    assert [found[one].id for one in wanted] == [newest.id, output.id, output.id, newest.id]


async def test_a_missing_and_a_foreign_file_look_the_same(library: Library) -> None:
    foreign = await upload(library, b"bens", "secret.png", BEN)
    unknown = new_id()
    messages = []
    for asset_id in (foreign.id, unknown):
        with pytest.raises(MissingAsset) as caught:
            await library.service.resolve(ANN, [reference(asset_id=asset_id)])
        messages.append(str(caught.value.details).replace(asset_id, "ID"))
    assert messages[0] == messages[1]
    with pytest.raises(MissingAsset) as caught:
        await library.service.resolve(
            ANN, [reference("secret.png"), reference("../x", node="7"), reference("", node="7")]
        )
    assert caught.value.details is not None
    errors = caught.value.details["node_errors"]
    assert set(errors) == {"1", "7"}
    assert len(errors["7"]) == 2
    assert errors["1"][0]["field"] == "image"
    assert errors["1"][0]["reason"] == "missing_asset"


async def test_the_owner_uses_other_peoples_files_by_id_but_never_by_name(
    library: Library,
) -> None:
    asset = await upload(library, b"anns", "photo.png")
    found = await library.service.resolve(OWNER, [reference(asset_id=asset.id)])
    assert list(found.values()) == [asset]
    with pytest.raises(MissingAsset):
        await library.service.resolve(OWNER, [reference("photo.png")])


async def test_nothing_is_stored_while_another_studio_holds_the_volume(library: Library) -> None:
    library.db.halt("another Studio runs here")
    with pytest.raises(StorageUnavailable):
        await upload(library, b"x")
    assert library.files() == []
