"""People of a house: how the tests set it up, invite somebody, and come in."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.api.graphs import code_of
from tests.api.house import KEY, House

OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}
PASSWORD = "canary-password-6d20"


@contextlib.asynccontextmanager
async def browser(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """A browser on Studio's own page: it keeps cookies, and says where it comes from."""
    async with house.client(None) as client:
        client.headers.update(OWN_PAGE)
        yield client


@contextlib.asynccontextmanager
async def owner_in(house: House) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's browser, logged in; the first time the password is set by ``API_KEY``."""
    async with browser(house) as client:
        answer = await client.post("/api/setup", json={"api_key": KEY, "password": PASSWORD})
        if answer.status_code == 409:
            answer = await client.post("/api/session", json={"password": PASSWORD})
        assert answer.status_code == 200, answer.text
        yield client


@contextlib.asynccontextmanager
async def member_in(
    house: House, name: str, role: str = "member", password: str = PASSWORD
) -> AsyncIterator[httpx.AsyncClient]:
    """The browser of somebody who was just invited."""
    token = await invitation(house, role)
    async with browser(house) as client:
        body = {"token": token, "name": name, "password": password}
        answer = await client.post("/api/join", json=body)
        assert answer.status_code == 200, answer.text
        yield client


async def invitation(house: House, role: str = "member", **fields: Any) -> str:
    """The token of a fresh invitation."""
    async with house.client() as owner:
        answer = await owner.post("/api/invitations", json={"role": role, **fields})
        assert answer.status_code == 201, answer.text
        return token_in(answer.json()["url"], "join")


async def reset_token(house: House, user_id: str) -> str:
    """The token of a fresh link that sets a user's password."""
    async with house.client() as owner:
        answer = await owner.post(f"/api/users/{user_id}/reset")
        assert answer.status_code == 200, answer.text
        return token_in(answer.json()["url"], "setup" if user_id == "owner" else "join")


def token_in(url: str, page: str) -> str:
    start, _, token = url.rpartition(f"/#/{page}/")
    assert start == "http://studio"
    assert len(token) == 43
    return token


async def me(client: httpx.AsyncClient) -> dict[str, Any]:
    """Who the browser's cookie is."""
    answer = await client.get("/api/session")
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["user"])


async def is_in(client: httpx.AsyncClient) -> bool:
    """Whether the browser's cookie opens anything."""
    answer = await client.get("/api/session")
    assert answer.status_code == 200 or code_of(answer) == "unauthorized"
    return answer.status_code == 200


async def opens(house: House, token: str) -> bool:
    """Whether a session's token, sent again by anybody, opens anything."""
    async with browser(house) as client:
        client.headers["Cookie"] = f"studio={token}"
        return await is_in(client)


def refusal(answer: httpx.Response) -> tuple[int, str]:
    """Status and code of a refusal; its sentence has no secret."""
    assert PASSWORD not in answer.text
    assert len(answer.json()["error"]["message"]) > 15
    return answer.status_code, code_of(answer)
