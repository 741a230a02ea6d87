"""Requests made from Studio's own OpenAPI page, right, wrong and hostile: none breaks anything."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from studio.clock import new_id
from tests.api.graphs import png, run, solid, upload, wait_for_library
from tests.api.people import OWN_PAGE, PASSWORD
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.security.tables import BAD_NAMES

UNAVAILABLE: Final = {503: {"unavailable", "storage_unavailable"}, 507: {"disk_full"}}
REPEATABLE: Final = settings(
    max_examples=5,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
NUMBERS: Final = [0, -1, 1.5, 2**31, 2**63, -(2**63) - 1, 10**400, 1e308, 5e-324]
TEXTS: Final = st.sampled_from(BAD_NAMES) | st.text(max_size=20)
VALUES: Final[st.SearchStrategy[Any]] = st.recursive(
    st.none() | st.booleans() | st.sampled_from(NUMBERS) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
# Beside these the others get further than the first check.
PLAIN: Final = st.sampled_from(["fuzzed", "fuzzed", "fuzzed", 1, ["fuzzed"], {"fuzzed": "fuzzed"}])
NOBODY_THERE: Final = "http://127.0.0.1:9"
NOWHERE: Final = {"number": "9" * 20}
Things = dict[str, str]
Seen = Counter[int]


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio of its own: what is sent here pauses queues and ends sessions."""
    hubs = ("HF_ENDPOINT", "CIVITAI_URL", "TELEGRAM_API_URL")
    variables = {"STUDIO_TRUSTED_PROXIES": "127.0.0.1"} | dict.fromkeys(hubs, NOBODY_THERE)
    with run_studio(tmp_path_factory.mktemp("fuzzed"), variables) as studio:
        with studio.client() as owner:
            body = {"api_key": OWNER_KEY, "password": PASSWORD}
            assert owner.post("/api/setup", json=body).status_code == 200
        yield studio


@pytest.fixture(scope="module")
def page(fuzzed: RunningStudio) -> dict[str, Any]:
    with fuzzed.client() as owner:
        described = dict(owner.get("/api/openapi.json").json())
    # Keys are the callers' own business; others made up beside them would be refused everywhere.
    del described["security"]
    return described


@pytest.fixture
def things(fuzzed: RunningStudio) -> Things:
    """Parts of addresses that lead somewhere, by their names on the page."""
    with fuzzed.client() as owner:
        asset = upload(owner, png(), "fuzzed.png")
        wait_for_library(owner, asset["id"])
        board = owner.post("/api/boards", json={"name": new_id()})
        assert board.status_code == 201, board.text
        chosen = owner.post("/api/library/zip", json={"ids": [asset["id"]]})
        assert chosen.status_code == 200, chosen.text
        # Another test may have left the queue paused.
        assert owner.post("/api/queue/resume").status_code == 200
        job = run(owner, solid())
        began = owner.post("/api/uploads", json={"name": "fuzzed.bin", "size_bytes": 3})
        assert began.status_code == 201, began.text
    return {
        "job_id": job["id"],
        "id": asset["id"],
        "hash": asset["hash"],
        "asset_id": asset["id"],
        "board_id": board.json()["id"],
        "selection_id": chosen.json()["url"].rpartition("/")[2].partition("?")[0],
        "upload_id": began.json()["id"],
        "number": "0",
        "user_id": "owner",
        "class_type": "EmptyImage",
        "name": "embedded",
        "key": "HF_TOKEN",
    }


def nobody(studio: RunningStudio) -> dict[str, str]:
    """The headers of a stranger on Studio's own page."""
    return OWN_PAGE


def program(studio: RunningStudio) -> dict[str, str]:
    """Those of the owner's program."""
    return {"Authorization": f"Bearer {OWNER_KEY}"}


