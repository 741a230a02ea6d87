from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from comfy_sdk import AsyncComfy

from tests.api.asset_client import BEN, hash_of, picture, upload
from tests.api.asset_client import base_url as base_url
from tests.api.asset_client import client as client
from tests.api.asset_client import library as library
from tests.fakes.asset_app import Library, build_app


async def test_an_upload_answers_with_the_v2_asset(client: httpx.AsyncClient) -> None:
    data = picture()
    answer = await upload(client, data, "sub/photo.png")
    assert answer.status_code == 201
    body = answer.json()
    content_url = f"{client.base_url}/api/v2/assets/{body['id']}/content"
    assert body == {
        "id": body["id"],
        "hash": hash_of(data),
        "size_bytes": len(data),
        "content_type": "image/png",
        "file_path": "sub/photo.png",
        "created_at": "2027-01-15T08:00:00.000+00:00",
        "url": content_url.replace("//api", "/api"),
        "url_expires_at": "2027-01-15T08:10:00.000+00:00",
        "expires_at": None,
        "created_new": True,
    }
    again = await upload(client, data, "other.png")
    assert (again.status_code, again.json()["created_new"]) == (200, False)
    assert again.json()["id"] != body["id"]
    found = await client.get(f"/api/v2/assets/{body['id']}")
    assert found.json() == {key: body[key] for key in body if key != "created_new"}
    content = await client.get(body["url"])
    assert (content.content, content.headers["content-type"]) == (data, "image/png")


async def test_fields_may_follow_the_file(client: httpx.AsyncClient) -> None:
    def part(name: str, value: bytes, extra: str = "") -> bytes:
        head = f'--sep\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
        return head.encode() + value + b"\r\n"

    data = b"late fields " * 300_000
    body = (
        part("unknown", b"ignored")
        + part("file", data, '; filename="x"')
        + part("tags", b"input")
        + part("tags", b"mask")
        + part("content_type", b"text/plain")
        + part("file_path", "späte/felder.txt".encode())
        + part("expires_in", b"3600")
        + part("expected_hash", hash_of(data).encode())
        + b"--sep--\r\n"
    )
    answer = await client.post(
        "/api/v2/assets",
        content=body,
        headers={"Content-Type": "multipart/form-data; boundary=sep"},
    )
    assert answer.status_code == 201
    assert answer.json()["file_path"] == "späte/felder.txt"
    assert answer.json()["expires_at"] == "2027-01-15T09:00:00.000+00:00"
    assert (await client.get(answer.json()["url"])).content == data


@pytest.mark.parametrize("missing", ["file", "content_type", "file_path"])
async def test_a_missing_field_is_named(
    client: httpx.AsyncClient, library: Library, missing: str
) -> None:
    form = {"content_type": (None, "text/plain"), "file_path": (None, "a.txt")}
    parts: dict[str, Any] = {**form, "file": ("x", b"data")}
    del parts[missing]
    answer = await client.post("/api/v2/assets", files=parts)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_request"
    assert answer.json()["error"]["details"] == {"field": missing}
    assert library.files() == []


WRONG_FIELDS = (
    ({"expected_hash": "blake3:" + "0" * 64}, 409, "hash_mismatch"),
    ({"expected_hash": "md5:0"}, 422, "invalid_request"),
    ({"expires_in": "59"}, 422, "invalid_request"),
    ({"expires_in": "604801"}, 422, "invalid_request"),
    ({"expires_in": "1e3"}, 422, "invalid_request"),
    ({"expires_in": "٣٦٠٠"}, 422, "invalid_request"),
    ({"tags": ""}, 422, "invalid_request"),
    ({"file_path": "../a.txt"}, 422, "invalid_request"),
    ({"file_path": "models/a.safetensors"}, 403, "forbidden"),
)


async def test_a_wrong_field_stores_nothing(client: httpx.AsyncClient, library: Library) -> None:
    for fields, status, code in WRONG_FIELDS:
        answer = await client.post(
            "/api/v2/assets",
            data={"content_type": "text/plain", "file_path": "a.txt", **fields},
            files={"file": ("x", b"data")},
        )
        found = (answer.status_code, answer.json()["error"]["code"])
        assert found == (status, code), fields
    assert library.files() == []


async def test_a_used_idempotency_key_is_refused(client: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "2b1a4c1e-0000-4000-8000-000000000000"}
    assert (await upload(client, b"", headers=key)).status_code == 422
    assert (await upload(client, b"one", headers=key)).status_code == 201
    answer = await upload(client, b"one", headers=key)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "idempotency_key_reuse")


async def test_bytes_that_are_known_need_not_be_sent(client: httpx.AsyncClient) -> None:
    known = hash_of(b"known")
    probe = f"/api/v2/assets/by-hash/{known}"
    assert (await client.head(probe)).status_code == 404
    await upload(client, b"known")
    assert (await client.head(probe)).status_code == 200
    assert (await client.head(probe, headers=BEN)).status_code == 404
    body = {"hash": known, "file_path": "b.txt", "tags": ["input"], "expires_in": 60}
    minted = await client.post("/api/v2/assets/from-hash", json=body)
    assert (minted.status_code, minted.json()["created_new"]) == (201, False)
    again = await client.post("/api/v2/assets/from-hash", json=body)
    assert (again.status_code, again.json()["id"]) == (200, minted.json()["id"])
    foreign = await client.post("/api/v2/assets/from-hash", json=body, headers=BEN)
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (404, "blob_not_found")


