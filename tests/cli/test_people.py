"""The console as the way in: set-up links and users, with a Studio that runs and without one."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx

from tests.cli.program import Ended, Place, wait_for
from tests.cli.test_run import address

PASSWORD = "canary-password-6d20"


def token_in(ended: Ended, page: str) -> str:
    """The token of the link that a command printed, and nothing else."""
    assert ended.status == 0, ended.err
    match = re.fullmatch(rf"http://127\.0\.0\.1:\d+/#/{page}/([\w-]{{43}})\n", ended.out)
    assert match is not None, ended.out
    assert match[1] not in ended.err
    return match[1]


def ask(place: Place, path: str, body: dict[str, Any]) -> httpx.Response:
    return httpx.post(f"{address(place)}{path}", json=body, timeout=30)


def users_of(place: Place) -> dict[str, str]:
    listed = json.loads(place.run("users", "list", "--json").out)
    return {user["name"]: user["role"] for user in listed}


def log_of(place: Place) -> str:
    return (place.folder / "serving.log").read_text(errors="replace")


def test_the_first_start_prints_a_link_and_later_ones_none(place: Place) -> None:
    with place.serving():
        found = wait_for(lambda: re.search(r"(http://\S+)/#/setup/([\w-]{43})", log_of(place)))
        assert found[1] == address(place)
        answer = ask(place, "/api/setup", {"token": found[2], "password": PASSWORD})
        assert answer.json()["user"]["role"] == "owner"
        again = ask(place, "/api/setup", {"token": found[2], "password": "another one"})
        assert again.json()["error"]["code"] == "already_set_up"
        assert PASSWORD not in log_of(place)
    with place.serving():
        assert "#/setup" not in log_of(place)
        assert ask(place, "/api/session", {"password": PASSWORD}).status_code == 200


def test_with_an_api_key_no_link_is_printed(place: Place) -> None:
    place.more = {"API_KEY": "a-long-enough-key"}
    with place.serving():
        body = {"api_key": "a-long-enough-key", "password": PASSWORD}
        assert ask(place, "/api/setup", body).status_code == 200
        assert "#/setup" not in log_of(place)
        assert "a-long-enough-key" not in log_of(place)


def test_the_console_helps_with_a_lost_password_whether_studio_runs_or_not(place: Place) -> None:
    early = token_in(place.run("setup-link"), "setup")
    with place.serving():
        body = {"token": early, "password": "a password to forget"}
        assert ask(place, "/api/setup", body).status_code == 200
        late = token_in(place.run("setup-link"), "setup")
        body = {"token": late, "password": PASSWORD}
        assert ask(place, "/api/setup", body).status_code == 200
        assert ask(place, "/api/session", {"password": PASSWORD}).status_code == 200
        forgotten = ask(place, "/api/session", {"password": "a password to forget"})
        assert forgotten.status_code == 401


def test_people_are_invited_listed_and_helped(running: Place) -> None:
    token = token_in(running.run("users", "invite", "--role", "guest", "--hours", "1"), "join")
    body = {"token": token, "name": "Ann", "password": PASSWORD}
    assert ask(running, "/api/join", body).status_code == 200
    assert users_of(running)["Ann"] == "guest"
    assert "Ann" in running.run("users", "list").out
    token = token_in(running.run("users", "reset", "aNN"), "join")
    assert ask(running, "/api/join", {"token": token, "password": "another"}).status_code == 422
    assert ask(running, "/api/join", {"token": token, "password": "another one"}).status_code == 200


def test_a_user_who_is_not_there_cannot_be_helped(place: Place) -> None:
    ended = place.run("users", "reset", "nobody")
    assert (ended.status, ended.out) == (1, "")
    assert "[not_found]" in ended.err


def test_the_public_address_is_in_links_when_studio_knows_it(place: Place) -> None:
    place.more = {"STUDIO_PUBLIC_URL": "https://studio.example.org"}
    printed = place.run("users", "invite").out
    assert printed.startswith("https://studio.example.org/#/join/")
