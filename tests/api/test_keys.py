"""API keys: what each scope opens, and how keys end."""

from __future__ import annotations

import json
import re
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from studio.clock import FrozenClock
from studio.errors import Unauthorized
from studio.models import ALL_SCOPES, Scope
from studio.services.auth import AuthService
from studio.settings import Secret
from studio.store.db import Database
from studio.store.keys import KeyStore
from studio.store.migrations import migrate
from studio.web.guard import PUBLIC_PATHS
from tests.api.graphs import code_of, run, solid
from tests.api.routes import FOR_PEOPLE, FOR_VISITORS, ROUTES
from tests.api.studio_process import OWNER_KEY, RunningStudio

NOBODY = str(uuid.uuid4())


@pytest.fixture(scope="module")
def keys(studio: RunningStudio) -> dict[str, str]:
    """For each scope a key that has every scope but that one."""
    every = [scope.value for scope in Scope]
    return {
        missing: studio.make_key(*(scope for scope in every if scope != missing))
        for missing in every
    }


def missing_scope(answer: httpx.Response) -> str | None:
    """The scope that a refusal asks for."""
    if answer.status_code != 403:
        return None
    if answer.request.method == "HEAD":
        return "assets"
    assert code_of(answer) == "forbidden"
    return str(answer.json()["error"]["message"]).removesuffix(".").split()[-1]


def named(value: str | set[str]) -> str:
    """A value in the name of its test, the same in every process."""
    return value if isinstance(value, str) else "+".join(sorted(value))


@pytest.fixture
def going_on(owner: httpx.Client) -> Iterator[None]:
    """Studio takes jobs again, whichever route was asked for."""
    yield
    assert owner.delete("/api/system/prepare-stop").status_code == 200


@pytest.mark.parametrize(("method", "path", "needed"), ROUTES, ids=named)
def test_a_route_needs_exactly_its_scopes(
    studio: RunningStudio,
    keys: dict[str, str],
    going_on: None,
    method: str,
    path: str,
    needed: set[str],
) -> None:
    address = path.replace("{id}", NOBODY)
    refusing = set()
    for missing, key in keys.items():
        with studio.client(key) as client:
            answer = client.request(method, address, content=b"")
            if answer.status_code == 403:
                assert missing_scope(answer) == missing
                refusing.add(missing)
    assert refusing == needed


@pytest.mark.parametrize(("method", "path"), FOR_PEOPLE, ids=str)
def test_a_key_is_not_somebody_who_is_logged_in(
    owner: httpx.Client, method: str, path: str
) -> None:
    answer = owner.request(method, path.replace("{id}", NOBODY))
    assert (answer.status_code, code_of(answer)) == (403, "session_required")


@pytest.mark.parametrize(("method", "path"), FOR_VISITORS, ids=str)
def test_a_key_is_no_shared_link(owner: httpx.Client, method: str, path: str) -> None:
    answer = owner.request(method, re.sub(r"\{\w+\}", NOBODY, path), json={})
    assert (answer.status_code, code_of(answer)) == (404, "share_gone")


def test_the_table_holds_every_route_of_the_api(owner: httpx.Client) -> None:
    paths = owner.get("/api/openapi.json").json()["paths"]
    documented = {
        (method.upper(), path.replace("{" + name + "}", "{id}"))
        for path, methods in paths.items()
        for method in methods
        for name in [path.partition("{")[2].partition("}")[0]]
    }
    public = {(method, path) for path, methods in PUBLIC_PATHS.items() for method in methods}
    hidden = {
        ("HEAD", "/api/v2/assets/{id}/content"),
        ("POST", "/mcp"),
        ("POST", "/mcp/"),
    }
    listed = {(method, path) for method, path, _ in ROUTES} | set(FOR_PEOPLE)
    assert documented - public == (listed | set(FOR_VISITORS)) - hidden


