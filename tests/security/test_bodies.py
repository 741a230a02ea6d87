"""Bodies of any kind: no answer but a coded refusal or a proper success."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.web import guard
from tests.api.graphs import code_of
from tests.api.house import House

FIELDS = (
    "workflow", "extra_data", "metadata", "priority", "deadline_at", "title", "secrets", "ids",
    "before", "new_seed", "name", "scopes", "expires_in_days", "value", "to", "hash", "file_path",
    "tags", "expires_in", "webhook_url", "token", "password", "current", "new", "api_key", "role",
    "disabled", "expires_in_hours",
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=12,
)
BODIES = st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=5)
TAKES_BODIES = (
    ("POST", "/api/v2/jobs"),
    ("POST", "/api/jobs"),
    ("POST", "/api/jobs/cancel"),
    ("POST", "/api/jobs/{}/move"),
    ("POST", "/api/jobs/{}/retry"),
    ("POST", "/api/v2/assets/from-hash"),
    ("POST", "/api/v2/assets"),
    ("POST", "/api/keys"),
    ("PUT", "/api/secrets/x"),
    ("POST", "/api/setup"),
    ("POST", "/api/session"),
    ("POST", "/api/join"),
    ("POST", "/api/invitations"),
    ("PATCH", "/api/users/owner"),
)
QUERIES = (
    "limit", "cursor", "status", "q", "model", "title", "from", "to", "start", "metadata[a]",
)  # fmt: skip


def assert_answered(answer: httpx.Response) -> None:
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        code_of(answer)


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(body=BODIES, raw=st.binary(max_size=60))
async def test_no_body_breaks_a_route(house: House, body: dict[str, Any], raw: bytes) -> None:
    async with house.client() as owner:
        made = await owner.post(
            "/api/v2/jobs", json={"workflow": {"1": {"class_type": "A", "inputs": {}}}}
        )
        for method, path in TAKES_BODIES:
            address = path.format(made.json()["id"])
            assert_answered(await owner.request(method, address, content=json.dumps(body)))
            assert_answered(await owner.request(method, address, content=raw))


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(query=st.dictionaries(st.sampled_from(QUERIES), st.text(max_size=40), max_size=5))
async def test_no_query_breaks_a_list(house: House, query: dict[str, str]) -> None:
    async with house.client() as owner:
        for path in ("/api/v2/jobs", "/api/jobs", "/api/queue"):
            assert_answered(await owner.get(path, params=query))


async def test_a_field_that_is_wrong_everywhere_is_refused_everywhere(house: House) -> None:
    async with house.client() as owner:
        for method, path in TAKES_BODIES:
            answer = await owner.request(method, path.format("0" * 36), content=b'{"workflow": [1')
            assert answer.status_code in (400, 404, 422), path
            code_of(answer)


async def slowly() -> AsyncIterator[bytes]:
    yield b'{"password": '
    await asyncio.sleep(0.3)
    yield b'"12345678"}'


async def test_a_stranger_has_a_moment_to_send_a_body_and_who_is_known_all_the_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "STRANGERS_BODY_S", 0.1)
    async with house.client(None) as stranger, house.client() as owner:
        answer = await stranger.post("/api/session", content=slowly())
        assert (answer.status_code, code_of(answer)) == (400, "invalid_request")
        assert "too slowly" in answer.text
        answer = await owner.post("/api/v2/jobs", content=slowly())
        assert answer.status_code == 422
        assert "Unknown field password" in answer.text
        monkeypatch.setattr(guard, "STRANGERS_BODY_S", 20.0)
        answer = await stranger.post("/api/session", content=slowly())
        assert (answer.status_code, code_of(answer)) == (401, "wrong_credentials")
