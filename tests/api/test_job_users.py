"""``GET /api/jobs?user=``: whose jobs a page of the history holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of
from tests.api.live_house import LiveHouse, open_live_house, submit


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LiveHouse]:
    async with open_live_house(tmp_path) as opened:
        yield opened


async def submit_as(house: LiveHouse, user: str) -> str:
    async with house.client(user) as client:
        return await submit(client)


async def ids(client: httpx.AsyncClient, **query: Any) -> list[str]:
    answer = await client.get("/api/jobs", params=query)
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


async def test_the_owner_lists_everybodys_jobs_one_users_or_their_own(house: LiveHouse) -> None:
    anna, ben, own = [await submit_as(house, user) for user in ("anna", "ben", "owner")]
    async with house.client("owner") as owner:
        assert await ids(owner) == [own, ben, anna]
        assert await ids(owner, user="me") == [own]
        assert await ids(owner, user="anna") == [anna]
        assert await ids(owner, user="nobody") == []


async def test_a_member_lists_their_own_and_is_refused_another_users(house: LiveHouse) -> None:
    anna = await submit_as(house, "anna")
    await submit_as(house, "ben")
    async with house.client("anna") as member:
        for query in ({}, {"user": "me"}, {"user": "anna"}):
            assert await ids(member, **query) == [anna], query
        answer = await member.get("/api/jobs", params={"user": "ben"})
        assert (answer.status_code, code_of(answer)) == (403, "forbidden")


async def test_pages_of_one_user_are_full_whoever_works_beside_them(house: LiveHouse) -> None:
    own: list[str] = []
    for _ in range(3):
        own.insert(0, await submit_as(house, "owner"))
        for user in ("anna", "ben"):
            await submit_as(house, user)
    async with house.client("owner") as owner:
        first = (await owner.get("/api/jobs", params={"user": "me", "limit": 2})).json()
        assert [job["id"] for job in first["jobs"]] == own[:2]
        assert await ids(owner, user="me", limit=2, cursor=first["next_cursor"]) == own[2:]
