"""Bodies of any kind: no answer but a coded refusal or a proper success."""

from __future__ import annotations

import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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
