"""Files that a shared preset or workflow names: others may use them, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.store.migrations import MIGRATIONS, migrate
from tests.api.graphs import fresh_png
from tests.api.house import House
from tests.api.people import member_in, refusal
from tests.api.presets import depth, good
from tests.api.workflow_client import create
from tests.unit.graphs.manifests.examples import asked

CHECKPOINT = {"checkpoint": "embedded-demo.safetensors"}


@pytest.fixture
async def ann(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with member_in(house, "ann") as client:
        yield client


@pytest.fixture
async def bob(house: House) -> AsyncIterator[httpx.AsyncClient]:
    async with member_in(house, "bob") as client:
        yield client


async def upload(client: httpx.AsyncClient) -> str:
    files = {"file": ("fox.png", fresh_png(), "image/png")}
    fields = {"content_type": "image/png", "file_path": "fox.png"}
    return str(good(await client.post("/api/v2/assets", data=fields, files=files), 201)["id"])


async def preset_over(client: httpx.AsyncClient, asset: str, **fields: Any) -> dict[str, Any]:
    values = {"image": {"asset": asset}, "prompt": "a fox", **CHECKPOINT}
    body = {"name": "Foxes", "workflow_id": "image-to-image", "values": values, **fields}
    return good(await client.post("/api/presets", json=body), 201)


async def statuses(client: httpx.AsyncClient, asset: str) -> set[int]:
    paths = (f"/api/v2/assets/{asset}", f"/api/v2/assets/{asset}/content",
             f"/api/assets/{asset}/thumbnail")  # fmt: skip
    return {(await client.get(path)).status_code for path in paths}


async def test_a_shared_preset_runs_with_its_owners_file_for_as_long_as_it_is_shared(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    asset, other = await upload(ann), await upload(ann)
    preset = await preset_over(ann, asset)
    path = f"/api/presets/{preset['id']}"
    assert await statuses(bob, asset) == {404}
    good(await ann.patch(path, json={"shared": True}))
    assert await statuses(bob, asset) == {200}
    assert await statuses(bob, other) == {404}
    run = good(await bob.post(f"{path}/run", json={}), 201)
    assert run["jobs"][0]["status"] == "queued"
    good(await ann.patch(path, json={"shared": False}))
    assert await statuses(bob, asset) == {404}
    values = {"image": {"asset": asset}, "prompt": "a fox", **CHECKPOINT}
    before = await depth(bob)
    late = await bob.post("/api/workflows/image-to-image/run", json={"values": values})
    assert refusal(late) == (422, "invalid_value")
    assert await depth(bob) == before


async def test_what_is_in_the_trash_is_shared_with_nobody(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    asset = await upload(ann)
    preset = await preset_over(ann, asset, shared=True)
    assert await statuses(bob, asset) == {200}
    await ann.delete(f"/api/presets/{preset['id']}")
    assert await statuses(bob, asset) == {404}
    good(await ann.post(f"/api/presets/{preset['id']}/restore"))
    assert await statuses(bob, asset) == {200}
    replaced = {"values": {"image": {"asset": await upload(ann)}, "prompt": "x", **CHECKPOINT}}
    good(await ann.patch(f"/api/presets/{preset['id']}", json=replaced))
    assert await statuses(bob, asset) == {404}


async def test_a_file_that_may_be_read_is_nobody_elses_to_change_or_keep(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    asset = await upload(ann)
    await preset_over(ann, asset, shared=True)
    shown = good(await bob.get(f"/api/v2/assets/{asset}"))
    assert (await bob.delete(f"/api/v2/assets/{asset}")).status_code == 404
    assert (await bob.get(f"/api/library/{asset}")).status_code == 404
    assert (await bob.patch(f"/api/library/{asset}", json={"rating": 5})).status_code == 404
    minted = await bob.post("/api/v2/assets/from-hash", json={"hash": shown["hash"]})
    assert minted.status_code == 404
    cover = await bob.post(
        "/api/presets",
        json={"name": "Mine", "workflow_id": "image-to-image", "cover": asset, "values": {}},
    )
    assert cover.json()["error"]["details"]["where"] == "cover"


async def test_writing_down_the_id_of_somebodys_file_opens_it_for_nobody(
    house: House, ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    asset = await upload(ann)
    unshared = await preset_over(bob, asset)
    refused = await bob.patch(f"/api/presets/{unshared['id']}", json={"shared": True})
    assert refusal(refused) == (422, "invalid_preset")
    assert refused.json()["error"]["details"]["where"] == "values.image"
    # Should a row say otherwise, as one of an earlier release may: its user is not the file's.
    await house.db.write(
        lambda connection: connection.execute("UPDATE presets SET shared = 1").rowcount
    )
    assert await statuses(bob, asset) == {404}
    # A copy of what is shared may not be handed on.
    shared = await preset_over(ann, asset, shared=True)
    copy = good(await bob.post(f"/api/presets/{shared['id']}/duplicate", json={}), 201)
    refused = await bob.patch(f"/api/presets/{copy['id']}", json={"shared": True})
    assert refusal(refused) == (422, "invalid_preset")


async def test_the_default_file_of_a_shared_workflow_is_there_for_who_may_run_it(
    ann: httpx.AsyncClient, bob: httpx.AsyncClient
) -> None:
    asset = await upload(ann)
    picture = asked(
        "start",
        "image",
        default={"asset": asset},
        targets=[{"node": "6", "class": "CLIPTextEncode", "title": "Positive", "input": "text"}],
    )
    manifest = {"manifest": 1, "name": "With a picture", "inputs": [picture]}
    workflow = await create(ann, manifest=manifest)
    assert await statuses(bob, asset) == {404}
    good(await ann.patch(f"/api/workflows/{workflow['id']}", json={"shared": True}))
    assert await statuses(bob, asset) == {200}
    good(await ann.patch(f"/api/workflows/{workflow['id']}", json={"shared": False}))
    assert await statuses(bob, asset) == {404}


async def test_presets_that_were_shared_before_share_their_files_too(tmp_path: Path) -> None:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.row_factory = sqlite3.Row
    before = next(at for at, step in enumerate(MIGRATIONS) if step.__name__ == "add_shared_files")
    migrate(connection, MIGRATIONS[:before])
    connection.executescript("""
        INSERT INTO blobs VALUES ('h', 1, 0);
        INSERT INTO assets (id, user_id, hash, size_bytes, content_type, file_path, created_at)
            SELECT 'a1', id, 'h', 1, 'image/png', 'a.png', 0 FROM users;
        INSERT INTO presets SELECT 'p1', id, 'n', '', 'w', NULL, '{"i": [{"asset": "a1"}]}', '[]',
            0, NULL, 1, 0, 0, 0, NULL FROM users;
    """)
    migrate(connection)
    rows = connection.execute("SELECT preset_id, asset_id FROM preset_files").fetchall()
    assert [tuple(row) for row in rows] == [("p1", "a1")]
