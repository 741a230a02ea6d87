"""Whose word counts about the client an attempt to log in comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from studio.errors import InvalidRequest
from studio.settings import Settings
from tests.api.house import open_house
from tests.api.people import OWN_PAGE, PASSWORD, browser, member_in, owner_in, refusal
from tests.api.studio_process import run_studio

RUNPOD = ("100.64.0.0/10", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")


@pytest.mark.parametrize(
    ("environ", "trusted"),
    [
        ({}, ()),
        ({"STUDIO_TRUSTED_PROXIES": " , "}, ()),
        ({"RUNPOD_POD_ID": "pod"}, RUNPOD),
        ({"RUNPOD_POD_ID": "pod", "STUDIO_TRUSTED_PROXIES": "192.0.2.1"}, ("192.0.2.1/32",)),
        ({"STUDIO_TRUSTED_PROXIES": "127.0.0.1, ::1"}, ("127.0.0.1/32", "::1/128")),
        # The part of an address behind its network's is cut off; the server would ignore it whole.
        ({"STUDIO_TRUSTED_PROXIES": "10.1.2.3/8"}, ("10.0.0.0/8",)),
    ],
)
def test_nobody_is_trusted_who_is_not_named(
    environ: dict[str, str], trusted: tuple[str, ...]
) -> None:
    assert Settings.from_env(environ).trusted_proxies == trusted


def test_what_is_no_address_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match=r"STUDIO_TRUSTED_PROXIES.*'proxy.lan'"):
        Settings.from_env({"STUDIO_TRUSTED_PROXIES": "127.0.0.1,proxy.lan"})


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, [401, 401, 429, 429]),
        ({"STUDIO_TRUSTED_PROXIES": "127.0.0.1"}, [401, 401, 401, 401]),
    ],
)
def test_this_machine_is_believed_only_when_it_is_named(
    tmp_path: Path, environ: dict[str, str], expected: list[int]
) -> None:
    """What comes through ``ssh -R`` comes from loopback, with a header that a stranger wrote."""
    with run_studio(tmp_path, environ, engine=False) as studio, studio.client(None) as stranger:
        answers = [
            stranger.post(
                "/api/session",
                json={"password": "wrong one"},
                headers={
                    **OWN_PAGE,
                    "X-Forwarded-For": f"198.51.100.{number}",
                },
            )
            for number in range(4)
        ]
    assert [answer.status_code for answer in answers] == expected


async def test_on_runpod_a_stranger_uses_up_nobody_elses_attempts(tmp_path: Path) -> None:
    trusted = list(Settings.from_env({"RUNPOD_POD_ID": "pod"}).trusted_proxies)
    async with open_house(tmp_path) as house, owner_in(house):
        app: Any = ProxyHeadersMiddleware(cast("Any", house.app), trusted)
        transport = httpx.ASGITransport(app, client=("100.64.0.7", 1))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://studio", headers=OWN_PAGE
        ) as client:

            async def login(password: str, way: str) -> int:
                answer = await client.post(
                    "/api/session", json={"password": password}, headers={"X-Forwarded-For": way}
                )
                return answer.status_code

            # What a stranger writes into the header stands left of what the proxy adds.
            tries = [await login("wrong one", f"192.0.2.{n}, 198.51.100.1") for n in range(3)]
            assert tries == [401, 401, 429]
            assert await login(PASSWORD, "198.51.100.2, 10.1.1.1") == 200


async def test_who_logged_in_before_gets_in_while_a_stranger_keeps_others_out(
    tmp_path: Path,
) -> None:
    """Behind a proxy that is not named all people have one address."""
    async with open_house(tmp_path) as house, owner_in(house) as owner, browser(house) as stranger:
        await owner.delete("/api/session")
        for _ in range(2):
            await stranger.post("/api/session", json={"password": "wrong one"})
        answer = await stranger.post("/api/session", json={"password": PASSWORD})
        assert refusal(answer) == (429, "too_many_logins")
        wrong = [await owner.post("/api/session", json={"password": "not it"}) for _ in range(3)]
        assert [answer.status_code for answer in wrong] == [401, 401, 429]
        house.clock.advance(30)
        assert (await stranger.post("/api/session", json={"password": "x"})).status_code == 401
        assert (await owner.post("/api/session", json={"password": PASSWORD})).status_code == 200


async def test_a_remembered_device_helps_with_its_own_persons_password_alone(
    tmp_path: Path,
) -> None:
    async with open_house(tmp_path) as house, owner_in(house) as owner, browser(house) as stranger:
        async with member_in(house, "Eve") as eve:
            eves = eve.cookies["studio-device"]
        owners = owner.cookies["studio-device"]
        for _ in range(2):
            await stranger.post("/api/session", json={"password": "wrong one"})
        for kept in (eves, f"{owners}x", owners.replace("owner.", "owner.x"), "owner.x", "\xff"):
            answer = await stranger.post(
                "/api/session",
                json={"password": PASSWORD},
                headers={b"Cookie": f"studio-device={kept}".encode("latin-1")},
            )
            assert refusal(answer) == (429, "too_many_logins"), kept
