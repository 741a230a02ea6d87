"""A stream lives no longer than the session or the key it was opened with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx

from studio.web.job_events import HEARTBEAT_S
from tests.api.graphs import solid
from tests.api.house import KEY, House, open_house

PASSWORD = "correct horse battery"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


async def follow(house: House, path: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Every message of a stream, once it has ended by itself."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
        "scheme": "http",
    }
    await asyncio.wait_for(house.app(scope, receive, send), 20)
    return sent


async def waiting_job(owner: httpx.AsyncClient) -> str:
    answer = await owner.post("/api/v2/jobs", json={"workflow": solid()})
    assert answer.status_code == 201, answer.text
    path: str = answer.json()["urls"]["events"]
    return path


async def test_a_stream_ends_with_its_session(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client(None) as person:
        answer = await person.post(
            "/api/setup", json={"api_key": KEY, "password": PASSWORD}, headers=OWN_PAGE
        )
        assert answer.status_code == 200, answer.text
        cookie = answer.headers["set-cookie"].split(";")[0]
        async with house.client() as owner:
            path = await waiting_job(owner)
        stream = asyncio.create_task(follow(house, path, {"Cookie": cookie}))
        await asyncio.sleep(0.2)
        assert not stream.done()
        assert (await person.delete("/api/session", headers=OWN_PAGE)).status_code == 204
        house.clock.advance(HEARTBEAT_S)
        sent = await stream
        assert sent[0]["status"] == 200
        assert sent[-1] == {"type": "http.response.body", "body": b""}
        assert (await follow(house, path, {"Cookie": cookie}))[0]["status"] == 401


async def test_a_stream_ends_with_its_key(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        made = (await owner.post("/api/keys", json={"name": "a program"})).json()
        path = await waiting_job(owner)
        stream = asyncio.create_task(follow(house, path, {"X-API-Key": made["key"]}))
        await asyncio.sleep(0.2)
        assert not stream.done()
        assert (await owner.delete(f"/api/keys/{made['id']}")).status_code == 204
        house.clock.advance(HEARTBEAT_S)
        assert (await stream)[0]["status"] == 200
