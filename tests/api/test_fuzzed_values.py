"""Values that no schema has, in fields of Studio's own OpenAPI page: none breaks anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.api.fuzzing import (
    Seen,
    described,
    examples_each,
    fuzzed_studio,
    make_things,
    repeatable,
    require_ready,
    require_sound,
)
from tests.api.studio_process import RunningStudio
from tests.security.tables import BAD_NAMES

NUMBERS: Final = [0, -1, 1.5, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, 5e-324]
TEXTS: Final = st.sampled_from(BAD_NAMES) | st.text(max_size=20)
VALUES: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
# Beside these the others get further than the first check.
PLAIN: Final = st.sampled_from(["fuzzed", "fuzzed", "fuzzed", 1, ["fuzzed"], {"fuzzed": "fuzzed"}])
NOWHERE: Final = {"number": "9" * 20}


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with fuzzed_studio(tmp_path_factory.mktemp("fuzzed")) as studio:
        yield studio


@examples_each(few=12, many=120)
def test_no_hostile_value_breaks_anything(fuzzed: RunningStudio, examples: int) -> None:
    things, seen = make_things(fuzzed), Seen()
    with fuzzed.client() as owner:
        for path, methods in described(fuzzed)["paths"].items():
            nowhere = {name: NOWHERE.get(name, "x%00y") for name in path_parts(path)}
            addresses = [path.format_map({**nowhere, **things}), path.format_map(nowhere)]
            for method, operation in methods.items():
                send_hostile(owner, method.upper(), addresses, operation, seen, examples)
    assert {200, 400, 404, 422} <= seen.keys(), seen
    require_ready(fuzzed)


def send_hostile(
    client: httpx.Client,
    method: str,
    addresses: list[str],
    operation: dict[str, Any],
    seen: Seen,
    examples: int,
) -> None:
    """Send one operation values that no schema has, in the fields that it takes."""
    parameters = operation.get("parameters", [])
    asked = {each["name"]: TEXTS for each in parameters if each["in"] == "query"}
    # Those of the bodies that the page does not describe are here by name.
    undescribed = {"name", "value", "scopes", "expires_in_days"}
    names = sorted(field_names(operation.get("requestBody")) or undescribed)
    fields = dict.fromkeys(names, PLAIN | VALUES)
    every, some = st.fixed_dictionaries(fields), st.fixed_dictionaries({}, optional=fields)
    objects = (every | some).map(json.dumps)
    bodies = st.one_of(objects, objects, objects, VALUES.map(json.dumps), st.binary(max_size=20))

    @repeatable(examples)
    @given(
        address=st.sampled_from(addresses),
        query=st.fixed_dictionaries({}, optional=asked),
        body=bodies,
    )
    def send(address: str, query: dict[str, str], body: str | bytes) -> None:
        headers = {"Content-Type": "application/json"}
        answer = client.request(method, address, params=query, content=body, headers=headers)
        require_sound(
            method,
            answer.status_code,
            answer.content,
            lambda: f"{method} {answer.url} {body!r}",
        )
        seen[answer.status_code] += 1

    send()


def path_parts(path: str) -> list[str]:
    """The names in braces."""
    return [part.strip("{}") for part in path.split("/") if part.startswith("{")]


def field_names(schema: Any) -> set[str]:
    """Every name of a field, however deep."""
    if isinstance(schema, list):
        return set().union(*map(field_names, schema))
    if not isinstance(schema, dict):
        return set()
    own = schema.get("properties")
    names = set(own) if isinstance(own, dict) else set()
    return names.union(*map(field_names, schema.values()))
