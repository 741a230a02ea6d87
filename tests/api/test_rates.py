"""How often one caller may ask: by key, by person, by address."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import orjson
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from studio.app import open_studio
from studio.clock import FrozenClock
from studio.server import front
from studio.settings import Settings
from tests.api.graphs import solid
from tests.api.house import KEY, House, open_house
from tests.api.people import member_in, owner_in, refusal
from tests.api.studio_process import run_studio


@contextlib.asynccontextmanager
async def small_house(folder: Path) -> AsyncIterator[House]:
    """A Studio in which nobody may ask often."""
    settings = Settings.from_env(
        {
            "STUDIO_DIR": str(folder / "house"),
            "STUDIO_RUN_DIR": str(folder / "run"),
            "API_KEY": KEY,
            "KEY_REQUESTS_PER_MINUTE": "30",
            "USER_REQUESTS_PER_MINUTE": "60",
            "ADDRESS_REQUESTS_PER_MINUTE": "60",
        }
    )
    clock = FrozenClock()
    async with open_studio(settings, clock) as studio:
        app = front(studio, settings)
        yield House(app, studio.app, studio.db, studio.accounts, clock, folder / "house")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with small_house(tmp_path) as opened:
        yield opened


async def until_refused(client: httpx.AsyncClient, path: str, most: int = 500) -> int:
    """How many requests were answered before the first 429."""
    for count in range(most):
        answer = await client.get(path)
        if answer.status_code == 429:
            assert refusal(answer) == (429, "rate_limited")
            assert int(answer.headers["retry-after"]) >= 1
            return count
    return most


async def test_a_key_is_held_to_its_rate_on_the_quick_way_too(house: House) -> None:
    async with member_in(house, "Ann") as ann:
        made = (await ann.post("/api/keys", json={"name": "a program"})).json()
        assert made["requests_per_minute"] is None
        async with house.client(made["key"]) as program:
            job = (await program.post("/api/v2/jobs", json={"workflow": solid()})).json()
            assert await until_refused(program, f"/api/v2/jobs/{job['id']}") == 29
            refused = await program.post("/api/v2/jobs", json={"workflow": solid()})
            assert refusal(refused) == (429, "rate_limited")
            assert refused.json()["error"]["details"]["limited"] == "key"
            house.clock.advance(int(refused.headers["retry-after"]))
            assert (await program.get(f"/api/v2/jobs/{job['id']}")).status_code == 200
        # The person behind it goes on.
        assert (await ann.get("/api/jobs")).status_code == 200


async def test_all_that_a_person_comes_by_counts_together(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        answered = await until_refused(ann, "/api/jobs")
        assert 50 <= answered <= 60
        assert (await bob.get("/api/jobs")).status_code == 200
        house.clock.advance(60)
        assert (await ann.get("/api/jobs")).status_code == 200


async def test_the_owner_is_not_counted(house: House) -> None:
    async with house.client() as program, owner_in(house) as owner:
        assert await until_refused(program, "/api/jobs", 200) == 200
        assert await until_refused(owner, "/api/jobs", 200) == 200


async def test_a_key_of_the_owners_keeps_to_the_rate_that_it_was_made_with(house: House) -> None:
    async with house.client() as owner:
        body = {"name": "slow", "requests_per_minute": 5}
        made = (await owner.post("/api/keys", json=body)).json()
        assert made["requests_per_minute"] == 5
        async with house.client(made["key"]) as program:
            assert await until_refused(program, "/api/jobs") == 5
        for wrong in (0, -1, 1.5, "5", True, 10_000_000):
            refused = await owner.post(
                "/api/keys", json={"name": "x", "requests_per_minute": wrong}
            )
            assert refusal(refused) == (422, "invalid_request"), wrong


async def test_an_address_that_shows_nothing_good_is_held_to_its_rate(house: House) -> None:
    async with house.client("studio_wrong") as stranger, owner_in(house) as owner:
        answers = [(await stranger.get("/api/jobs")).status_code for _ in range(70)]
        assert answers[0] == 401
        assert answers[-1] == 429
        del stranger.headers["Authorization"]
        assert refusal(await stranger.get("/api/setup")) == (429, "rate_limited")
        for free in ("/health", "/ready", "/static/js/main.js"):
            assert (await stranger.get(free)).status_code != 429
        # Whoever is in comes from the same address, and notices nothing.
        assert (await owner.get("/api/jobs")).status_code == 200


async def test_a_signed_link_counts_for_the_address_and_not_for_its_user(house: House) -> None:
    async with member_in(house, "Ann") as ann, house.client(None) as stranger:
        fields = {"file_path": "a.txt", "content_type": "text/plain"}
        file = {"file": ("a.txt", b"words")}
        made = await ann.post("/api/v2/assets", data=fields, files=file)
        link = made.json()["url"]
        await until_refused(stranger, link)
        assert (await ann.get("/api/jobs")).status_code == 200


async def test_as_long_as_nothing_is_set_a_page_full_of_pictures_is_no_flood(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house, member_in(house, "Ann") as ann:
        assert await until_refused(ann, "/api/me/quota", 1000) == 1000


def test_sockets_and_streams_that_are_too_many_hear_when_to_try_again(tmp_path: Path) -> None:
    with run_studio(tmp_path, engine=False) as studio, studio.client() as owner:
        job = owner.post("/api/jobs", json={"workflow": solid()}).json()["id"]
        body = {"name": "slow", "requests_per_minute": 2}
        key = owner.post("/api/keys", json=body).json()["key"]
        headers = {"Authorization": f"Bearer {key}"}
        address = studio.url.replace("http", "ws") + "/api/ws"
        for _ in range(2):
            with connect(address, additional_headers=headers):
                pass
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(address, additional_headers=headers),
        ):
            pass
        answer = refused.value.response
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["Retry-After"]) <= 30
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.body is not None
        assert orjson.loads(answer.body)["error"]["code"] == "rate_limited"
        with httpx.stream(
            "GET", f"{studio.url}/api/v2/jobs/{job}/events", headers=headers
        ) as stream:
            assert stream.status_code == 429
            assert 1 <= int(stream.headers["retry-after"]) <= 30