def test_a_key_without_its_scope_changes_nothing(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    with studio.client(studio.make_key("jobs", "assets")) as client:
        answer = client.post("/api/queue/pause")
        assert missing_scope(answer) == "admin"
        answer = client.post("/api/v2/jobs", json={"workflow": solid()})
        assert missing_scope(answer) == "graphs:run"
    assert owner.get("/api/queue").json()["paused"] is False


def test_a_revoked_key_opens_nothing_from_that_moment(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    made = owner.post("/api/keys", json={"name": "short-lived", "scopes": ["jobs"]}).json()
    with studio.client(made["key"]) as client:
        assert client.get("/api/jobs").status_code == 200
        assert owner.delete(f"/api/keys/{made['id']}").status_code == 204
        answer = client.get("/api/jobs")
        assert (answer.status_code, code_of(answer)) == (401, "unauthorized")
    again = owner.delete(f"/api/keys/{made['id']}")
    assert (again.status_code, code_of(again)) == (404, "not_found")


def test_a_key_is_shown_once_and_listed_without_itself(owner: httpx.Client) -> None:
    made = owner.post("/api/keys", json={"name": "listed", "scopes": ["assets", "jobs"]}).json()
    assert made["scopes"] == ["assets", "jobs"]
    listing = owner.get("/api/keys")
    [entry] = [key for key in listing.json()["keys"] if key["id"] == made["id"]]
    assert entry == {name: value for name, value in made.items() if name != "key"}
    assert made["key"] not in listing.text
    assert OWNER_KEY not in listing.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": 5},
        {"name": ""},
        {"name": "x" * 101},
        {"name": "API_KEY of the environment"},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": "jobs"},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "scopes": [["jobs"]]},
        {"name": "x", "scopes": [None]},
        {"name": "x", "expires_in_days": 0},
        {"name": "x", "expires_in_days": 40_000},
        {"name": "x", "expires_in_days": "1"},
        {"name": "x", "expires_in_days": True},
        {"name": "x", "expires_in_days": 1.5},
    ],
    ids=lambda body: json.dumps(body)[:50],
)
def test_a_key_with_a_wrong_field_is_not_made(owner: httpx.Client, body: dict[str, Any]) -> None:
    before = owner.get("/api/keys").json()
    answer = owner.post("/api/keys", json=body)
    assert answer.status_code in (400, 422)
    assert code_of(answer) == "invalid_request"
    assert [key["id"] for key in owner.get("/api/keys").json()["keys"]] == [
        key["id"] for key in before["keys"]
    ]


def test_a_new_key_runs_a_whole_job(studio: RunningStudio) -> None:
    with studio.client(studio.make_key("jobs", "graphs:run")) as client:
        assert run(client, solid())["outputs"]


# -- the service alone, with a clock that the tests move ------------------------------------------


@pytest.fixture
async def keys_and_clock(tmp_path: Path) -> AsyncIterator[tuple[KeyStore, FrozenClock]]:
    db = Database(tmp_path / "studio.db")

    def prepare(connection: sqlite3.Connection) -> None:
        migrate(connection)

    await db.open(prepare)
    clock = FrozenClock()
    try:
        yield KeyStore(db), clock
    finally:
        await db.close()


async def test_a_key_ends_when_its_days_are_over(
    keys_and_clock: tuple[KeyStore, FrozenClock],
) -> None:
    store, clock = keys_and_clock
    auth = AuthService(keys=store, clock=clock)
    key, token = await auth.create(
        auth.console(), name="a day", scopes=frozenset({Scope.JOBS}), expires_in_days=1
    )
    clock.advance(86_399)
    assert auth.authenticate(token).key_id == key.id
    clock.advance(1)
    with pytest.raises(Unauthorized):
        auth.authenticate(token)


def read_files(folder: Path) -> list[bytes]:
    contents = [path.read_bytes() for path in folder.iterdir()]
    assert any(contents)
    return contents


async def test_keys_survive_a_restart_and_their_text_is_nowhere(
    keys_and_clock: tuple[KeyStore, FrozenClock], tmp_path: Path
) -> None:
    store, clock = keys_and_clock
    first = AuthService(keys=store, clock=clock)
    await first.load(Secret("canary-environment-key"))
    _, token = await first.create(
        first.console(), name="kept", scopes=ALL_SCOPES, expires_in_days=None
    )
    second = AuthService(keys=store, clock=clock)
    await second.load(Secret("canary-environment-key"))
    assert second.authenticate(token).scopes == ALL_SCOPES
    assert second.authenticate("canary-environment-key").scopes == ALL_SCOPES
    for text in read_files(tmp_path):
        assert b"canary-environment-key" not in text
        assert token.encode() not in text


async def test_a_changed_environment_key_retires_the_old_one(
    keys_and_clock: tuple[KeyStore, FrozenClock],
) -> None:
    store, clock = keys_and_clock
    auth = AuthService(keys=store, clock=clock)
    for current, gone in (("first-key", "none"), ("second-key", "first-key")):
        await auth.load(Secret(current))
        assert auth.authenticate(current).user_id == "owner"
        with pytest.raises(Unauthorized):
            auth.authenticate(gone)
    await auth.load(None)
    with pytest.raises(Unauthorized):
        auth.authenticate("second-key")