MALFORMED = (
    (b"", 400),
    (b"[]", 400),
    (b"{", 400),
    (b"\xff", 400),
    (b'{"hash": "' + b"x" * 70_000 + b'"}', 413),
    (b"{}", 422),
    (b'{"hash": 5}', 422),
    (b'{"hash": "blake3:00", "tags": "x"}', 422),
    (b'{"hash": "blake3:00", "tags": [1]}', 422),
    (b'{"hash": "blake3:00", "expires_in": true}', 422),
    (b'{"hash": "blake3:00", "expires_in": "60"}', 422),
    (b'{"hash": "blake3:00", "expires_in": 1e30}', 422),
    (b'{"hash": "blake3:00", "file_path": "../x"}', 422),
    (b'{"hash": "blake3:00"}', 404),
    (b'{"hash": "../../etc/passwd"}', 404),
)


async def test_malformed_requests_for_known_bytes_are_refused(client: httpx.AsyncClient) -> None:
    for body, status in MALFORMED:
        answer = await client.post("/api/v2/assets/from-hash", content=body)
        assert answer.status_code == status, body[:100]
        assert set(answer.json()["error"]) >= {"code", "message"}


async def test_a_deleted_asset_is_gone(client: httpx.AsyncClient, library: Library) -> None:
    url = f"/api/v2/assets/{(await upload(client, b'x')).json()['id']}"
    deleted = await client.delete(url)
    assert (deleted.status_code, deleted.content) == (204, b"")
    for answer in (
        await client.delete(url),
        await client.get(url),
        await client.get(f"{url}/content"),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert library.files() == []


async def test_an_asset_that_a_job_needs_is_in_use(
    client: httpx.AsyncClient, library: Library
) -> None:
    asset_id = (await upload(client, b"x")).json()["id"]
    await library.add_job("j1")
    await library.add_input("j1", asset_id)
    answer = await client.delete(f"/api/v2/assets/{asset_id}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "asset_in_use")


async def test_another_users_asset_is_not_found_on_any_route(client: httpx.AsyncClient) -> None:
    body = (await upload(client, picture(), "a.png")).json()
    url = f"/api/v2/assets/{body['id']}"
    for method, path in (
        ("GET", url),
        ("GET", f"{url}/content"),
        ("HEAD", f"{url}/content"),
        ("DELETE", url),
        ("GET", f"/api/assets/{body['id']}/thumbnail"),
    ):
        answer = await client.request(method, path, headers=BEN)
        assert answer.status_code == 404, (method, path)
    assert (await client.get(url)).status_code == 200


@pytest.mark.parametrize(("user", "status"), [("nobody", 403), ("unknown", 401)])
async def test_without_the_scope_nothing_is_possible(
    client: httpx.AsyncClient, user: str, status: int
) -> None:
    nobody = {"Authorization": f"Bearer {user}"}
    assert (await upload(client, b"x", headers=nobody)).status_code == status
    for method, path in (
        ("POST", "/api/v2/assets/from-hash"),
        ("HEAD", f"/api/v2/assets/by-hash/{hash_of(b'x')}"),
        ("GET", "/api/v2/assets/x"),
        ("DELETE", "/api/v2/assets/x"),
        ("GET", "/api/v2/assets/x/content"),
        ("GET", "/api/assets/x/thumbnail"),
    ):
        assert (await client.request(method, path, headers=nobody)).status_code == status


async def test_a_download_can_be_resumed(client: httpx.AsyncClient) -> None:
    data = bytes(range(256)) * 5000
    url = (await upload(client, data)).json()["url"]
    first = await client.get(url, headers={"Range": "bytes=0-999999"})
    assert first.status_code == 206
    rest = await client.get(
        url, headers={"Range": "bytes=1000000-", "If-Range": first.headers["etag"]}
    )
    assert (rest.status_code, first.content + rest.content) == (206, data)
    known = await client.get(url, headers={"If-None-Match": first.headers["etag"]})
    assert (known.status_code, known.content) == (304, b"")
    head = await client.head(url)
    assert (head.headers["content-length"], head.content) == (str(len(data)), b"")


async def test_comfy_orgs_own_client_works_unchanged(
    base_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMFY_BASE_URL", base_url)
    path = tmp_path / "süßes Bild.png"
    path.write_bytes(picture())
    async with AsyncComfy(api_key="ann") as comfy:
        asset = comfy.assets.from_file(path)
        asset_id = await asset.commit()
        assert (asset.created_new, asset.hash) == (True, hash_of(picture()))
        again = comfy.assets.from_file(path)
        assert await again.commit() == asset_id
        renamed = comfy.assets.from_bytes(picture(), filename="b.png")
        await renamed.commit()
        assert renamed.created_new is False
        found = await comfy.assets.get(asset_id)
        assert (found.file_path, found.job_id) == ("süßes Bild.png", None)
        link = await found.get_download_url()
        assert link.url.endswith(f"/api/v2/assets/{asset_id}/content")
        large = comfy.assets.from_bytes(b"large " * 500_000, filename="large.txt")
        await large.commit()
        await comfy.assets.delete(asset_id)


async def test_the_openapi_page_describes_every_asset_operation(library: Library) -> None:
    app = build_app(library)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        spec = json.loads((await client.get("/openapi.json")).content)
    operations = {
        operation["operationId"]: operation
        for path, methods in spec["paths"].items()
        if "/assets" in path
        for operation in methods.values()
    }
    assert set(operations) == {
        "postAssets",
        "assetFromHash",
        "headAssetByHash",
        "getAsset",
        "deleteAsset",
        "getAssetContent",
        "getAssetPoster",
        "getAssetThumbnail",
    }
    form = operations["postAssets"]["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert form["required"] == ["file", "content_type", "file_path"]
    assert [one["name"] for one in operations["getAsset"]["parameters"]] == ["id"]
    assert "404" in operations["getAsset"]["responses"]
