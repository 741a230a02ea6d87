"""The way in under a flood (row 34): what it costs, and who comes in all the same."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator

import httpx
import pytest

from studio.services.passwords import MAX_WAITING, Passwords
from tests.api.house import House
from tests.api.people import (
    OWN_PAGE,
    PASSWORD,
    browser,
    invitation,
    is_in,
    me,
    member_in,
    owner_in,
    refusal,
    reset_token,
)
from tests.fakes.counted_hashes import hashing as hashing


def client_at(house: House, address: str) -> httpx.AsyncClient:
    """A browser at a network address."""
    transport = httpx.ASGITransport(house.app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="http://studio", headers=OWN_PAGE)


# -- floods (row 34) ------------------------------------------------------------------------------


async def test_fifty_wrong_passwords_at_once_cost_ten_hashes_one_after_another(
    house: House, hashing: list[int]
) -> None:
    async with owner_in(house) as owner:
        hashing.clear()
        clients = [client_at(house, f"192.0.2.{number}") for number in range(5)]

        async def attempt(number: int) -> httpx.Response:
            body = {"name": "owner", "password": f"wrong {number}"}
            return await clients[number % 5].post("/api/session", json=body)

        flood = [asyncio.create_task(attempt(number)) for number in range(50)]
        answered = 0
        while not all(task.done() for task in flood):
            assert (await me(owner))["id"] == "owner"
            answered += 1
            await asyncio.sleep(0.01)
        codes = Counter(refusal(task.result()) for task in flood)
        # Each client may try two.
        assert codes == {(401, "wrong_credentials"): 10, (429, "too_many_logins"): 40}
        assert hashing == [1] * 10
        assert answered > 10
        for task in flood:
            if task.result().status_code == 429:
                assert 1 <= int(task.result().headers["retry-after"]) <= 60


async def make_cheap(house: House) -> None:
    """Let the owner's password cost next to nothing to check."""
    record = await Passwords(log_n=4).hash(PASSWORD)
    await house.db.write(
        lambda connection: connection.execute(
            "UPDATE users SET password = ? WHERE id = 'owner'", (record,)
        )
    )


async def login_at(house: House, address: str, password: str) -> httpx.Response:
    async with client_at(house, address) as client:
        return await client.post("/api/session", json={"password": password})


async def test_fifty_people_who_know_their_passwords_come_in_at_once(
    house: House, hashing: list[int]
) -> None:
    async with owner_in(house):
        await make_cheap(house)
        hashing.clear()
        answers = await asyncio.gather(
            *(login_at(house, f"192.0.2.{number}", PASSWORD) for number in range(50))
        )
        assert [answer.status_code for answer in answers] == [200] * 50
        assert hashing == [1] * 50


async def test_a_flood_from_everywhere_is_bounded_and_known_browsers_come_in(
    house: House, hashing: list[int]
) -> None:
    async with owner_in(house) as owner:
        await make_cheap(house)
        # The cheap record is another password, which the browser used once too.
        assert (await owner.post("/api/session", json={"password": PASSWORD})).status_code == 200
        hashing.clear()
        flood = [
            asyncio.create_task(login_at(house, f"198.51.{number // 250}.{number % 250}", "wrong"))
            for number in range(300)
        ]
        await asyncio.sleep(0)
        assert (await owner.post("/api/session", json={"password": PASSWORD})).status_code == 200
        codes = Counter(refusal(answer) for answer in await asyncio.gather(*flood))
        assert codes[401, "wrong_credentials"] <= MAX_WAITING + 1 + 30
        assert codes[401, "wrong_credentials"] + codes[429, "too_many_logins"] == 300
        stranger = await login_at(house, "203.0.113.1", PASSWORD)
        assert refusal(stranger) == (429, "too_many_logins")
        assert (await owner.post("/api/session", json={"password": PASSWORD})).status_code == 200


@pytest.mark.parametrize("way", ["change", "reset"])
async def test_a_remembered_device_is_forgotten_when_the_password_changes(
    house: House, way: str
) -> None:
    async with owner_in(house) as owner, browser(house) as thief:
        kept = owner.cookies["studio-device"]
        new = "another red fox"
        if way == "change":
            body = {"current": PASSWORD, "new": new}
            assert (await owner.post("/api/session/password", json=body)).status_code == 204
        else:
            body = {"token": await reset_token(house, "owner"), "password": new}
            assert (await owner.post("/api/setup", json=body)).status_code == 200
        assert owner.cookies["studio-device"] != kept
        for _ in range(2):
            await thief.post("/api/session", json={"password": "wrong one"})
        thief.headers["Cookie"] = f"studio-device={kept}"
        answer = await thief.post("/api/session", json={"password": new})
        assert refusal(answer) == (429, "too_many_logins")
        # The browser by which it was changed is known by the new one.
        assert (await owner.post("/api/session", json={"password": new})).status_code == 200
        thief.headers["Cookie"] = f"studio-device={owner.cookies['studio-device']}"
        assert (await thief.post("/api/session", json={"password": new})).status_code == 200


