"""The prompt box: nothing is cut off, nothing that matters hidden, and refusals are sentences."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.browser.test_create_view import jobs_of


@pytest.fixture
def limit(owner: httpx.Client) -> int:
    return int(owner.get("/api/create").json()["limits"]["prompt"])


def test_a_long_prompt_is_counted_and_never_cut(
    page: Page, owner: httpx.Client, limit: int
) -> None:
    note = page.locator("#prompt-length")
    button = page.locator("prompt-composer button.primary")
    page.fill("#prompt", "a short one")
    expect(note).to_have_count(0)
    page.fill("#prompt", "x" * (limit - 5))
    expect(note).to_have_text(f"{limit - 5:,} of {limit:,} characters")
    expect(button).to_be_enabled()
    page.locator("#prompt").press("End")
    page.keyboard.insert_text("y" * 12)
    expect(note).to_contain_text(f"7 characters too many: at most {limit:,} are taken")
    expect(button).to_be_disabled()
    assert page.locator("#prompt").input_value() == "x" * (limit - 5) + "y" * 12
    page.locator("#prompt").press("Control+Enter")
    expect(page.locator("job-tile")).to_have_count(0)
    page.fill("#prompt", "")


def test_signs_are_counted_as_studio_counts_them(
    page: Page, owner: httpx.Client, limit: int
) -> None:
    owner.post("/api/queue/pause")
    page.fill("#prompt", "🦊" * limit)
    expect(page.locator("#prompt-length")).to_have_text(f"{limit:,} of {limit:,} characters")
    with page.expect_response("**/api/create") as answered:
        page.locator("prompt-composer button.primary").click()
    assert answered.value.status == 201
    page.fill("#prompt", "")


def test_what_to_avoid_is_counted_too(page: Page, limit: int) -> None:
    page.fill("#prompt", "a fox")
    page.locator("details.more summary").click()
    page.get_by_label("What to avoid").fill("z" * (limit + 1))
    expect(page.locator("#negative-length")).to_contain_text("1 character too many")
    expect(page.locator("prompt-composer button.primary")).to_be_disabled()


def test_choices_that_are_folded_away_are_told(page: Page, owner: httpx.Client) -> None:
    changed = page.locator("details.more .changed")
    steps = owner.get("/api/create").json()["defaults"]["steps"]
    expect(changed).to_have_count(0)
    page.locator("details.more summary").click()
    page.get_by_label("Steps").fill(str(steps))
    expect(changed).to_have_count(0)
    page.get_by_label("Steps").fill("8")
    page.get_by_label("Prompt strength").fill("3.5")
    page.get_by_label("What to avoid").fill("rain")
    page.get_by_label("Seed", exact=True).fill("42")
    expect(changed).to_be_hidden()
    page.locator("details.more summary").click()
    expect(changed).to_be_visible()
    expect(changed).to_have_text("Steps 8 · Strength 3.5 · seed 42 · without “rain”")
    page.reload()
    expect(changed).to_contain_text("Steps 8")


REFUSALS: list[tuple[int, dict[str, Any] | None, str]] = [
    (429, {"code": "queue_full", "message": "full"}, "The queue is full"),
    (507, {"code": "disk_full", "message": "full"}, "The disk is full"),
    (503, {"code": "storage_unavailable", "message": "x"}, "Studio cannot write to its disk"),
    (500, {"code": "upstream_error", "message": "x"}, "Its log has the details"),
    (422, {"code": "of_tomorrow", "message": "A sentence of Studio's."}, "A sentence of Studio's."),
    (413, None, "A proxy on the way refuses bodies of this size"),
    (502, None, "A proxy on the way could not reach Studio"),
    (418, None, "answered something that is not Studio’s"),
]


@pytest.mark.parametrize(("status", "error", "words"), REFUSALS, ids=lambda value: str(value)[:24])
def test_a_refusal_is_a_sentence_with_its_code(
    page: Page, owner: httpx.Client, status: int, error: dict[str, Any] | None, words: str
) -> None:
    body = {"json": {"error": error}} if error else {"body": "<html>", "content_type": "text/html"}
    page.route("**/api/create", lambda route: route.fulfill(status=status, **body))
    page.fill("#prompt", "a fox that is refused")
    page.locator("prompt-composer button.primary").click()
    problem = page.locator("prompt-composer .error-text")
    expect(problem).to_contain_text(words)
    expect(problem.locator("code")).to_have_text(error["code"] if error else f"http_{status}")
    expect(page.locator("#prompt")).to_have_value("a fox that is refused")
    assert jobs_of(owner, "a fox that is refused") == []


def test_when_the_choices_cannot_be_had_the_page_says_why_and_looks_again(page: Page) -> None:
    body = {"error": {"code": "storage_unavailable", "message": "x"}}
    page.route("**/api/create", lambda route: route.fulfill(status=503, json=body))
    page.reload()
    expect(page.locator("create-view .error-text")).to_contain_text("Studio cannot write")
    page.unroute_all()
    page.fill("#prompt", "a fox that waited")
    expect(page.locator("prompt-composer button.primary")).to_be_enabled()
    expect(page.locator("create-view .error-text")).to_have_count(0)
