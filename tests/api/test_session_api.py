"""Set-up, login and sessions over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.api.house import KEY, House, open_house
from tests.api.people import (
    PASSWORD,
    browser,
    is_in,
    me,
    member_in,
    opens,
    owner_in,
    refusal,
    reset_token,
)

# -- set-up ---------------------------------------------------------------------------------------


async def test_the_value_of_api_key_sets_the_first_password_once(house: House) -> None:
    async with browser(house) as owner, browser(house) as stranger:
        assert (await stranger.get("/api/setup")).json() == {"needed": True}
        body = {"api_key": KEY, "password": PASSWORD, "name": "Ann"}
        answer = await owner.post("/api/setup", json=body)
        assert answer.json()["user"] == {**(await me(owner)), "name": "Ann", "role": "owner"}
        assert (await stranger.get("/api/setup")).json() == {"needed": False}
        answer = await stranger.post("/api/setup", json={**body, "password": "mine now"})
        assert refusal(answer) == (409, "already_set_up")
        assert not await is_in(stranger)
        for name in ("Ann", "owner", None):
            login = {"name": name, "password": PASSWORD}
            assert (await stranger.post("/api/session", json=login)).status_code == 200, name


async def test_nothing_but_the_key_and_the_link_sets_up(house: House) -> None:
    async with browser(house) as stranger:
        wrong: list[tuple[dict[str, Any], tuple[int, str]]] = [
            ({"api_key": KEY[:-1]}, (401, "wrong_api_key")),
            ({"api_key": ""}, (401, "wrong_api_key")),
            ({"api_key": "\u0000"}, (429, "too_many_logins")),
            ({"token": KEY}, (401, "invalid_token")),
            ({"token": ""}, (401, "invalid_token")),
            ({"token": None}, (422, "invalid_request")),
            ({}, (422, "invalid_request")),
        ]
        for proof, expected in wrong:
            answer = await stranger.post("/api/setup", json={**proof, "password": PASSWORD})
            assert refusal(answer) == expected, proof
        house.clock.advance(60)
        for password in ("short", "x" * 257, None, 12345678):
            answer = await stranger.post("/api/setup", json={"api_key": KEY, "password": password})
            assert refusal(answer) == (422, "invalid_request"), password
        assert (await stranger.get("/api/setup")).json() == {"needed": True}


async def test_a_setup_link_works_once_and_also_when_the_password_is_lost(house: House) -> None:
    async with browser(house) as owner, browser(house) as other:
        token = await reset_token(house, "owner")
        spare = await reset_token(house, "owner")
        body = {"token": token, "password": PASSWORD, "name": "Ann"}
        assert (await owner.post("/api/setup", json=body)).status_code == 200
        for used in (token, spare):
            answer = await other.post("/api/setup", json={**body, "token": used})
            assert refusal(answer) == (409, "already_set_up")
        # Recovery: whoever is at the console gets another one.
        fresh = {"token": await reset_token(house, "owner"), "password": "a forgotten one"}
        answer = await other.post("/api/join", json=fresh)
        assert refusal(answer) == (401, "invalid_token")
        assert (await other.post("/api/setup", json=fresh)).json()["user"]["name"] == "Ann"
        assert not await is_in(owner)
        assert (await me(other))["id"] == "owner"


async def test_a_setup_link_ends_after_a_day(house: House) -> None:
    token = await reset_token(house, "owner")
    house.clock.advance(86_400)
    async with browser(house) as owner:
        answer = await owner.post("/api/setup", json={"token": token, "password": PASSWORD})
        assert refusal(answer) == (401, "invalid_token")


async def test_looking_at_a_setup_link_tells_whether_it_is_good_and_uses_nothing_up(
    house: House,
) -> None:
    token = await reset_token(house, "owner")
    async with browser(house) as owner:
        for _ in range(20):
            seen = await owner.post("/api/setup", json={"token": token})
            assert seen.status_code == 200
            assert seen.json().keys() == {"kind", "expires_at"}
            assert seen.json()["kind"] == "setup"
            assert "set-cookie" not in seen.headers
        answer = await owner.post("/api/setup", json={"token": "x" * 43})
        assert refusal(answer) == (401, "invalid_token")
        body = {"token": token, "password": PASSWORD}
        assert (await owner.post("/api/setup", json=body)).status_code == 200
        used = await owner.post("/api/setup", json={"token": token})
        assert refusal(used) == (409, "already_set_up")
        lost = await reset_token(house, "owner")
        assert (await owner.post("/api/setup", json={"token": lost})).status_code == 200
        house.clock.advance(86_400)
        assert refusal(await owner.post("/api/setup", json={"token": lost}))[0] == 409


async def test_an_invitation_sets_up_nothing(house: House) -> None:
    async with house.client() as console, browser(house) as stranger:
        made = await console.post("/api/invitations", json={"role": "member"})
        token = made.json()["url"].rpartition("/")[2]
        answer = await stranger.post("/api/setup", json={"token": token, "password": PASSWORD})
        assert refusal(answer) == (401, "invalid_token")


# -- sessions -------------------------------------------------------------------------------------


async def test_the_cookie_is_for_the_server_alone(house: House) -> None:
    async with owner_in(house) as owner:
        answer = await owner.post("/api/session", json={"password": PASSWORD})
        cookies = answer.headers.get_list("set-cookie")
        for cookie, name, age_s in zip(
            cookies, ("studio=", "studio-device="), (2_592_000, 31_536_000), strict=True
        ):
            value, *attributes = cookie.split("; ")
            assert value.startswith(name)
            assert set(attributes) == {"Path=/", f"Max-Age={age_s}", "HttpOnly", "SameSite=Lax"}
        seen = (await owner.get("/api/session")).json()
        assert (seen["insecure"], seen["public_url"]) == (True, "http://studio")
        assert seen.keys() == {"user", "expires_at", "insecure", "public_url"}


async def test_over_https_the_cookie_is_bound_to_the_host(house: House) -> None:
    async with browser(house) as owner:
        owner.base_url = owner.base_url.copy_with(scheme="https")
        answer = await owner.post("/api/setup", json={"api_key": KEY, "password": PASSWORD})
        cookies = answer.headers.get_list("set-cookie")
        for cookie, name in zip(cookies, ("studio=", "studio-device="), strict=True):
            assert cookie.startswith(f"__Host-{name}")
            assert "; Secure" in cookie
            assert "domain" not in cookie.lower()
        assert (await owner.get("/api/session")).json()["insecure"] is False


async def test_logging_out_ends_the_session_and_takes_the_cookie_away(house: House) -> None:
    async with owner_in(house) as owner:
        kept = owner.cookies["studio"]
        assert await opens(house, kept)
        answer = await owner.delete("/api/session")
        assert answer.status_code == 204
        assert answer.headers["set-cookie"].startswith("studio=; Path=/; Max-Age=0")
        assert not await is_in(owner)
        assert not await opens(house, kept)


async def test_sessions_are_listed_and_ended_one_by_one_or_together(house: House) -> None:
    async with (
        owner_in(house) as one,
        owner_in(house) as two,
        owner_in(house) as three,
        member_in(house, "Ann") as ann,
    ):
        mine = (await one.get("/api/sessions")).json()["sessions"]
        assert [session["current"] for session in mine].count(True) == 1
        assert len(mine) == 3
        assert mine[0].keys() == {
            "id", "user_id", "user_name", "created_at", "last_used_at", "expires_at", "client",
            "current",
        }  # fmt: skip
        assert len((await one.get("/api/sessions?all=1")).json()["sessions"]) == 4
        [anns] = (await ann.get("/api/sessions?all=1")).json()["sessions"]
        own = next(session["id"] for session in mine if session["current"])
        assert refusal(await ann.delete(f"/api/sessions/{own}")) == (404, "not_found")

        listed = (await two.get("/api/sessions")).json()["sessions"]
        twos = next(session["id"] for session in listed if session["current"])
        answer = await one.delete(f"/api/sessions/{twos}")
        assert (answer.status_code, "set-cookie" in answer.headers) == (204, False)
        assert not await is_in(two)
        assert (await one.delete("/api/sessions")).status_code == 204
        assert not await is_in(three)
        assert await is_in(ann)
        assert (await one.delete(f"/api/sessions/{anns['id']}")).status_code == 204
        assert not await is_in(ann)
        answer = await one.delete(f"/api/sessions/{own}")
        assert "Max-Age=0" in answer.headers["set-cookie"]
        assert not await is_in(one)


async def test_a_new_password_ends_other_sessions_and_changes_this_ones_token(
    house: House,
) -> None:
    async with owner_in(house) as here, owner_in(house) as there:
        former = here.cookies["studio"]
        change = {"current": PASSWORD, "new": "another good one"}
        wrong: list[tuple[dict[str, Any], tuple[int, str]]] = [
            ({"current": "wrong"}, (401, "wrong_credentials")),
            ({"new": "short"}, (422, "invalid_request")),
            ({"new": None}, (422, "invalid_request")),
            ({"current": None}, (422, "invalid_request")),
        ]
        for part, expected in wrong:
            answer = await here.post("/api/session/password", json={**change, **part})
            assert refusal(answer) == expected, part
        assert await is_in(there)
        answer = await here.post("/api/session/password", json=change)
        assert answer.status_code == 204
        assert here.cookies["studio"] != former
        assert await is_in(here)
        assert not await is_in(there)
        assert not await opens(house, former)


async def test_a_changed_password_ends_reset_links(house: House) -> None:
    async with owner_in(house) as owner:
        token = await reset_token(house, "owner")
        change = {"current": PASSWORD, "new": "another good one"}
        assert (await owner.post("/api/session/password", json=change)).status_code == 204
        answer = await owner.post("/api/setup", json={"token": token, "password": PASSWORD})
        assert refusal(answer) == (409, "already_set_up")


async def test_people_and_sessions_survive_a_restart(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, owner_in(house) as owner:
        cookie = owner.cookies["studio"]
    async with open_house(tmp_path) as house, browser(house) as stranger:
        assert await opens(house, cookie)
        assert (await stranger.get("/api/setup")).json() == {"needed": False}