def person(studio: RunningStudio) -> dict[str, str]:
    """Those of the owner's browser after a login."""
    # From elsewhere: passwords that were guessed from here are throttled.
    elsewhere = {**OWN_PAGE, "X-Forwarded-For": "192.0.2.7"}
    with studio.client(None) as browser:
        answer = browser.post("/api/session", json={"password": PASSWORD}, headers=elsewhere)
        assert answer.status_code == 200, answer.text
        return {**OWN_PAGE, "Cookie": answer.headers["set-cookie"].split(";")[0]}


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("caller", [nobody, program, person])
def test_no_request_made_from_the_page_breaks_anything(
    fuzzed: RunningStudio, page: dict[str, Any], things: Things, caller: Any, mode: GenerationMode
) -> None:
    seen, headers = Seen(), caller(fuzzed)
    for found in schemathesis.openapi.from_dict(page).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        takes = {body.media_type for body in operation.body} - {"application/octet-stream"}
        if mode is GenerationMode.NEGATIVE and not (takes or operation.query):
            continue
        send_cases(fuzzed, operation.as_strategy(mode), headers, things, seen)
        if caller is person and "/session" in operation.path:
            headers = caller(fuzzed)
    assert (seen[401] > sum(seen.values()) / 2) == (caller is nobody), seen
    require_ready(fuzzed)


def send_cases(
    studio: RunningStudio,
    cases: st.SearchStrategy[Case[Any]],
    headers: dict[str, str],
    things: Things,
    seen: Seen,
) -> None:
    """Send some cases of one operation; half of them lead to something that is there."""

    @REPEATABLE
    @given(case=cases, leads_somewhere=st.booleans())
    def send(case: Case[Any], leads_somewhere: bool) -> None:
        if leads_somewhere:
            known = {name: things[name] for name in case.path_parameters if name in things}
            case.path_parameters.update(known)
            if isinstance(case.body, dict) and "workflow" in case.body:
                case.body["workflow"] = solid()
        answer = case.call(base_url=studio.url, headers=headers, timeout=30)
        require_sound(case.method, answer.status_code, answer.content, case.as_curl_command())
        seen[answer.status_code] += 1

    send()


def test_no_hostile_value_breaks_anything(
    fuzzed: RunningStudio, page: dict[str, Any], things: Things
) -> None:
    seen = Seen()
    with fuzzed.client() as owner:
        for path, methods in page["paths"].items():
            nowhere = {name: NOWHERE.get(name, "x%00y") for name in path_parts(path)}
            addresses = [path.format_map({**nowhere, **things}), path.format_map(nowhere)]
            for method, operation in methods.items():
                send_hostile(owner, method.upper(), addresses, operation, seen)
    assert {200, 400, 404, 422} <= seen.keys(), seen
    require_ready(fuzzed)


def send_hostile(
    client: httpx.Client, method: str, addresses: list[str], operation: dict[str, Any], seen: Seen
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

    @settings(REPEATABLE, max_examples=50)
    @given(
        address=st.sampled_from(addresses),
        query=st.fixed_dictionaries({}, optional=asked),
        body=bodies,
    )
    def send(address: str, query: dict[str, str], body: str | bytes) -> None:
        headers = {"Content-Type": "application/json"}
        answer = client.request(method, address, params=query, content=body, headers=headers)
        told = f"{method} {answer.url} {body!r}"
        require_sound(method, answer.status_code, answer.content, told)
        seen[answer.status_code] += 1

    send()


def require_ready(studio: RunningStudio) -> None:
    """Studio takes work, at the latest when the engine that was just restarted is back."""
    deadline = time.monotonic() + 60
    while not studio.is_ready() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert studio.is_ready()


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


def require_sound(method: str, status: int, content: bytes, told: str) -> None:
    """Every refusal has a code, and none is a failure of Studio's own."""
    if status < 400 or method == "HEAD":
        assert status < 500, told
        return
    code = json.loads(content)["error"]["code"]
    assert status < 500 or code in UNAVAILABLE.get(status, ()), f"{told}: {content[:500]!r}"
