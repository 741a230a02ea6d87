"""What Studio says while it cannot work, and while it ends."""

from __future__ import annotations

import httpx
import pytest

from studio.web.held import HeldApp


def client(app: HeldApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://studio")


async def test_one_that_waits_lives_and_says_why_it_does_nothing_else() -> None:
    held = HeldApp()
    held.reason = "Another Studio is here."
    async with client(held) as http:
        assert (await http.get("/health")).status_code == 200
        ready = await http.get("/ready")
        assert (ready.status_code, ready.json()["reasons"]) == (503, [held.reason])


@pytest.mark.parametrize("path", ["/health", "/ready", "/api/v2/jobs"])
async def test_one_that_ends_says_no_and_closes_the_connection(path: str) -> None:
    held = HeldApp()
    held.leave()
    async with client(held) as http:
        answer = await http.get(path)
    assert (answer.status_code, answer.headers["connection"]) == (503, "close")
    assert "Studio is stopping." in answer.text
