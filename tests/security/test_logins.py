"""The way in under attack: planted cookies, old tokens, and what is left in logs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from tests.api.graphs import solid
from tests.api.house import KEY, House
from tests.api.people import (
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
