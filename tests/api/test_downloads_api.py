"""Downloads over HTTP and on the live WebSocket, and models that are uploaded."""

from __future__ import annotations

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from blake3 import blake3

from tests.api.live_client import listen
from tests.api.studio_process import OWNER_KEY, RunningStudio
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import Origin

MODEL = safetensors(2_000_001, 5)
DIGEST = hashlib.sha256(MODEL).hexdigest()


@pytest.fixture
async def client(studio: RunningStudio) -> AsyncIterator[httpx.AsyncClient]:
    async with studio.async_client() as made:
        yield made
        await made.put("/api/downloads/limits", json={"concurrency": 2, "bytes_per_second": None})


async def add(client: httpx.AsyncClient, url: str, **fields: Any) -> dict[str, Any]:
    wish = {"reference": url, "folder": "loras", **fields}
    answer = await client.post("/api/downloads", json=wish)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def ended(client: httpx.AsyncClient, download_id: str) -> dict[str, Any]:
    async with asyncio.timeout(60):
        while True:
            answer = await client.get(f"/api/downloads/{download_id}")
            found: dict[str, Any] = answer.json()
            if found["ended_at"] is not None:
                return found
            await asyncio.sleep(0.05)


async def test_a_download_is_shown_from_the_wish_to_the_file(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("one.safetensors", MODEL)
    added = await add(client, origin.url("one.safetensors?signature=canary"), sha256=DIGEST)
    assert added["name"] == "one.safetensors"
    assert "canary" not in str(added)
    done = await ended(client, added["id"])
    assert (done["state"], done["sha256"]) == ("done", DIGEST)
    assert done["received_bytes"] == done["size_bytes"] == len(MODEL)
    path = studio.folder / "models" / "loras" / "one.safetensors"
    assert path.read_bytes() == MODEL
    listed = (await client.get("/api/downloads?ended=500")).json()["items"]
    assert added["id"] in [one["id"] for one in listed]
    assert (await client.delete(f"/api/downloads/{added['id']}")).status_code == 204
    assert (await client.get(f"/api/downloads/{added['id']}")).status_code == 404
    assert "canary" not in studio.log.read_text()


async def test_the_signature_of_an_address_is_shown_with_no_model(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("signed.safetensors", MODEL)
    added = await add(client, origin.url("signed.safetensors?X-Amz-Signature=canary"))
    assert (await ended(client, added["id"]))["state"] == "done"
    for _ in range(600):
        found = (await client.get("/api/models?q=signed")).json()["items"]
        if found:
            break
        await asyncio.sleep(0.05)
    assert [one["reference"] for one in found] == [origin.url("signed.safetensors")]


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"reference": "https://10.0.0.1/a.safetensors"}, 403, "blocked_address"),
        ({"reference": "file:///etc/passwd"}, 400, "invalid_request"),
        ({"reference": 5}, 422, "invalid_request"),
        ({"reference": "x" * 5000}, 422, "invalid_request"),
        ({"folder": "../x"}, 400, "invalid_request"),
        ({"name": "../a.safetensors"}, 400, "invalid_request"),
        ({"name": "a.ckpt"}, 422, "pickle_refused"),
        ({"name": "a.sh"}, 422, "not_a_model"),
        ({"sha256": "x"}, 422, "invalid_request"),
        ({"size_bytes": "5"}, 422, "invalid_request"),
        ({"priority": 1000}, 422, "invalid_request"),
        ({"allow_pickle": "yes"}, 422, "invalid_request"),
        ({"root": "cache"}, 422, "invalid_request"),
    ],
    ids=str,
)
async def test_a_wrong_wish_is_refused(
    client: httpx.AsyncClient, fields: dict[str, Any], status: int, code: str
) -> None:
    wish = {"reference": "https://example.org/a.safetensors", "folder": "loras", **fields}
    answer = await client.post("/api/downloads", json=wish)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


async def test_a_name_that_is_taken_is_replaced_at_the_owners_word(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin
) -> None:
    path = studio.folder / "models" / "loras" / "taken.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(safetensors(4_000, 6))
    origin.serve("taken.safetensors", MODEL)
    failed = await ended(client, (await add(client, origin.url("taken.safetensors")))["id"])
    assert (failed["state"], failed["error"]["code"]) == ("failed", "name_taken"), failed
    place = f"/api/downloads/{failed['id']}/retry"
    async with studio.async_client(studio.make_key("models:write", "graphs:run")) as other:
        assert (await other.post(place, json={"replace": "yes"})).status_code == 422
    assert (await client.post(place, json={"replace": True})).status_code == 200
    done = await ended(client, failed["id"])
    assert (done["state"], path.read_bytes() == MODEL) == ("done", True)


