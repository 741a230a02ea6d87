"""The way in under attack: floods, planted cookies, old tokens, and what is left in logs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.api.graphs import solid
from tests.api.house import KEY, House
from tests.api.people import (
    OWN_PAGE,
    PASSWORD,
    browser,
    invitation,
    is_in,
    me,
    member_in,
    opens,
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


async def test_fifty_wrong_passwords_at_once_cost_nine_hashes_one_after_another(
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
        # Each client may try two; of these ten nine find room, one at work and eight in line.
        assert codes == {(401, "wrong_credentials"): 9, (429, "too_many_logins"): 41}
        assert hashing == [1] * 9
        assert answered > 10
        for task in flood:
            if task.result().status_code == 429:
                assert 1 <= int(task.result().headers["retry-after"]) <= 60


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


async def test_a_forged_address_is_no_other_client(house: House) -> None:
    async with owner_in(house), browser(house) as other:
        answers = [
            await other.post(
                "/api/session",
                json={"password": "wrong one"},
                headers={"X-Forwarded-For": f"198.51.100.{number}", "X-Real-IP": "203.0.113.9"},
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


# -- cookies and tokens (row 38) ------------------------------------------------------------------


async def test_a_planted_cookie_is_not_taken_over_at_login(house: House) -> None:
    async with owner_in(house), browser(house) as victim:
        planted = "x" * 43
        answer = await victim.post(
            "/api/session", json={"password": PASSWORD}, headers={"Cookie": f"studio={planted}"}
        )
        assert answer.status_code == 200
        assert planted not in answer.headers["set-cookie"]
        assert not await opens(house, planted)


async def test_a_planted_cookie_beside_the_real_one_changes_nothing(house: House) -> None:
    async with owner_in(house) as owner, browser(house) as victim:
        for planted in ("x" * 43, "", "%00", '"', "\x7f"):
            for cookies in (
                f"studio={planted}; studio={owner.cookies['studio']}",
                f"studio={owner.cookies['studio']}; studio={planted}",
            ):
                victim.headers["Cookie"] = cookies
                assert (await me(victim))["id"] == "owner", cookies


async def test_with_the_cookies_of_two_people_nobody_is_logged_in(house: House) -> None:
    async with owner_in(house) as owner, member_in(house, "Eve") as eve, browser(house) as victim:
        both = f"studio={owner.cookies['studio']}; studio={eve.cookies['studio']}"
        victim.headers["Cookie"] = both
        assert not await is_in(victim)


async def test_every_login_has_a_new_token_and_ends_the_session_before(house: House) -> None:
    async with owner_in(house) as owner:
        former = owner.cookies["studio"]
        assert (await owner.post("/api/session", json={"password": PASSWORD})).status_code == 200
        assert owner.cookies["studio"] != former
        assert not await opens(house, former)
        assert len((await owner.get("/api/sessions")).json()["sessions"]) == 1
        refused = await owner.post("/api/session", json={"password": "wrong one"})
        assert refusal(refused) == (401, "wrong_credentials")
        assert await is_in(owner)


async def test_a_session_is_no_key_and_a_key_no_session(house: House) -> None:
    async with owner_in(house) as owner, browser(house) as stranger:
        token = owner.cookies["studio"]
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-API-Key": token}):
            answer = await stranger.get("/api/jobs", headers=headers)
            assert refusal(answer) == (401, "unauthorized")
        assert not await opens(house, KEY)


# -- streams (row 39) -----------------------------------------------------------------------------


async def end_session(house: House, ann: httpx.AsyncClient) -> None:
    [session] = (await ann.get("/api/sessions")).json()["sessions"]
    async with owner_in(house) as owner:
        answer = await owner.delete(f"/api/sessions/{session['id']}")
        assert answer.status_code == 204


async def disable(house: House, ann: httpx.AsyncClient) -> None:
    user_id = (await me(ann))["id"]
    async with house.client() as owner:
        answer = await owner.patch(f"/api/users/{user_id}", json={"disabled": True})
        assert answer.status_code == 200


async def grow_old(house: House, _: httpx.AsyncClient) -> None:
    house.clock.advance(7 * 86_400)


@pytest.mark.parametrize("end", [end_session, disable, grow_old])
async def test_a_stream_ends_with_its_session(
    house: House, end: Callable[[House, httpx.AsyncClient], Awaitable[None]]
) -> None:
    async with member_in(house, "Ann") as ann:
        job = (await ann.post("/api/jobs", json={"workflow": solid()})).json()["id"]
        stream = asyncio.create_task(ann.get(f"/api/v2/jobs/{job}/events"))
        await asyncio.sleep(0.2)
        house.clock.advance(15)
        await asyncio.sleep(1.2)
        assert not stream.done()
        await end(house, ann)
        house.clock.advance(15)
        answer = await asyncio.wait_for(stream, 10)
        assert answer.status_code == 200
        assert '"status":"queued"' in answer.text
        assert ": alive" in answer.text
        assert "succeeded" not in answer.text


async def test_a_stream_ends_with_its_key(house: House) -> None:
    async with house.client() as owner:
        made = (await owner.post("/api/keys", json={"name": "watcher"})).json()
        async with house.client(made["key"]) as program:
            job = (await program.post("/api/jobs", json={"workflow": solid()})).json()["id"]
            stream = asyncio.create_task(program.get(f"/api/v2/jobs/{job}/events"))
            await asyncio.sleep(0.2)
            assert (await owner.delete(f"/api/keys/{made['id']}")).status_code == 204
            house.clock.advance(15)
            answer = await asyncio.wait_for(stream, 10)
            assert (answer.status_code, '"status":"queued"' in answer.text) == (200, True)


# -- what is left behind --------------------------------------------------------------------------


async def test_no_secret_of_people_is_in_a_log_or_a_file(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    invited, reset = await invitation(house), await reset_token(house, "owner")
    async with owner_in(house) as owner, member_in(house, "Ann") as ann:
        secrets = [invited, reset, PASSWORD, owner.cookies["studio"], ann.cookies["studio"]]
        secrets.append(owner.cookies["studio-device"])
        for body in ({"password": PASSWORD, "name": 5}, {"name": PASSWORD, "password": None}):
            assert refusal(await owner.post("/api/session", json=body)) == (422, "invalid_request")
        await owner.post("/api/session/password", json={"current": PASSWORD, "new": "x"})
    written = everything_in(house.folder)
    assert b"scrypt$17$8$1$" in written
    for secret in secrets:
        assert secret not in caplog.text
        assert secret.encode() not in written


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