@pytest.mark.parametrize("kind", ["invitation", "reset", "setup"])
async def test_sixty_arrivals_by_one_link_cost_one_hash_and_a_login_goes_on(
    house: House, hashing: list[int], kind: str
) -> None:
    async with owner_in(house) as owner, member_in(house, "Ann") as ann, browser(house) as many:
        whose = (await me(ann))["id"] if kind == "reset" else "owner"
        token = await (invitation(house) if kind == "invitation" else reset_token(house, whose))
        path = "/api/setup" if kind == "setup" else "/api/join"
        hashing.clear()

        async def arrive(number: int) -> httpx.Response:
            named = {"name": f"Bob {number}"} if kind == "invitation" else {}
            return await many.post(path, json={"token": token, "password": PASSWORD, **named})

        flood = [asyncio.create_task(arrive(number)) for number in range(60)]
        await asyncio.sleep(0)
        other, name = (ann, "Ann") if kind == "setup" else (owner, "owner")
        answer = await other.post("/api/session", json={"name": name, "password": PASSWORD})
        assert answer.status_code == 200
        answers = await asyncio.gather(*flood)
        entered = [answer for answer in answers if answer.status_code == 200]
        assert len(entered) == 1
        assert {refusal(answer) for answer in answers if answer not in entered} <= {
            (409, "conflict"),
            (401, "invalid_token"),
            (409, "already_set_up"),
        }
        assert hashing == [1] * 2


async def test_a_link_leads_in_while_strangers_use_up_every_attempt(house: House) -> None:
    async with owner_in(house), browser(house) as stranger:
        for _ in range(2):
            await stranger.post("/api/session", json={"password": "wrong one"})
        answer = await stranger.post("/api/session", json={"password": PASSWORD})
        assert refusal(answer) == (429, "too_many_logins")
        async with member_in(house, "Ann") as ann:
            assert await is_in(ann)


async def test_the_right_password_waits_too_while_the_client_is_throttled(house: House) -> None:
    async with owner_in(house), browser(house) as other:
        for _ in range(2):
            answer = await other.post("/api/session", json={"password": "wrong one"})
            assert refusal(answer) == (401, "wrong_credentials")
        answer = await other.post("/api/session", json={"password": PASSWORD})
        assert refusal(answer) == (429, "too_many_logins")
        house.clock.advance(int(answer.headers["retry-after"]))
        assert (await other.post("/api/session", json={"password": PASSWORD})).status_code == 200


async def test_a_stolen_session_cannot_guess_the_password_quickly(house: House) -> None:
    async with owner_in(house) as thief:
        change = {"current": "guessed one", "new": "mine from now on"}
        answers = [await thief.post("/api/session/password", json=change) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [401, 401, 429, 429, 429]
        assert await is_in(thief)


FORGED = ("X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "Forwarded")


async def test_a_forged_address_is_no_other_client(house: House) -> None:
    async with owner_in(house), browser(house) as other:
        answers = [
            await other.post(
                "/api/session",
                json={"password": "wrong one"},
                headers=dict.fromkeys(FORGED, f"198.51.100.{number}"),
            )
            for number in range(4)
        ]
        assert [answer.status_code for answer in answers] == [401, 401, 429, 429]


async def test_nobody_learns_which_names_exist(house: House, hashing: list[int]) -> None:
    async with owner_in(house), member_in(house, "Ann") as ann:
        user_id = (await me(ann))["id"]
        async with house.client() as console:
            await console.patch(f"/api/users/{user_id}", json={"disabled": True})
        hashing.clear()
        answers = []
        for number, name in enumerate(["owner", "Ann", "nobody", "", "\u0000", "x" * 256]):
            async with client_at(house, f"192.0.2.{number}") as client:
                body = {"name": name, "password": "wrong one"}
                answers.append(await client.post("/api/session", json=body))
        assert {answer.text for answer in answers} == {answers[0].text}
        assert {refusal(answer) for answer in answers} == {(401, "wrong_credentials")}
        assert len(hashing) == len(answers)


@pytest.mark.parametrize("path", ["/api/session", "/api/setup", "/api/join"])
async def test_a_stranger_cannot_make_studio_read_a_large_body(house: House, path: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * 1000

    async with browser(house) as stranger:
        for body in (b" " * 16_385, pieces()):
            answer = await stranger.post(path, content=body)
            assert refusal(answer) == (413, "payload_too_large")
        assert refusal(await stranger.post(path, content=b" " * 16_384)) == (400, "invalid_request")