async def test_members_look_and_only_whoever_may_write_models_changes(
    studio: RunningStudio, client: httpx.AsyncClient
) -> None:
    reader = studio.make_key("graphs:run")
    async with studio.async_client(reader) as looking:
        assert (await looking.get("/api/downloads")).status_code == 200
        wish = {"reference": "https://example.org/a.safetensors", "folder": "loras"}
        assert (await looking.post("/api/downloads", json=wish)).status_code == 403
        # To look makes Studio ask others.
        assert (await looking.post("/api/models/look", json=wish)).status_code == 403
        assert (await looking.get("/api/models/folders")).status_code == 200
    async with studio.async_client(studio.make_key("jobs")) as other:
        assert (await other.get("/api/downloads")).status_code == 403


async def test_live_clients_see_it_come_and_hear_at_most_five_times_a_second(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("live.safetensors", MODEL)
    await client.put("/api/downloads/limits", json={"concurrency": 1, "bytes_per_second": 800_000})
    async with listen(studio.url, OWNER_KEY) as live:
        before = await live.snapshot("downloads")
        assert before["limits"] == {"concurrency": 1, "bytes_per_second": 800_000}
        began = asyncio.get_running_loop().time()
        added = await add(client, origin.url("live.safetensors"))

        def is_done(message: dict[str, Any]) -> bool:
            items = message.get("data", {}).get("items", [])
            return any(one["id"] == added["id"] and one["state"] == "done" for one in items)

        await live.until(is_done, 60)
        took_s = asyncio.get_running_loop().time() - began
        told = [message for message in live.messages if message["type"] == "event"]
        progress = [
            one["received_bytes"]
            for message in told
            for one in message["data"]["items"]
            if one["id"] == added["id"]
        ]
        again = await live.snapshot("downloads")
    assert len(told) <= took_s * 5 + 2
    assert progress == sorted(progress)
    assert len(set(progress)) > 3
    assert added["id"] in [one["id"] for one in again["items"]]


async def test_a_model_is_uploaded_to_its_place(
    studio: RunningStudio, client: httpx.AsyncClient
) -> None:
    content = safetensors(40_000, 77)
    answer = await client.post(
        "/api/v2/assets",
        data={"content_type": "model/x", "file_path": "models/loras/sent.safetensors"},
        files={"file": ("x", io.BytesIO(content))},
    )
    assert answer.status_code == 201, answer.text
    path = studio.folder / "models" / "loras" / "sent.safetensors"
    assert path.read_bytes() == content
    again = await client.post(
        "/api/v2/assets",
        data={"content_type": "model/x", "file_path": "models/loras/sent.safetensors"},
        files={"file": ("x", io.BytesIO(safetensors(40_000, 78)))},
    )
    assert (again.status_code, again.json()["error"]["code"]) == (409, "name_taken")
    assert path.read_bytes() == content


async def test_a_model_comes_in_parts_too(studio: RunningStudio, client: httpx.AsyncClient) -> None:
    content = safetensors(50_000, 79)
    announced = {
        "name": "models/vae/parts.safetensors",
        "size_bytes": len(content),
        "hash": f"blake3:{blake3(content).hexdigest()}",
    }
    begun = (await client.post("/api/uploads", json=announced)).json()
    await client.put(f"/api/uploads/{begun['id']}/parts/0", content=content)
    answer = await client.post(f"/api/uploads/{begun['id']}/complete")
    assert answer.status_code == 201, answer.text
    assert (studio.folder / "models" / "vae" / "parts.safetensors").read_bytes() == content


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("models/loras/bad.safetensors", b"<html>", "not_a_model"),
        ("models/loras/bad.safetensors", b"\x80\x04abc", "not_a_model"),
        ("models/loras/bad.ckpt", b"\x80\x04abc", "pickle_refused"),
        ("models/custom_nodes/bad.safetensors", safetensors(500, 1), "invalid_request"),
        ("models/bad.safetensors", safetensors(500, 1), "invalid_request"),
    ],
)
async def test_an_upload_that_is_no_model_leaves_nothing(
    studio: RunningStudio, client: httpx.AsyncClient, path: str, content: bytes, code: str
) -> None:
    answer = await client.post(
        "/api/v2/assets",
        data={"content_type": "model/x", "file_path": path},
        files={"file": ("x", io.BytesIO(content))},
    )
    assert answer.json()["error"]["code"] == code
    assert list((studio.folder / "models").glob("**/bad*")) == []
