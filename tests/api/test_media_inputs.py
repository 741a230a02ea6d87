"""Pictures in a graph by their address and as data URLs: they become files of whoever sent it."""

from __future__ import annotations

import asyncio
import io
from base64 import b64encode
from typing import Any

import httpx
import pytest
from blake3 import blake3
from PIL import Image

from tests.api.graphs import invert
from tests.api.on_demand_client import ended, look, submit
from tests.api.studio_process import RunningStudio
from tests.fakes.origin import Origin, running_origin

CANARY = "canary-of-a-picture-2f7a"


def png(color: str) -> bytes:
    held = io.BytesIO()
    Image.new("RGB", (20, 12), color).save(held, "PNG")
    return held.getvalue()


def data_url(data: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


async def picture(client: httpx.AsyncClient, job: dict[str, Any]) -> tuple[object, object]:
    """Size and colour of what a job has made."""
    assert (job["status"], job["error"]) == ("succeeded", None)
    content = (await client.get(f"/api/v2/assets/{job['outputs'][0]['id']}/content")).content
    with Image.open(io.BytesIO(content)) as opened:
        return opened.size, opened.convert("RGB").getpixel((5, 5))


async def shown(client: httpx.AsyncClient, job: dict[str, Any]) -> Any:
    answer = await client.get(f"/api/v2/jobs/{job['id']}/workflow")
    return answer.json()["workflow"]["1"]["inputs"]["image"]


async def test_a_picture_is_fetched_from_its_address_and_shown_as_it_was_named(
    any_studio: RunningStudio, origin: Origin
) -> None:
    origin.serve("red.png", png("red"), content_type="image/png")
    async with any_studio.async_client() as client:
        url = origin.url("red.png?width=20")
        job = await ended(client, await submit(client, invert(url)))
        assert await picture(client, job) == ((20, 12), (0, 255, 255))
        assert await shown(client, job) == url
        again = await client.post(f"/api/jobs/{job['id']}/retry", json={})
        asked = len(origin.asked)
        assert (await ended(client, again.json()))["status"] == "succeeded"
        assert len(origin.asked) == asked


async def test_a_picture_inside_the_graph_is_used_and_shown_without_its_bytes(
    client: httpx.AsyncClient,
) -> None:
    text = data_url(png("blue"))
    job = await ended(client, await submit(client, invert(text)))
    assert await picture(client, job) == ((20, 12), (255, 255, 0))
    found = await shown(client, job)
    assert found.startswith("data:image/png;base64,…")
    assert len(found) < 100
    again = await client.post(f"/api/jobs/{job['id']}/retry", json={})
    assert (await ended(client, again.json()))["status"] == "succeeded"
    lost = await client.post("/api/jobs", json={"workflow": invert(found)})
    assert lost.status_code == 422


async def test_a_redirect_is_followed_and_judged_and_gets_no_credentials(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    def refuse(asked: Any) -> Any:
        return None if asked.headers.get("x-key") == CANARY else (401, {})

    async with running_origin() as other:
        other.serve("there.png", png("lime"), content_type="image/png")
        origin.serve("here.png", b"", redirect=other.url("there.png"), refuse_if=refuse)
        origin.serve("inside.png", b"", redirect="https://10.0.0.1/x.png", refuse_if=refuse)
        auth = {"type": "header", "header_name": "X-Key", "header_value": CANARY}
        given = [{"url_pattern": f"{origin.base}/*", "auth": auth}]
        graph = invert(origin.url("here.png"))
        job = await ended(client, await submit(client, graph, credentials=given))
        assert await picture(client, job) == ((20, 12), (255, 0, 255))
        assert CANARY not in str(other.asked)
        graph = invert(origin.url("inside.png"))
        inside = await ended(client, await submit(client, graph, credentials=given))
        assert inside["error"]["code"] == "blocked_address"
        without = await ended(client, await submit(client, graph))
        assert without["error"]["code"] == "input_unavailable"
        assert without["error"]["details"] == {"status": 401, "host": "127.0.0.1"}


@pytest.mark.parametrize(
    "content", [b"<!doctype html><title>log in</title>", b"\0\1\2\3" * 9], ids=["page", "noise"]
)
async def test_what_is_no_picture_fails_its_job_and_is_not_kept(
    client: httpx.AsyncClient, origin: Origin, content: bytes
) -> None:
    origin.serve("page.png", content, content_type="image/png")
    job = await ended(client, await submit(client, invert(origin.url("page.png?sig=canary"))))
    assert (job["status"], job["error"]["code"]) == ("failed", "not_media")
    assert "canary" not in str(job["error"])
    digest = f"blake3:{blake3(content).hexdigest()}"
    kept = await client.post("/api/v2/assets/from-hash", json={"hash": digest, "file_path": "a"})
    assert kept.json()["error"]["code"] == "blob_not_found"


@pytest.mark.parametrize(
    ("value", "status", "code"),
    [
        ("https://10.0.0.1/a.png", 403, "blocked_address"),
        ("data:image/png;base64,%%%", 422, "invalid_request"),
        ("data:image/png", 422, "invalid_request"),
        (data_url(b"<script>alert(1)</script>", "text/html"), 422, "not_media"),
        (data_url(b"", "image/png"), 422, "invalid_request"),
    ],
)
async def test_what_can_never_be_used_is_refused_when_it_is_sent(
    client: httpx.AsyncClient, value: str, status: int, code: str
) -> None:
    answer = await client.post("/api/jobs", json={"workflow": invert(value)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text


async def test_a_job_that_waits_for_a_picture_says_so_and_can_be_cancelled(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("slow.png", png("red") + bytes(40_000), drip_s=0.01)
    job = await submit(client, invert(origin.url("slow.png")))
    async with asyncio.timeout(60):
        while True:
            found = await look(client, job)
            if (found["progress"] or {}).get("message") == "Fetching slow.png":
                break
            await asyncio.sleep(0.05)
    canceled = (await client.post(f"/api/jobs/{job['id']}/cancel")).json()
    assert canceled["status"] == "canceled"
    async with asyncio.timeout(60):
        while True:
            if not origin.open:
                return
            await asyncio.sleep(0.05)


async def test_a_secret_for_a_picture_that_is_not_there_is_refused_when_it_is_sent(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    """Who takes the value for the name must not find it stored with the job."""
    auth = {"type": "bearer", "secret": CANARY}
    answer = await client.post(
        "/api/jobs",
        json={
            "workflow": invert(origin.url("closed.png")),
            "credentials": [{"url_pattern": f"{origin.base}/**", "auth": auth}],
        },
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert CANARY not in answer.text
