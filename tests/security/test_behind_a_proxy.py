"""Studio behind a proxy that ends TLS: links, cookies and clients see the public address."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from comfy_sdk import Comfy, OutputReady
from PIL import Image

from tests.api.graphs import invert, png, solid
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.security.tls_proxy import (
    PUBLIC_NAME,
    TlsProxy,
    find_proxy_port,
    resolve_here,
    run_tls_proxy,
)


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningStudio, TlsProxy]]:
    folder = tmp_path_factory.mktemp("proxied")
    port = find_proxy_port()
    public = {
        "STUDIO_PUBLIC_URL": f"https://{PUBLIC_NAME}:{port}",
        "STUDIO_TRUSTED_PROXIES": "127.0.0.1",
    }
    with run_studio(folder, public) as studio:
        upstream = int(studio.url.rpartition(":")[2])
        with run_tls_proxy(folder / "nginx", port, upstream) as proxy:
            yield studio, proxy


@pytest.fixture
def browser_like(
    proxied: tuple[RunningStudio, TlsProxy], monkeypatch: pytest.MonkeyPatch
) -> Iterator[httpx.Client]:
    _, proxy = proxied
    resolve_here(monkeypatch)
    trusted = ssl.create_default_context(cafile=str(proxy.certificate))
    with httpx.Client(base_url=proxy.url, verify=trusted, timeout=30) as client:
        yield client


def test_the_official_client_works_through_it(
    proxied: tuple[RunningStudio, TlsProxy], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, proxy = proxied
    resolve_here(monkeypatch)
    monkeypatch.setenv("SSL_CERT_FILE", str(proxy.certificate))
    monkeypatch.setenv("COMFY_BASE_URL", proxy.url)
    monkeypatch.setenv("COMFY_API_KEY", OWNER_KEY)
    source = tmp_path / f"{uuid.uuid4()}.png"
    source.write_bytes(png("#0a141e"))
    with Comfy() as comfy:
        comfy.assets.from_file(source).commit()
        job = comfy.submit(comfy.workflows.from_json(invert(source.name)))
        assert any(isinstance(event, OutputReady) for event in job.events())
        [output] = job.result().get_outputs("3")
        with Image.open(output.to_file(tmp_path / "out.png")) as picture:
            assert picture.convert("RGB").getpixel((0, 0)) == (0xF5, 0xEB, 0xE1)


def test_links_lead_through_the_proxy_whatever_host_is_claimed(
    proxied: tuple[RunningStudio, TlsProxy], browser_like: httpx.Client
) -> None:
    studio, proxy = proxied
    key = {"Authorization": f"Bearer {OWNER_KEY}"}
    job = browser_like.post("/api/v2/jobs", json={"workflow": solid()}, headers=key).json()
    for headers in ({}, {"X-Forwarded-Host": "evil.example"}, {"X-Forwarded-Proto": "gopher"}):
        while (job := browser_like.get(job["urls"]["self"], headers={**key, **headers}).json())[
            "status"
        ] in ("queued", "running"):
            pass
        [output] = job["outputs"]
        assert output["url"].startswith(f"{proxy.url}/api/v2/assets/")
        assert browser_like.get(output["url"]).status_code == 200
    # Past the proxy, Host names whatever it likes; the link stays the public one.
    with studio.client() as direct:
        job = direct.get(job["urls"]["self"], headers={"Host": "evil.example"}).json()
    assert job["outputs"][0]["url"].startswith(f"{proxy.url}/")


def test_browsers_are_told_to_stay_with_https(browser_like: httpx.Client) -> None:
    assert browser_like.get("/health").headers["strict-transport-security"]
