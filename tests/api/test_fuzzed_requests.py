"""Requests made from Studio's own OpenAPI page, right and wrong: none breaks anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from schemathesis import Case, GenerationMode
from schemathesis.core.result import Ok

from tests.api.fuzzing import (
    Seen,
    Things,
    described,
    examples_each,
    fuzzed_studio,
    make_things,
    repeatable,
    require_ready,
    require_sound,
)
from tests.api.graphs import solid
from tests.api.people import OWN_PAGE, PASSWORD
from tests.api.studio_process import OWNER_KEY, RunningStudio

BYTES = frozenset({"application/octet-stream", "application/x-tar"})
schemathesis.serializer.alias("application/x-tar", "application/octet-stream")


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    with fuzzed_studio(tmp_path_factory.mktemp("fuzzed")) as studio:
        yield studio


def stranger(studio: RunningStudio) -> dict[str, str]:
    """The headers of somebody unknown on Studio's own page."""
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


CALLERS: tuple[Callable[[RunningStudio], dict[str, str]], ...] = (stranger, program, person)


@examples_each(few=6, many=60)
@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
def test_no_request_made_from_the_page_breaks_anything(
    fuzzed: RunningStudio, mode: GenerationMode, examples: int
) -> None:
    page, things = described(fuzzed), make_things(fuzzed)
    # Keys are the callers' own business; others made up beside them would be refused everywhere.
    del page["security"]
    callers = {caller.__name__: caller(fuzzed) for caller in CALLERS}
    seen = {name: Seen() for name in callers}
    for found in schemathesis.openapi.from_dict(page).get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        takes = {body.media_type for body in operation.body} - BYTES
        if mode is GenerationMode.NEGATIVE and not (takes or operation.query):
            continue
        send_cases(fuzzed, operation.as_strategy(mode), callers, things, seen, examples)
        if "/session" in operation.path:
            callers["person"] = person(fuzzed)
    for name, statuses in seen.items():
        assert (statuses[401] > statuses.total() / 2) == (name == "stranger"), seen
    require_ready(fuzzed)


def send_cases(
    studio: RunningStudio,
    cases: st.SearchStrategy[Case[Any]],
    callers: dict[str, dict[str, str]],
    things: Things,
    seen: dict[str, Seen],
    examples: int,
) -> None:
    """Send some cases of one operation; half of them lead to something that is there."""

    @repeatable(examples)
    @given(case=cases, caller=st.sampled_from(sorted(callers)), leads_somewhere=st.booleans())
    def send(case: Case[Any], caller: str, leads_somewhere: bool) -> None:
        if leads_somewhere:
            known = {name: things[name] for name in case.path_parameters if name in things}
            case.path_parameters.update(known)
            if isinstance(case.body, dict) and "workflow" in case.body:
                case.body["workflow"] = solid()
        if case.path.startswith("/v1/images/") and isinstance(case.body, dict):
            # A good order waits for its picture, and the queue may be paused by now.
            case.body["model"] = "nobody's"
        answer = case.call(base_url=studio.url, headers=callers[caller], timeout=30)
        require_sound(case.method, answer.status_code, answer.content, case.as_curl_command)
        seen[caller][answer.status_code] += 1

    send()
