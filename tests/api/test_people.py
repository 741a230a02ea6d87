"""Users and invitations: who gets in, who may do what, and how that ends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.graphs import solid
from tests.api.house import House
from tests.api.people import (
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

HOUR_S = 3600


async def test_an_invitation_is_looked_at_and_then_used_once(house: House) -> None:
    token = await invitation(house, "guest")
    async with browser(house) as ann, browser(house) as bob:
        for _ in range(2):
            seen = (await ann.post("/api/join", json={"token": token})).json()
            assert (seen["kind"], seen["role"]) == ("invitation", "guest")
            assert seen.keys() == {"kind", "role", "expires_at"}
        body = {"token": token, "name": "Ann", "password": PASSWORD}
        answer = await ann.post("/api/join", json=body)
        assert answer.json()["user"]["role"] == "guest"
        assert (await me(ann))["name"] == "Ann"
        answer = await bob.post("/api/join", json={**body, "name": "Bob"})
        assert refusal(answer) == (401, "invalid_token")
        assert not await is_in(bob)


async def test_who_joins_while_logged_in_as_somebody_else_is_somebody_new(house: House) -> None:
    token = await invitation(house, "guest")
    async with member_in(house, "Ann") as ann, browser(house) as kept:
        kept.cookies.update(dict(ann.cookies))
        assert (await me(kept))["name"] == "Ann"
        seen = await ann.post("/api/join", json={"token": token})
        assert (seen.status_code, (await me(ann))["name"]) == (200, "Ann")
        body = {"token": token, "name": "Gus", "password": PASSWORD}
        assert (await ann.post("/api/join", json=body)).status_code == 200
        assert ((await me(ann))["name"], (await me(ann))["role"]) == ("Gus", "guest")
        # Nothing of Ann's is left open in that browser.
        assert not await is_in(kept)


async def test_a_bad_name_or_password_does_not_use_an_invitation_up(house: House) -> None:
    token = await invitation(house)
    async with member_in(house, "Ann"), browser(house) as bob:
        bad: list[tuple[dict[str, Any], tuple[int, str]]] = [
            ({"name": "aNN"}, (409, "name_taken")),
            ({"name": "OWNER"}, (409, "name_taken")),
            ({"name": "x" * 41}, (422, "invalid_request")),
            ({"name": "a\nb"}, (422, "invalid_request")),
            ({"name": None}, (422, "invalid_request")),
            ({"name": 5}, (422, "invalid_request")),
            ({"password": "short"}, (422, "invalid_request")),
            ({"password": "x" * 257}, (422, "invalid_request")),
        ]
        for change, expected in bad:
            body = {"token": token, "name": "Bob", "password": PASSWORD, **change}
            assert refusal(await bob.post("/api/join", json=body)) == expected, change
        body = {"token": token, "name": "Bob", "password": PASSWORD}
        assert (await bob.post("/api/join", json=body)).status_code == 200


async def test_an_invitation_ends_by_time_and_by_the_owner(house: House) -> None:
    token = await invitation(house, expires_in_hours=2)
    async with browser(house) as ann, house.client() as owner:
        house.clock.advance(2 * HOUR_S - 1)
        assert (await ann.post("/api/join", json={"token": token})).status_code == 200
        house.clock.advance(1)
        answer = await ann.post("/api/join", json={"token": token})
        assert refusal(answer) == (401, "invalid_token")
        assert (await owner.get("/api/invitations")).json() == {"invitations": []}
        token = await invitation(house)
        [listed] = (await owner.get("/api/invitations")).json()["invitations"]
        assert listed.keys() == {"id", "role", "created_at", "expires_at"}
        assert (await owner.delete(f"/api/invitations/{listed['id']}")).status_code == 204
        answer = await ann.post("/api/join", json={"token": token})
        assert refusal(answer) == (401, "invalid_token")
        again = await owner.delete(f"/api/invitations/{listed['id']}")
        assert refusal(again) == (404, "not_found")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"role": "owner"},
        {"role": "root"},
        {"role": ["member"]},
        {"role": "member", "expires_in_hours": 0},
        {"role": "member", "expires_in_hours": 721},
        {"role": "member", "expires_in_hours": True},
        {"role": "member", "expires_in_hours": "72"},
    ],
    ids=str,
)
async def test_a_senseless_invitation_is_not_made(house: House, body: dict[str, Any]) -> None:
    async with house.client() as owner:
        assert refusal(await owner.post("/api/invitations", json=body)) == (422, "invalid_request")
        assert (await owner.get("/api/invitations")).json() == {"invitations": []}


async def test_members_see_what_is_theirs_and_the_owner_all(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        made = await ann.post("/api/jobs", json={"workflow": solid()})
        assert made.status_code == 201, made.text
        job = f"/api/jobs/{made.json()['id']}"
        assert (await ann.get(job)).status_code == 200
        assert refusal(await bob.get(job)) == (404, "not_found")
        assert (await bob.get("/api/jobs")).json()["jobs"] == []
        async with house.client() as owner:
            assert (await owner.get(job)).json()["user_id"] == (await me(ann))["id"]


async def test_members_and_guests_may_do_what_their_role_says(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Gus", "guest") as gus:
        for path in ("/api/users", "/api/invitations", "/metrics", "/api/secrets"):
            for client in (ann, gus):
                assert refusal(await client.get(path)) == (403, "forbidden"), path
        answer = await gus.post("/api/jobs", json={"workflow": solid()})
        assert refusal(answer) == (403, "forbidden")
        assert (await me(gus))["scopes"] == ["assets", "jobs"]
        assert (await gus.get("/api/queue")).status_code == 200


async def test_another_role_counts_at_once_also_for_keys(house: House) -> None:
    async with member_in(house, "Ann") as ann, house.client() as owner:
        key = (await ann.post("/api/keys", json={"name": "ann's"})).json()["key"]
        path = f"/api/users/{(await me(ann))['id']}"
        async with house.client(key) as program:
            job = {"workflow": solid()}
            assert (await program.post("/api/jobs", json=job)).status_code == 201
            changed = await owner.patch(path, json={"role": "guest"})
            assert changed.json()["role"] == "guest"
            for client in (ann, program):
                answer = await client.post("/api/jobs", json=job)
                assert refusal(answer) == (403, "forbidden")
            await owner.patch(path, json={"role": "member"})
            assert (await program.post("/api/jobs", json=job)).status_code == 201


async def test_who_is_disabled_is_out_at_once_with_sessions_keys_and_links(house: House) -> None:
    async with member_in(house, "Ann") as ann, house.client() as owner:
        key = (await ann.post("/api/keys", json={"name": "ann's"})).json()["key"]
        user_id = (await me(ann))["id"]
        token = await reset_token(house, user_id)
        answer = await owner.patch(f"/api/users/{user_id}", json={"disabled": True})
        assert answer.json()["disabled_at"] is not None
        assert not await is_in(ann)
        async with house.client(key) as program:
            assert refusal(await program.get("/api/jobs")) == (401, "unauthorized")
        answer = await ann.post("/api/join", json={"token": token, "password": PASSWORD})
        assert refusal(answer) == (401, "invalid_token")
        answer = await ann.post("/api/session", json={"name": "Ann", "password": PASSWORD})
        assert refusal(answer) == (401, "wrong_credentials")
        assert refusal(await owner.post(f"/api/users/{user_id}/reset")) == (409, "conflict")

        answer = await owner.patch(f"/api/users/{user_id}", json={"disabled": False})
        assert answer.json()["disabled_at"] is None
        answer = await ann.post("/api/session", json={"name": "Ann", "password": PASSWORD})
        assert answer.status_code == 200
        async with house.client(key) as program:
            assert refusal(await program.get("/api/jobs")) == (401, "unauthorized")


async def test_the_owner_stays_the_owner(house: House) -> None:
    async with house.client() as owner, member_in(house, "Ann") as ann:
        for body in ({"disabled": True}, {"role": "member"}):
            answer = await owner.patch("/api/users/owner", json=body)
            assert refusal(answer) == (409, "conflict")
        path = f"/api/users/{(await me(ann))['id']}"
        answer = await owner.patch(path, json={"role": "owner"})
        assert refusal(answer) == (422, "invalid_request")
        answer = await owner.patch(path, json={"disabled": "yes"})
        assert refusal(answer) == (422, "invalid_request")
        answer = await owner.patch("/api/users/nobody", json={"name": "x"})
        assert refusal(answer) == (404, "not_found")


async def test_a_renamed_user_logs_in_by_the_new_name_only(house: House) -> None:
    async with member_in(house, "Ann") as ann, house.client() as owner:
        path = f"/api/users/{(await me(ann))['id']}"
        assert (await owner.patch(path, json={"name": "ANN "})).json()["name"] == "ANN"
        assert (await owner.patch(path, json={"name": "Eve"})).status_code == 200
        answer = await owner.patch(path, json={"name": "Owner"})
        assert refusal(answer) == (409, "name_taken")
        assert (await me(ann))["name"] == "Eve"
        for name, status in (("Ann", 401), (" eVe ", 200)):
            answer = await ann.post("/api/session", json={"name": name, "password": PASSWORD})
            assert answer.status_code == status, name


async def test_users_are_listed_with_when_they_were_last_here(house: House) -> None:
    async with member_in(house, "Ann") as ann, owner_in(house) as owner:
        house.clock.advance(600)
        await me(ann)
        house.clock.advance(30)
        first, second = (await owner.get("/api/users")).json()["users"]
        assert (first["id"], first["role"], second["name"]) == ("owner", "owner", "Ann")
        assert second.keys() == {
            "id", "name", "role", "created_at", "disabled_at", "last_seen_at", "quota",
        }  # fmt: skip
        assert second["last_seen_at"] > second["created_at"]
        assert first["last_seen_at"] > second["last_seen_at"]


async def test_a_reset_link_sets_a_password_once_and_ends_every_session(house: House) -> None:
    async with member_in(house, "Ann") as ann, browser(house) as elsewhere:
        token = await reset_token(house, (await me(ann))["id"])
        spare = await reset_token(house, (await me(ann))["id"])
        seen = (await elsewhere.post("/api/join", json={"token": token})).json()
        assert (seen["kind"], seen["name"], seen["role"]) == ("reset", "Ann", "member")
        body = {"token": token, "password": "another good one"}
        assert (await elsewhere.post("/api/join", json=body)).json()["user"]["name"] == "Ann"
        assert await is_in(elsewhere)
        assert not await is_in(ann)
        for used in (token, spare):
            answer = await ann.post("/api/join", json={**body, "token": used})
            assert refusal(answer) == (401, "invalid_token")
        login = {"name": "Ann", "password": PASSWORD}
        assert (await ann.post("/api/session", json=login)).status_code == 401
        login["password"] = "another good one"
        assert (await ann.post("/api/session", json=login)).status_code == 200


# -- keys of one's own ----------------------------------------------------------------------------


async def test_people_make_keys_of_their_own_within_their_role(house: House) -> None:
    async with member_in(house, "Ann") as ann, member_in(house, "Bob") as bob:
        made = (await ann.post("/api/keys", json={"name": "ann's"})).json()
        assert made["scopes"] == ["assets", "graphs:run", "jobs"]
        assert made["user_id"] == (await me(ann))["id"]
        answer = await ann.post("/api/keys", json={"name": "x", "scopes": ["jobs", "admin"]})
        assert refusal(answer) == (403, "forbidden")
        assert (await bob.get("/api/keys")).json() == {"keys": []}
        assert refusal(await bob.delete(f"/api/keys/{made['id']}")) == (404, "not_found")
        [listed] = (await ann.get("/api/keys")).json()["keys"]
        assert listed["id"] == made["id"]
        async with house.client() as owner:
            everybody = (await owner.get("/api/keys")).json()["keys"]
            assert {key["user_id"] for key in everybody} == {"owner", made["user_id"]}
        async with house.client(made["key"]) as program:
            assert (await program.get("/api/jobs")).status_code == 200
            assert refusal(await program.get("/api/keys")) == (403, "forbidden")
            assert (await ann.delete(f"/api/keys/{made['id']}")).status_code == 204
            assert refusal(await program.get("/api/jobs")) == (401, "unauthorized")
