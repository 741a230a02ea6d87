"""``studio login``: a key by a code that somebody confirms, kept where nobody else can read it."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import httpx
import pytest

from tests.cli.program import Place, wait_for
from tests.cli.test_run import address

PASSWORD = "canary-password-51c7"
OWN_PAGE = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def elsewhere(running: Place) -> str:
    """The address of a Studio whose owner has a password."""
    link = running.run("setup-link").out.strip()
    url = address(running)
    body = {"token": link.rpartition("/")[2], "password": PASSWORD, "name": "owner"}
    answer = httpx.post(f"{url}/api/setup", json=body, headers=OWN_PAGE)
    assert answer.status_code == 200, answer.text
    return url


def kept(place: Place) -> Path:
    return Path(place.more["XDG_CONFIG_HOME"]) / "studio" / "keys.json"


def log_in(place: Place, url: str, *, allow: bool) -> tuple[int, str]:
    """Run the command, and decide about its code as the owner; its status and its words."""
    process = place.start("login", url, "--name", "a laptop", "--scopes", "jobs,assets")
    assert process.stderr is not None
    words = ""

    def code() -> str | None:
        nonlocal words
        assert process.stderr is not None
        words += process.stderr.readline()
        found = re.search(r"^ {4}([A-Z]{4}-[A-Z]{4})$", words, re.MULTILINE)
        return found[1] if found else None

    user_code = wait_for(code)
    with httpx.Client(base_url=url, headers=OWN_PAGE) as browser:
        assert browser.post("/api/session", json={"password": PASSWORD}).is_success
        body = {"user_code": user_code, "allow": allow}
        assert browser.post("/api/device/decide", json=body).status_code == 204
    out, err = process.communicate(timeout=60)
    assert out == ""
    return process.returncode, words + err


def test_who_logs_in_needs_no_key_for_other_commands(
    running: Place, elsewhere: str, tmp_path: Path
) -> None:
    away = Place(tmp_path / "away", {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    away.folder.mkdir()
    assert "[unauthorized]" in away.run("jobs", "list", "--url", elsewhere).err
    status, words = log_in(away, elsewhere, allow=True)
    assert status == 0, words
    [key] = json.loads(kept(away).read_text()).values()
    assert key not in words
    assert stat.S_IMODE(kept(away).stat().st_mode) == 0o600
    listed = away.run("jobs", "list", "--url", elsewhere)
    assert listed.status == 0, listed.err
    # A key that is said counts for more.
    assert "[unauthorized]" in away.run("jobs", "list", "--url", elsewhere, "--key", "x").err
    made = {key["name"]: key for key in json.loads(running.run("keys", "list", "--json").out)}
    assert made["a laptop"]["scopes"] == ["assets", "jobs"]
    assert away.run("logout", elsewhere).status == 0
    assert "[unauthorized]" in away.run("jobs", "list", "--url", elsewhere).err
    again = away.run("logout", elsewhere)
    assert (again.status, "[not_found]" in again.err) == (1, True)


def test_a_program_that_is_refused_says_so_and_keeps_nothing(
    elsewhere: str, tmp_path: Path
) -> None:
    away = Place(tmp_path / "away", {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    away.folder.mkdir()
    status, words = log_in(away, elsewhere, allow=False)
    assert (status, "[access_denied]" in words) == (1, True)
    assert not kept(away).exists()


def test_scopes_may_come_in_one_word_and_a_wrong_one_is_named(place: Place) -> None:
    words = ("keys", "create", "x", "--scopes", "jobs,assets", "--expires", "7", "--rate", "30")
    assert place.run(*words).status == 0
    [key] = json.loads(place.run("keys", "list", "--json").out)
    assert key["scopes"] == ["assets", "jobs"]
    assert key["requests_per_minute"] == 30
    assert key["expires_at"] is not None
    wrong = place.run("keys", "create", "x", "--scopes", "jobs,root")
    assert (wrong.status, "'root'" in wrong.err) == (2, True)
