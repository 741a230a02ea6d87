"""Programs that log in by a code: let in by a person, once, and by nobody else."""

from __future__ import annotations

import asyncio
import sqlite3
from typing import Any

import httpx
import pytest

from studio.services import program_logins
from studio.store.program_logins import ProgramLoginStore
from tests.api.house import House
from tests.api.people import browser, me, member_in, owner_in, refusal
from tests.api.shares import visitor


async def begin(program: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    answer = await program.post("/api/device/code", json={"name": "a script", **fields})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


async def poll(house: House, program: httpx.AsyncClient, begun: dict[str, Any]) -> httpx.Response:
    """Ask as patiently as one should."""
    house.clock.advance(5)
    return await program.post("/api/device/token", json={"device_code": begun["device_code"]})


async def decide(
    client: httpx.AsyncClient, begun: dict[str, Any], allow: bool = True, **fields: Any
) -> httpx.Response:
    body = {"user_code": begun["user_code"], "allow": allow, **fields}
    return await client.post("/api/device/decide", json=body)


async def test_a_program_is_let_in_once_as_whoever_let_it_in(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program, scopes=["jobs", "assets"])
        assert begun["verification_uri"] == "http://studio/#/device"
        assert begun["verification_uri_complete"].endswith(f"/#/device/{begun['user_code']}")
        assert (begun["interval"], begun["expires_in"]) == (5, 900)
        assert refusal(await poll(house, program, begun)) == (400, "authorization_pending")
        seen = await ann.post("/api/device/look", json={"user_code": begun["user_code"].lower()})
        assert seen.json()["name"] == "a script"
        assert seen.json()["scopes"] == seen.json()["may_give"] == ["assets", "jobs"]
        assert seen.json()["address"] == "127.0.0.1"
        assert (await decide(ann, begun, expires_in_days=30)).status_code == 204
        answer = await poll(house, program, begun)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        given = answer.json()
        assert given["scopes"] == ["assets", "jobs"]
        assert given["user_id"] == (await me(ann))["id"]
        async with house.client(given["access_token"]) as inside:
            assert (await inside.get("/api/jobs")).status_code == 200
            assert refusal(await inside.get("/api/models")) == (403, "forbidden")
        again = await poll(house, program, begun)
        assert refusal(again) == (400, "expired_token")
        [key] = (await ann.get("/api/keys")).json()["keys"]
        assert (key["name"], key["scopes"]) == ("a script", ["assets", "jobs"])
        assert key["expires_at"] == given["expires_at"]
        told = [item["kind"] for item in (await ann.get("/api/activity")).json()["items"]]
        assert told[:2] == ["key.created", "program.let_in"]


async def test_programs_that_fetch_at_once_get_one_key(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program)
        await decide(ann, begun)
        answers = await asyncio.gather(*(poll(house, program, begun) for _ in range(8)))
        assert [answer.status_code for answer in answers].count(200) == 1
        assert len((await ann.get("/api/keys")).json()["keys"]) == 1


async def test_a_refused_program_hears_it_once_and_gets_nothing(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program)
        assert (await decide(ann, begun, allow=False)).status_code == 204
        assert refusal(await decide(ann, begun)) == (404, "not_found")
        assert refusal(await poll(house, program, begun)) == (400, "access_denied")
        assert refusal(await poll(house, program, begun)) == (400, "expired_token")
        assert (await ann.get("/api/keys")).json()["keys"] == []


async def test_a_code_ends_after_a_quarter_of_an_hour_decided_or_not(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        late, decided = await begin(program), await begin(program)
        assert (await decide(ann, decided)).status_code == 204
        house.clock.advance(900)
        assert refusal(await decide(ann, late)) == (404, "not_found")
        for begun in (late, decided):
            assert refusal(await poll(house, program, begun)) == (400, "expired_token")
        assert (await ann.get("/api/keys")).json()["keys"] == []


async def test_who_asks_too_soon_is_slowed_down(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program)
        assert refusal(await poll(house, program, begun)) == (400, "authorization_pending")
        house.clock.advance(1)
        body = {"device_code": begun["device_code"]}
        hurried = await program.post("/api/device/token", json=body)
        assert refusal(hurried) == (400, "slow_down")
        assert hurried.headers["retry-after"] == "10"
        await decide(ann, begun)
        assert refusal(await poll(house, program, begun)) == (400, "slow_down")
        house.clock.advance(20)
        assert (await program.post("/api/device/token", json=body)).status_code == 200


async def test_nobody_gives_more_than_they_have_or_than_was_asked_for(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Gus", "guest") as gus:
        begun = await begin(program, scopes=["admin", "jobs"])
        seen = await gus.post("/api/device/look", json={"user_code": begun["user_code"]})
        assert (seen.json()["scopes"], seen.json()["may_give"]) == (["admin", "jobs"], ["jobs"])
        await decide(gus, begun, scopes=["admin", "jobs", "assets"])
        assert (await poll(house, program, begun)).json()["scopes"] == ["jobs"]
        greedy = await begin(program, scopes=["admin"])
        assert refusal(await decide(gus, greedy)) == (403, "forbidden")
        less = await begin(program, scopes=["jobs", "assets"])
        await decide(gus, less, scopes=["assets"])
        assert (await poll(house, program, less)).json()["scopes"] == ["assets"]


async def test_a_program_of_somebody_who_was_disabled_meanwhile_stays_out(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program)
        user_id = (await me(ann))["id"]
        await decide(ann, begun)
        async with house.client() as owner:
            await owner.patch(f"/api/users/{user_id}", json={"disabled": True})
        assert refusal(await poll(house, program, begun)) == (400, "access_denied")


async def test_a_role_that_was_taken_meanwhile_is_not_in_the_key(house: House) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program)
        user_id = (await me(ann))["id"]
        await decide(ann, begun)
        async with house.client() as owner:
            await owner.patch(f"/api/users/{user_id}", json={"role": "guest"})
        assert (await poll(house, program, begun)).json()["scopes"] == ["assets", "jobs"]


async def test_guessing_codes_ends_after_a_few_and_only_for_who_guesses(house: House) -> None:
    async with (
        house.client(None) as program,
        member_in(house, "Eve") as eve,
        member_in(house, "Ann") as ann,
    ):
        begun = await begin(program)
        answers = []
        for number in range(25):
            wrong = f"BCDF{'BCDFGHJKLMNPQRSTVWXZ'[number % 20]}BCD"
            path = "/api/device/look" if number % 2 else "/api/device/decide"
            body = {"user_code": wrong, "allow": True}
            answers.append(refusal(await eve.post(path, json=body)))
        assert set(answers[:20]) == {(404, "not_found")}
        assert set(answers[20:]) == {(429, "rate_limited")}
        # Not even with the right one.
        assert refusal(await decide(eve, begun)) == (429, "rate_limited")
        assert (await decide(ann, begun)).status_code == 204


async def test_strangers_cannot_fill_the_list_of_those_who_wait(house: House) -> None:
    async with house.client(None) as program:
        for _ in range(20):
            await begin(program)
        refused = await program.post("/api/device/code", json={"name": "one more"})
        assert refusal(refused) == (429, "rate_limited")
        assert int(refused.headers["retry-after"]) > 0
        house.clock.advance(int(refused.headers["retry-after"]))
        await begin(program)


async def test_who_fills_the_room_loses_their_own_place_and_nobody_elses(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(program_logins, "MAX_WAITING", 6)
    async with (
        visitor(house, "192.0.2.1") as friend,
        visitor(house, "203.0.113.9") as late,
        member_in(house, "Ann") as ann,
    ):
        first = await begin(friend)
        flood = []
        for number in range(12):
            # Many addresses of one network.
            async with visitor(house, f"2001:db8::{number:x}") as program:
                flood.append(await begin(program))
            house.clock.advance(0.01)
        last = await begin(late)
        for begun, status in ((flood[0], 404), (flood[6], 404), (first, 200), (last, 200)):
            assert (await decide(ann, begun)).status_code in (status, 204), begun
            assert (await poll(house, late, begun)).status_code == (400 if status == 404 else 200)


async def test_codes_that_are_over_are_swept_out_though_nobody_asks_again(house: House) -> None:
    async with house.client(None) as program:
        await begin(program)
    house.clock.advance(901)
    await ProgramLoginStore(house.db).sweep(house.clock.now_ms())
    rows = await house.db.read(lambda c: c.execute("SELECT * FROM program_logins").fetchall())
    assert rows == []


async def test_only_somebody_who_is_logged_in_lets_programs_in(house: House) -> None:
    async with house.client(None) as program, house.client() as key, owner_in(house) as owner:
        begun = await begin(program)
        for path in ("/api/device/look", "/api/device/decide"):
            body = {"user_code": begun["user_code"], "allow": True}
            assert refusal(await program.post(path, json=body)) == (401, "unauthorized")
            assert refusal(await key.post(path, json=body)) == (403, "session_required")
            # Another page in the owner's browser.
            foreign = {"Sec-Fetch-Site": "cross-site"}
            answer = await owner.post(path, json=body, headers=foreign)
            assert refusal(answer) == (403, "cross_origin")
        assert refusal(await poll(house, program, begun)) == (400, "authorization_pending")


async def test_the_short_code_fetches_nothing_and_neither_lies_in_the_database(
    house: House,
) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program)
        await decide(ann, begun)
        for wrong in (begun["user_code"], begun["device_code"][:-1], "", "x" * 200):
            answer = await program.post("/api/device/token", json={"device_code": wrong})
            assert refusal(answer) == (400, "expired_token")

        def dump(connection: sqlite3.Connection) -> str:
            rows = connection.execute("SELECT * FROM program_logins").fetchall()
            return repr([tuple(row) for row in rows])

        stored = await house.db.read(dump)
        assert "a script" in stored
        for code in (begun["device_code"], begun["user_code"], begun["user_code"].replace("-", "")):
            assert code not in stored


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/api/device/code", {"name": "\u0007 "}),
        ("/api/device/code", {"name": "x" * 101}),
        ("/api/device/code", {"name": 5}),
        ("/api/device/code", {"scopes": ["root"]}),
        ("/api/device/code", {"scopes": []}),
        ("/api/device/token", {}),
        ("/api/device/token", {"device_code": 5}),
    ],
    ids=str,
)
async def test_senseless_questions_of_programs_are_refused(
    house: House, path: str, body: dict[str, Any]
) -> None:
    async with house.client(None) as program:
        status, code = refusal(await program.post(path, json=body))
        assert status in (400, 422)
        assert code == "invalid_request"


