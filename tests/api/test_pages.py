"""How the page for people is served: one policy, a fixed table of files, nothing twice."""

from __future__ import annotations

import gzip
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.api.house import open_house
from tests.policy.source import ROOT

FRONTEND = ROOT / "frontend"
HTML = {"Accept": "text/html,application/xhtml+xml"}


@pytest.fixture
async def stranger(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with open_house(tmp_path) as house, house.client(None) as client:
        yield client


async def test_a_browser_gets_the_page_and_a_program_the_facts(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/", headers=HTML)
    assert page.text == (FRONTEND / "index.html").read_text(encoding="utf-8")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    facts = await stranger.get("/", headers={"Accept": "*/*"})
    assert facts.json()["name"] == "Studio"
    for answer in (page, facts):
        assert "Accept" in answer.headers["vary"]


async def test_the_page_may_load_only_its_own_and_make_no_markup_of_text(
    stranger: httpx.AsyncClient,
) -> None:
    page = await stranger.get("/", headers=HTML)
    policy = dict(
        part.split(" ", 1) for part in page.headers["content-security-policy"].split("; ")
    )
    assert policy == {
        "default-src": "'self'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' blob: data:",
        "media-src": "'self' blob:",
        "connect-src": "'self' ws://studio",
        "object-src": "'none'",
        "base-uri": "'none'",
        "frame-ancestors": "'none'",
        "form-action": "'self'",
        "require-trusted-types-for": "'script'",
        "trusted-types": "lit-html studio-worker",
    }


async def test_a_strange_host_does_not_get_into_the_policy(stranger: httpx.AsyncClient) -> None:
    page = await stranger.get("/", headers={**HTML, "Host": "x; script-src *"})
    assert "connect-src 'self' ws://localhost;" in page.headers["content-security-policy"]


async def test_everything_the_page_names_is_there_with_its_type(
    stranger: httpx.AsyncClient,
) -> None:
    page = (FRONTEND / "index.html").read_text(encoding="utf-8")
    names = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    assert len(names) > 20
    types = {
        ".js": "text/javascript; charset=utf-8",
        ".css": "text/css; charset=utf-8",
        ".svg": "image/svg+xml",
        ".png": "image/png",
        ".webmanifest": "application/manifest+json",
    }
    for name in names:
        answer = await stranger.get(name)
        assert answer.status_code == 200, name
        suffix = Path(name).suffix
        assert answer.headers["content-type"] == types[suffix]
        assert answer.content == (FRONTEND / name.removeprefix("/static/")).read_bytes()


async def test_a_file_is_sent_once_and_then_only_asked_about(stranger: httpx.AsyncClient) -> None:
    name = "/static/js/core/api.js"
    packed = await stranger.get(name, headers={"Accept-Encoding": "br, gzip"})
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["cache-control"] == "no-cache"
    plain = await stranger.get(name, headers={"Accept-Encoding": "identity, gzip;q=0"})
    assert "content-encoding" not in plain.headers
    assert plain.headers["etag"] != packed.headers["etag"]
    for tag in (
        packed.headers["etag"],
        f"W/{packed.headers['etag']}",
        f'"x", {packed.headers["etag"]}',
    ):
        again = await stranger.get(name, headers={"If-None-Match": tag, "Accept-Encoding": "gzip"})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == packed.headers["etag"]
    other = await stranger.get(name, headers={"If-None-Match": plain.headers["etag"]})
    assert other.status_code == 200


async def test_compressed_bytes_are_the_files_own(stranger: httpx.AsyncClient) -> None:
    async with stranger.stream(
        "GET", "/static/vendor/lit/lit-html.js", headers={"Accept-Encoding": "gzip"}
    ) as answer:
        raw = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(raw) == (FRONTEND / "vendor/lit/lit-html.js").read_bytes()


@pytest.mark.parametrize(
    "name",
    [
        "../pyproject.toml",
        "%2e%2e/pyproject.toml",
        "js/%2e%2e/%2e%2e/studio/app.py",
        "..%2f..%2fpyproject.toml",
        "/etc/passwd",
        "//etc/passwd",
        "js/core/api.js%00.css",
        "js\\core\\api.js",
        "vendor/README.md",
        "vendor/lit/LICENSE",
        "js",
        "",
    ],
)
async def test_nothing_but_the_table_is_served(stranger: httpx.AsyncClient, name: str) -> None:
    answer = await stranger.get(httpx.URL(f"http://studio/static/{name}"))
    assert answer.status_code in (401, 404), name
    assert "error" in answer.json()


async def test_the_service_worker_alone_reaches_above_its_folder(
    stranger: httpx.AsyncClient,
) -> None:
    worker = await stranger.get("/static/sw.js")
    assert worker.headers["service-worker-allowed"] == "/"
    assert worker.headers["content-security-policy"].startswith("default-src 'none'")
    for name in ("js/workers/hash.js", "js/main.js", "favicon.svg"):
        assert "service-worker-allowed" not in (await stranger.get(f"/static/{name}")).headers
