"""Preferences, activity, the system and its engines, through the door."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.graphs import (
    code_of,
    endless,
    solid,
    submit,
    text_to_image,
    wait_ended,
    wait_for_status,
)
from tests.api.house import House, open_house
from tests.api.live_client import Message
from tests.api.live_house import open_live_house
from tests.api.people import PASSWORD, member_in, owner_in
from tests.api.studio_process import OWNER_KEY, RunningStudio


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    (tmp_path / "run").mkdir()
    async with open_house(tmp_path) as opened:
        yield opened


# -- preferences ----------------------------------------------------------------------------------


async def test_each_person_prefers_something_else(house: House) -> None:
    async with owner_in(house) as owner, member_in(house, "Anna") as anna:
        wanted = {"appearance": {"theme": "dark"}, "shortcuts": {"create.submit": "Ctrl+Enter"}}
        assert (await anna.put("/api/preferences", json=wanted)).status_code == 200
        hers = (await anna.get("/api/preferences")).json()
        assert hers["appearance"] == {"theme": "dark"}
        assert hers["shortcuts"] == wanted["shortcuts"]
        assert (await owner.get("/api/preferences")).json()["appearance"] == {"theme": "system"}
        assert (await anna.put("/api/preferences", json={})).json()["shortcuts"] == {}


SENSELESS: list[dict[str, Any]] = [
    {"unknown": 1},
    {"language": 5},
    {"language": "../.."},
    {"language": None},
    {"appearance": "dark"},
    {"appearance": {"theme": ["dark"]}},
    {"appearance": {"colour": "red"}},
    {"sound": {"on": 1}},
    {"sound": {"volume": 2}},
    {"sound": {"volume": True}},
    {"defaults": {"count": 101}},
    {"defaults": {"priority": 1}},
    {"defaults": {"count": 1.0}},
    {"defaults": {"negative": "x" * 10_001}},
    {"shortcuts": ["a"]},
    {"shortcuts": {"A B": "x"}},
    {"shortcuts": {"a": None}},
    {"shortcuts": {"a": "x" * 41}},
    {"shortcuts": {f"a{number}": "x" for number in range(101)}},
]


async def test_a_senseless_preference_names_its_field_and_changes_nothing(house: House) -> None:
    async with owner_in(house) as owner:
        before = (await owner.get("/api/preferences")).json()
        for wrong in SENSELESS:
            answer = await owner.put("/api/preferences", json={"language": "de", **wrong})
            assert (answer.status_code, code_of(answer)) == (422, "invalid_request"), wrong
            assert answer.json()["error"]["details"]["field"].startswith(next(iter(wrong)))
        assert (await owner.get("/api/preferences")).json() == before


# -- activity -------------------------------------------------------------------------------------


async def entries(client: httpx.AsyncClient, query: str = "") -> list[tuple[str | None, str]]:
    answer = await client.get(f"/api/activity{query}")
    assert answer.status_code == 200, answer.text
    return [(item["user_name"], item["kind"]) for item in answer.json()["items"]]


async def test_what_people_do_is_told_to_the_owner_and_to_themselves(house: House) -> None:
    async with owner_in(house) as owner, member_in(house, "Anna") as anna:
        made = (await anna.post("/api/keys", json={"name": "hers"})).json()
        await anna.delete(f"/api/keys/{made['id']}")
        await owner.post("/api/queue/pause")
        wrong = {"name": "Anna", "password": "wrong password"}
        assert (await anna.post("/api/session", json=wrong)).status_code == 401
        hers = await entries(anna)
        assert hers == [
            ("Anna", "login.failed"),
            ("Anna", "key.revoked"),
            ("Anna", "key.created"),
            ("Anna", "session.began"),
            ("Anna", "user.joined"),
        ]
        everything = await entries(owner)
        assert set(hers) < set(everything)
        assert ("owner", "queue.paused") in everything
        users = (await owner.get("/api/users")).json()["users"]
        anna_id = next(user["id"] for user in users if user["name"] == "Anna")
        assert await entries(owner, f"?user={anna_id}") == hers
        assert await entries(anna, "?user=owner") == hers
        assert await entries(owner, "?kind=key.") == hers[1:3]
        assert await entries(owner, "?kind=key.created") == [hers[2]]
        assert await entries(owner, "?q=ANNA&kind=login.failed") == [hers[0]]


async def test_a_name_that_nobody_has_is_not_written_down(house: House) -> None:
    async with owner_in(house) as owner:
        typed = {"name": PASSWORD, "password": "something else"}
        async with house.client(None) as stranger:
            stranger.headers["Sec-Fetch-Site"] = "same-origin"
            assert (await stranger.post("/api/session", json=typed)).status_code == 401
        answer = await owner.get("/api/activity?kind=login.failed")
        [entry] = answer.json()["items"]
        assert (entry["user_id"], entry["subject"]) == (None, "")
        assert PASSWORD not in answer.text


async def test_activity_comes_in_pages_without_gaps(house: House) -> None:
    async with owner_in(house) as owner:
        for _ in range(3):
            await owner.post("/api/queue/pause")
            await owner.post("/api/queue/resume")
        everything = [item["id"] for item in (await owner.get("/api/activity")).json()["items"]]
        seen: list[int] = []
        cursor = ""
        while True:
            page = (await owner.get(f"/api/activity?limit=3{cursor}")).json()
            seen += [item["id"] for item in page["items"]]
            if page["next_cursor"] is None:
                break
            cursor = f"&before={page['next_cursor']}"
        assert seen == everything
        for wrong in (
            "limit=0",
            "limit=501",
            "limit=x",
            "before=-1",
            "before=٣",
            f"before={9**30}",
        ):
            answer = await owner.get(f"/api/activity?{wrong}")
            assert (answer.status_code, code_of(answer)) == (400, "invalid_request")


async def test_activity_is_heard_live_by_those_whose_it_is(tmp_path: Path) -> None:
    async with (
        open_live_house(tmp_path) as house,
        house.listen("owner") as owner,
        house.listen("anna") as anna,
    ):
        for client in (owner, anna):
            await client.subscribe("activity")
            assert (await client.snapshot("activity"))["items"] == []
        async with house.client("ben") as ben:
            assert (await ben.post("/api/queue/clear")).status_code == 200
        async with house.client("anna") as hers:
            assert (await hers.post("/api/queue/clear")).status_code == 200
        heard = [(await owner.until(is_activity))["data"]["user_id"] for _ in range(2)]
        assert heard == ["ben", "anna"]
        assert (await anna.until(is_activity))["data"]["user_id"] == "anna"


def is_activity(message: Message) -> bool:
    return message.get("topic") == "activity" and message["type"] == "event"


# -- the system -----------------------------------------------------------------------------------


def test_the_system_is_seen_as_it_is(owner: httpx.Client) -> None:
    job = submit(owner, text_to_image())
    assert wait_ended(owner, job["id"])["status"] == "succeeded"
    system = owner.get("/api/system").json()
    assert {"studio", "python", "sqlite", "system", "fastapi"} <= system["versions"].keys()
    assert 0 < system["memory"]["used"] < system["memory"]["total"]
    assert [disk["role"] for disk in system["disks"]] == ["studio", "engine", "models"]
    assert all(disk["free_bytes"] <= disk["total_bytes"] for disk in system["disks"])
    [engine] = system["engines"]
    assert (engine["name"], engine["state"]) == ("embedded", "ready")
    assert engine["loaded_models"]
    assert system["queue"]["depth"] == 0
    assert owner.post("/api/system/engines/embedded/free").json() == {"freed": "embedded"}
    [engine] = owner.get("/api/system").json()["engines"]
    assert engine["loaded_models"] == []


def test_what_runs_in_an_engine_is_ended_as_the_job_it_is(paused: httpx.Client) -> None:
    job = submit(paused, endless())
    paused.post("/api/queue/resume")
    wait_for_status(paused, job["id"], "running")
    ended: list[str] = []
    while not ended:
        ended = paused.post("/api/system/engines/embedded/interrupt").json()["jobs"]
    assert ended == [job["id"]]
    assert wait_ended(paused, job["id"])["status"] == "canceled"


@pytest.fixture
def log(studio: RunningStudio) -> Iterator[Path]:
    """The engine's log, which ends where it did: what is planted there is no leak of Studio's."""
    path = studio.folder / "logs" / "embedded.log"
    size = path.stat().st_size
    yield path
    os.truncate(path, size)


def test_an_engines_log_is_read_on_from_where_it_was_and_shows_no_secret(
    owner: httpx.Client, log: Path
) -> None:
    stored = "canary-secret-in-a-log-41b7"
    assert owner.put("/api/secrets/logged", json={"value": stored}).status_code == 204
    first = owner.get("/api/system/engines/embedded/logs?tail=5").json()
    assert len(first["lines"]) <= 5
    with log.open("a") as file:
        file.write(f"key {OWNER_KEY} secret {stored} open http://h/#/setup/{'t' * 43}\n")
        file.write("10%\r50%\r\x1b[32m100%\x1b[0m\nunfinished")
    later = owner.get(f"/api/system/engines/embedded/logs?after={first['next']}").json()
    assert later["fresh"] is False
    assert later["lines"][-2:] == ["key *** secret *** open http://h/#/setup/***", "100%"]
    with log.open("a") as file:
        file.write(" line\n")
    rest = owner.get(f"/api/system/engines/embedded/logs?after={later['next']}").json()
    assert rest["lines"] == ["unfinished line"]
    assert owner.delete("/api/secrets/logged").status_code == 204
    for wrong in ("5-x", "0-0", "1-99999999999999999", "../../etc/passwd"):
        assert owner.get(f"/api/system/engines/embedded/logs?after={wrong}").json()["fresh"]
    answer = owner.get("/api/system/engines/studio/logs")
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_credentials_that_a_job_came_with_are_in_no_log_or_bundle_while_it_lives(
    paused: httpx.Client, log: Path
) -> None:
    given, lent = "canary-given-to-a-job-2f80", "canary/lent+to-a-download-93ce"
    rule = {"url_pattern": "https://models.example/**", "auth": {"type": "bearer", "token": lent}}
    job = submit(paused, solid(), extra_data={"api_key_comfy_org": given}, credentials=[rule])
    with log.open("a") as file:
        file.write(f"a node says {given} and {quote(lent, safe='')}\n")
    lines = paused.get("/api/system/engines/embedded/logs?tail=5").json()["lines"]
    assert lines[-1] == "a node says *** and ***"
    answer = paused.get("/api/system/diagnostics")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as bundle:
        for name in bundle.namelist():
            assert b"canary" not in bundle.read(name), name
    paused.post("/api/queue/resume")
    assert wait_ended(paused, job["id"])["status"] == "succeeded"


def test_an_engine_without_flags_says_so(owner: httpx.Client) -> None:
    flags = owner.get("/api/system/engines/embedded/flags").json()
    assert (flags["editable"], flags["allowed"], flags["applied"]) == (False, [], [])
    answer = owner.put("/api/system/engines/embedded/flags", json={"flags": "--cpu"})
    assert (answer.status_code, code_of(answer)) == (409, "conflict")
    for wrong in ({}, {"flags": 5}, {"flags": [5]}, {"flags": "x" * 2001}):
        answer = owner.put("/api/system/engines/embedded/flags", json=wrong)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


@pytest.mark.parametrize("act", ["restart", "free", "interrupt"])
def test_nothing_is_done_to_an_engine_that_is_not_there(owner: httpx.Client, act: str) -> None:
    answer = owner.post(f"/api/system/engines/nobody/{act}")
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


async def test_a_member_sees_nothing_of_the_house(house: House) -> None:
    async with member_in(house, "Anna") as anna:
        for path in ("/api/settings", "/api/system", "/api/system/diagnostics"):
            answer = await anna.get(path)
            assert (answer.status_code, code_of(answer)) == (403, "forbidden")