@pytest.mark.parametrize(
    "body",
    [
        {"allow": "yes"},
        {},
        {"allow": True, "scopes": "jobs"},
        {"allow": True, "expires_in_days": 0},
        {"allow": True, "expires_in_days": 1.5},
    ],
    ids=str,
)
async def test_a_senseless_decision_decides_nothing(house: House, body: dict[str, Any]) -> None:
    async with house.client(None) as program, member_in(house, "Ann") as ann:
        begun = await begin(program)
        answer = await ann.post(
            "/api/device/decide", json={"user_code": begun["user_code"], **body}
        )
        assert refusal(answer) == (422, "invalid_request")
        assert (await decide(ann, begun)).status_code == 204


async def test_the_owner_logs_somebody_out_everywhere(house: House) -> None:
    async with member_in(house, "Ann") as ann, owner_in(house) as owner, browser(house) as bob:
        made = (await ann.post("/api/keys", json={"name": "a program"})).json()["key"]
        user_id = (await me(ann))["id"]
        assert refusal(await ann.delete("/api/users/owner/sessions")) == (403, "forbidden")
        assert refusal(await bob.delete(f"/api/users/{user_id}/sessions")) == (401, "unauthorized")
        assert (await owner.delete(f"/api/users/{user_id}/sessions")).status_code == 204
        assert refusal(await ann.get("/api/session")) == (401, "unauthorized")
        async with house.client(made) as program:
            assert (await program.get("/api/jobs")).status_code == 200
        assert refusal(await owner.delete("/api/users/nobody/sessions")) == (404, "not_found")
        [entry] = (await owner.get("/api/activity?kind=user.signed_out")).json()["items"]
        assert entry["subject"] == "Ann"
