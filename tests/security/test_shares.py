"""Links for strangers: they open what they are for, to whoever has them, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.graphs import code_of, fresh_png
from tests.api.house import House, open_house
from tests.api.pictures import act, indexed, shelf
from tests.api.presets import good, save
from tests.api.shares import PASSWORD, enter, shared, visitor
from tests.security.tables import BAD_NAMES, ENCODED_NAMES
from tests.security.test_doors import assert_safe_headers

UNKNOWN = "x" * 43


def below(path: str) -> list[tuple[str, str]]:
    """Every address of a link that a visitor can ask for."""
    nothing = "0" * 36
    return [
        ("GET", path),
        ("POST", f"{path}/visit"),
        ("GET", f"{path}/pictures"),
        ("GET", f"{path}/pictures/{nothing}"),
        ("GET", f"{path}/pictures/{nothing}/content"),
        ("GET", f"{path}/pictures/{nothing}/thumbnail"),
        ("POST", f"{path}/files?name=x"),
        ("POST", f"{path}/runs"),
        ("GET", f"{path}/runs"),
        ("GET", f"{path}/runs/{nothing}"),
        ("GET", f"{path}/runs/{nothing}/preview"),
        ("POST", f"{path}/runs/{nothing}/cancel"),
        ("GET", f"{path}/runs/{nothing}/outputs/{nothing}/content"),
        ("GET", f"{path}/runs/{nothing}/outputs/{nothing}/thumbnail"),
    ]


async def test_no_address_of_a_link_is_left_out_here(house: House) -> None:
    known = {address.partition("?")[0] for _, address in below("/api/shares/{}")}
    routes = {path for path in house.paths() if path.startswith("/api/shares/")}
    assert {re.sub(r"\{\w+\}", "{}", path) for path in routes} == {
        path.replace("0" * 36, "{}") for path in known
    }


async def test_an_unknown_link_opens_nothing_at_any_address(house: House) -> None:
    async with visitor(house) as stranger:
        for method, address in below(f"/api/shares/{UNKNOWN}"):
            answer = await stranger.request(method, address, json={})
            assert (answer.status_code, code_of(answer)) == (404, "share_gone"), address
            assert_safe_headers(answer)
        for token in (UNKNOWN[:-1], UNKNOWN + "x", "x" * 42 + "%2f", "../../jobs", ""):
            answer = await stranger.get(f"/api/shares/{token}")
            assert (answer.status_code, code_of(answer)) == (401, "unauthorized"), token


async def test_a_link_with_a_password_tells_nothing_at_any_address(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as stranger:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], label="Hidden", password=PASSWORD)
        for method, address in below(path)[1:]:
            answer = await stranger.request(method, address, json={})
            assert (answer.status_code, code_of(answer)) == (403, "share_locked"), address
            assert "Hidden" not in answer.text


async def test_a_link_and_its_visit_open_nothing_else_of_studio(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as stranger:
        path = await shared(owner, "asset", asset)
        token = path.rpartition("/")[2]
        answer = await stranger.post(f"{path}/visit", json={})
        cookie = answer.headers["set-cookie"]
        assert f"; Path={path};" in cookie
        assert "HttpOnly; SameSite=Strict" in cookie
        value = cookie.partition(";")[0]
        for address in (
            "/api/jobs",
            "/api/library",
            f"/api/library/{asset}",
            f"/api/v2/assets/{asset}",
            f"/api/v2/assets/{asset}/content",
            f"/api/assets/{asset}/thumbnail",
            "/api/share-links",
            "/api/session",
            "/metrics",
        ):
            for headers in (
                {"Cookie": f"{value}; studio={token}"},
                {"Authorization": f"Bearer {token}"},
                {"X-API-Key": token},
            ):
                answer = await stranger.get(address, headers=headers)
                assert (answer.status_code, code_of(answer)) == (401, "unauthorized"), address


async def test_a_visit_of_one_link_is_none_of_another(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as stranger:
        one = await shared(owner, "asset", asset, password=PASSWORD)
        two = await shared(owner, "asset", asset, password=PASSWORD)
        answer = await stranger.post(f"{one}/visit", json={"password": PASSWORD})
        value = answer.headers["set-cookie"].partition(";")[0]
        name, _, said = value.partition("=")
        visit, ends, signature = said.split(".")
        house.clock.advance(60)
        changed = [
            value,
            f"{name}={visit}.{int(ends) + 10**9}.{signature}",
            f"{name}={visit}x.{ends}.{signature}",
            f"{name}={visit}.{ends}.",
            f"{name}={visit}.{ends}.{'0' * 64}",
            f"{name}=..",
            f"{name}={visit}.{'9' * 400}.{signature}",
            f"{name}={visit}.-1.{signature}",
        ]
        for cookie in changed:
            answer = await stranger.get(f"{two}/pictures", headers={"Cookie": cookie})
            assert answer.status_code == 403, cookie
        for cookie in changed[1:]:
            stranger.cookies.clear()
            answer = await stranger.get(f"{one}/pictures", headers={"Cookie": cookie})
            assert answer.status_code == 403, cookie
        assert (await stranger.get(f"{one}/pictures", headers={"Cookie": value})).status_code == 200


async def test_a_link_shows_no_file_but_its_own(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        await stores.add_user("ann")
        [mine, other] = await stores.add(outputs=2)
        [hers] = await stores.add(user_id="ann")
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as stranger:
        await indexed(owner, 3)
        board = good(await owner.post("/api/boards", json={"name": "B"}), 201)["id"]
        await act(owner, [mine], "add_to_board", board)
        preset = await save(owner)
        paths = [
            await shared(owner, "asset", mine),
            await shared(owner, "board", board),
            await shared(owner, "preset", preset["id"]),
        ]
        for path in paths:
            await enter(stranger, path)
            for foreign in (other, hers, board, preset["id"]):
                for more in ("", "/content", "/thumbnail"):
                    answer = await stranger.get(f"{path}/pictures/{foreign}{more}")
                    assert (answer.status_code, code_of(answer)) == (404, "not_found"), (path, more)


@pytest.mark.parametrize("name", [*BAD_NAMES, *ENCODED_NAMES], ids=ascii)
async def test_hostile_ids_lead_nowhere(tmp_path: Path, name: str) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as stranger:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"])
        await enter(stranger, path)
        for kind in ("asset", "board", "preset"):
            body = {"kind": kind, "target": name}
            answer = await owner.post("/api/share-links", json=body)
            assert answer.status_code in (404, 422), kind
        # Clients take dots away themselves, and some names are no addresses.
        is_sent = name.isascii() and name.isprintable() and " " not in name and len(name) < 3000
        if is_sent and not {".", ".."} & set(name.split("/")):
            for address in (f"pictures/{name}/content", f"runs/{name}", f"runs/{name}/outputs/x"):
                answer = await stranger.get(httpx.URL(f"http://studio{path}/{address}"))
                assert answer.status_code in (401, 404), address


async def test_passwords_cannot_be_guessed_quickly(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        visitor(house, "198.51.100.1") as guesser,
        visitor(house, "203.0.113.5") as friend,
    ):
        path = await shared(owner, "asset", asset, password=PASSWORD)

        async def guess(password: str) -> tuple[int, str]:
            answer = await guesser.post(f"{path}/visit", json={"password": password})
            if answer.status_code == 429:
                assert int(answer.headers["retry-after"]) > 0
            return answer.status_code, code_of(answer)

        wrong = [await guess(f"wrong guess {number}") for number in range(3)]
        assert wrong == [(403, "wrong_share_password")] * 2 + [(429, "rate_limited")]
        assert await guess(PASSWORD) == (429, "rate_limited")
        await enter(friend, path, password=PASSWORD)
        house.clock.advance(60)
        await enter(guesser, path, password=PASSWORD)


async def test_another_site_can_make_nobodys_browser_run_a_form(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as victim:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"])
        await enter(victim, path)
        foreign = {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}
        answer = await victim.post(
            f"{path}/runs", json={"answers": {"animal": "fox"}}, headers=foreign
        )
        assert (answer.status_code, code_of(answer)) == (403, "cross_origin")
        assert good(await owner.get("/api/queue"))["depth"] == 0


async def test_a_stranger_holds_no_large_body_in_memory(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as stranger:
        preset = await save(owner, values={"prompt": "x"})
        path = await shared(owner, "preset", preset["id"])
        await enter(stranger, path)
        body: dict[str, Any] = {"values": {"prompt": "x" * 20_000}}
        answer = await stranger.post(f"{path}/runs", json=body)
        assert (answer.status_code, code_of(answer)) == (413, "payload_too_large")


async def test_a_file_is_refused_before_it_is_read_where_none_is_wanted(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stores:
        [asset] = await stores.add()
    async with open_house(tmp_path) as house, house.client() as owner, visitor(house) as stranger:
        path = await shared(owner, "asset", asset)

        async def body() -> Any:
            for _ in range(64):
                yield fresh_png()

        answer = await stranger.post(f"{path}/files", content=body())
        assert answer.status_code == 403
        await enter(stranger, path)
        answer = await stranger.post(f"{path}/files", content=body())
        assert (answer.status_code, code_of(answer)) == (404, "share_gone")
        rows = await house.db.read(lambda c: c.execute("SELECT count(*) FROM blobs").fetchone())
        assert rows[0] == 1


async def test_a_visit_that_somebody_else_planted_is_not_believed(tmp_path: Path) -> None:
    async with (
        open_house(tmp_path) as house,
        house.client() as owner,
        visitor(house) as thief,
        visitor(house) as victim,
    ):
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"], password=PASSWORD)

        async def visit(client: httpx.AsyncClient, cookies: str = "") -> str:
            headers = {"Cookie": cookies} if cookies else {}
            body = {"password": PASSWORD}
            answer = await client.post(f"{path}/visit", json=body, headers=headers)
            assert answer.status_code == 200, answer.text
            return answer.headers["set-cookie"].partition(";")[0]

        async def looked(cookies: str) -> int:
            victim.cookies.clear()
            answer = await victim.get(f"{path}/runs", headers={"Cookie": cookies})
            return answer.status_code

        planted = await visit(thief)
        victim.cookies.clear()
        # Who gives the password has a visit of their own, and not the one that was there.
        own = await visit(victim, planted)
        assert own != planted
        assert await looked(own) == 200
        assert await looked(f"{own}; {own}") == 200
        assert await looked(f"{planted}; {own}") == 403
        assert await looked(f"{own}; {planted}") == 403
        # Nor is it the only one because the other one was pushed out.
        name = own.partition("=")[0]
        junk = "; ".join(f"{name}=junk{number}" for number in range(20))
        assert await looked(f"{planted}; {junk}; {own}") == 403
        assert await looked("; ".join([planted] * 20 + [own])) == 403


async def test_one_link_answers_so_many_requests_a_minute_wherever_they_come_from(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house, house.client() as owner:
        preset = await save(owner)
        path = await shared(owner, "preset", preset["id"])
        other = await shared(owner, "preset", preset["id"])
        answers = []
        for number in range(13):
            async with visitor(house, f"203.0.113.{number}") as guest:
                answers += [await guest.get(f"{path}/pictures") for _ in range(50)]
        assert [answer.status_code for answer in answers[:600]] == [200] * 600
        assert {answer.status_code for answer in answers[600:]} == {429}
        assert code_of(answers[-1]) == "rate_limited"
        assert int(answers[-1].headers["retry-after"]) >= 1
        async with visitor(house, "203.0.113.200") as guest:
            assert (await guest.get(path)).status_code == 429
            await enter(guest, other)
            house.clock.advance(60)
            await enter(guest, path)
