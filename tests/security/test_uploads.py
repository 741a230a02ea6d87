from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest

from tests.fakes.asset_app import Library
from tests.security.tables import BAD_NAMES, ENCODED_NAMES
from tests.security.upload_client import base_url as base_url
from tests.security.upload_client import client as client
from tests.security.upload_client import form, post
from tests.security.upload_client import library as library


async def test_a_bad_path_is_refused_and_touches_nothing(
    client: httpx.AsyncClient, library: Library
) -> None:
    known = (await post(client, form(b"data", "good.txt"))).json()["hash"]
    for name in BAD_NAMES:
        answer = await post(client, form(b"overwritten", name))
        assert answer.status_code == 422, (name, answer.text)
        answer = await client.post(
            "/api/v2/assets/from-hash", json={"hash": known, "file_path": name}
        )
        assert answer.status_code == 422, (name, answer.text)
    assert [path.read_bytes() for path in library.files()] == [b"data"]


async def test_the_file_parts_own_name_means_nothing(
    client: httpx.AsyncClient, library: Library
) -> None:
    for number, name in enumerate(name for name in BAD_NAMES if len(name) < 1000):
        answer = await post(client, form(b"%d" % number, "good.txt", name.encode()))
        if "\r\n" in name:
            assert answer.status_code in (201, 400)
        else:
            assert answer.json()["file_path"] == "good.txt", name
    assert await asyncio.to_thread(outside, library) == []


def outside(library: Library) -> list[Path]:
    """Files that are neither blobs nor the database's."""
    known = {*library.files(), *library.folder.glob("studio.db*")}
    return [path for path in library.folder.rglob("*") if path.is_file() and path not in known]


async def test_hostile_ids_and_hashes_are_not_found(client: httpx.AsyncClient) -> None:
    for name in ENCODED_NAMES:
        for method, path in (
            ("GET", f"/api/v2/assets/{name}"),
            ("DELETE", f"/api/v2/assets/{name}"),
            ("GET", f"/api/v2/assets/{name}/content"),
            ("HEAD", f"/api/v2/assets/by-hash/{name}"),
            ("HEAD", f"/api/v2/assets/by-hash/blake3:{name}"),
            ("GET", f"/api/assets/{name}/thumbnail"),
        ):
            answer = await client.request(method, path)
            assert answer.status_code in (400, 404, 405), (method, path, answer.status_code)
            assert b"alive" not in answer.content


HOSTILE = {
    "html": b"<!DOCTYPE html><script>fetch('/api/keys')</script>",
    "html after text": b"hello\n<script>alert(1)</script>",
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
    "xhtml": b"<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'/>",
    "utf-16 html": "<script>alert(1)</script>".encode("utf-16"),
    "script": b"import x from '/api/keys'; alert(1)",
    "pdf": b"%PDF-1.7\n1 0 obj << /OpenAction << /S /JavaScript >> >>",
}


POLYGLOTS = {
    "gif and script": b"GIF89a/*" + b"\0" * 20 + b"*/=1;alert(1)",
    "png and html": b"\x89PNG\r\n\x1a\n" + b"\0" * 20 + b"<script>alert(1)</script>",
    "jpeg and html": b"\xff\xd8\xff\xe0" + b"\0" * 20 + b"<html><script>alert(1)</script>",
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_active_content_named_as_a_picture_is_only_downloaded(
    client: httpx.AsyncClient, kind: str
) -> None:
    for name in ("cat.png", "cat.jpg", "cat.txt"):
        body = (await post(client, form(HOSTILE[kind], name))).json()
        answer = await client.get(body["url"])
        assert answer.content == HOSTILE[kind]
        assert not body["content_type"].startswith(("image/png", "image/jpeg"))
        assert answer.headers["content-disposition"].startswith("attachment")
        assert_inert(answer)


@pytest.mark.parametrize("kind", POLYGLOTS)
async def test_a_polyglot_is_never_more_than_a_picture(
    client: httpx.AsyncClient, kind: str
) -> None:
    body = (await post(client, form(POLYGLOTS[kind], "x.html"))).json()
    answer = await client.get(body["url"])
    assert answer.headers["content-type"] in ("image/gif", "image/png", "image/jpeg")
    assert_inert(answer)


def assert_inert(answer: httpx.Response) -> None:
    assert answer.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


async def test_a_linked_blob_is_not_followed(client: httpx.AsyncClient, library: Library) -> None:
    body = (await post(client, form(b"data", "a.txt"))).json()
    path = library.blobs.path(body["hash"])
    path.unlink()
    path.symlink_to("/etc/passwd")
    answer = await client.get(body["url"])
    assert answer.status_code == 404
    assert b"root:" not in answer.content
