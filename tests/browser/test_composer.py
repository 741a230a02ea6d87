"""The form: nothing is cut off, nothing that matters hidden, and refusals are sentences."""

from __future__ import annotations

import re
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.browser.test_create_view import jobs_of

LIMIT = 100_000
BUTTON = "prompt-composer .run-bar button.primary"


def test_a_long_prompt_is_counted_and_never_cut(page: Page, owner: httpx.Client) -> None:
    note = page.locator(".is-first small[role=status]")
    page.fill("#prompt", "a short one")
    expect(note).to_have_count(0)
    page.fill("#prompt", "🦊" * (LIMIT - 5))
    expect(note).to_have_text(f"{LIMIT - 5:,} of {LIMIT:,} characters")
    page.fill("#prompt", "x" * LIMIT + "y" * 7)
    expect(note).to_contain_text(f"7 characters too many: at most {LIMIT:,} are taken")
    page.locator("#prompt").press("Control+Enter")
    expect(page.locator("prompt-composer .error-text")).to_contain_text("too long")
    assert page.locator("#prompt").input_value() == "x" * LIMIT + "y" * 7
    expect(page.locator("job-tile")).to_have_count(0)
    page.fill("#prompt", "")


def test_what_is_needed_is_asked_for_where_it_belongs(page: Page) -> None:
    page.fill("#prompt", " ")
    page.locator(BUTTON).click()
    expect(page.locator("prompt-composer .error-text")).to_contain_text("“Prompt” is needed.")
    expect(page.locator("#prompt")).to_be_focused()


def test_a_refusal_that_names_a_field_leads_to_it(page: Page) -> None:
    page.fill("#prompt", "a fox of too many steps")
    page.locator("details.more summary").click()
    page.locator("#input-steps").fill("100000")
    page.locator("details.more summary").click()
    page.locator(BUTTON).click()
    expect(page.locator("prompt-composer .error-text")).to_contain_text("at most 150")
    expect(page.locator("#input-steps")).to_be_focused()
    expect(page.locator("#input-steps")).to_have_attribute("aria-invalid", "true")
    page.locator("#input-steps").fill("8")
    expect(page.locator("[aria-invalid]")).to_have_count(0)
    expect(page.locator("prompt-composer .error-text")).to_have_count(0)


def test_a_refusal_stands_beside_the_button_also_where_the_form_is_long(page: Page) -> None:
    page.fill("#prompt", "a {fox|cat} and one more {")
    page.locator("details.more summary").click()
    page.evaluate("scrollTo(0, 0)")
    page.locator(BUTTON).click()
    expect(page.locator("[role=alert] .error-text")).to_contain_text("has no end")
    expect(page.locator(".run-bar .error-text")).to_be_in_viewport(ratio=1)
    expect(page.locator("#prompt")).to_have_attribute("aria-invalid", "true")
    page.fill("#prompt", "")


def test_choices_that_are_folded_away_are_told(page: Page) -> None:
    changed = page.locator("details.more .changed")
    expect(changed).to_have_count(0)
    page.locator("details.more summary").click()
    page.locator("#input-steps").fill("20")
    expect(changed).to_have_count(0)
    page.locator("#input-steps").fill("8")
    page.locator("#input-cfg").fill("3.5")
    expect(changed).to_be_hidden()
    page.locator("details.more summary").click()
    expect(changed).to_be_visible()
    expect(changed).to_have_text("Steps 8 · CFG 3.5")
    page.reload()
    expect(changed).to_have_text("Steps 8 · CFG 3.5")
    page.locator("details.more summary").click()
    page.get_by_role("button", name="As it was: Steps").click()
    expect(page.locator("#input-steps")).to_have_value("20")


def test_numbers_are_slid_and_typed(page: Page) -> None:
    page.locator("details.more summary").click()
    slider = page.get_by_role("slider", name="CFG")
    slider.fill("12.5")
    expect(page.locator("#input-cfg")).to_have_value("12.5")
    page.locator("#input-cfg").fill("4")
    expect(slider).to_have_value("4")


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


def test_a_refusal_is_a_sentence_with_its_code(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox that is refused")
    problem = page.locator("prompt-composer .error-text")
    for status, error, words in REFUSALS:
        refuse(page, status, error)
        page.locator(BUTTON).click()
        expect(problem).to_contain_text(words)
        expect(problem.locator("code")).to_have_text(error["code"] if error else f"http_{status}")
        expect(page.locator("#prompt")).to_have_value("a fox that is refused")
    assert jobs_of(owner, "a fox that is refused") == []


def refuse(page: Page, status: int, error: dict[str, Any] | None) -> None:
    """Have every run answered like this from now on; ``None`` is a page that is no answer."""
    body = {"json": {"error": error}} if error else {"body": "<html>", "content_type": "text/html"}
    page.unroute_all()
    page.route(
        "**/api/workflows/text-to-image/run",
        lambda route: route.fulfill(status=status, **body),
    )


def test_when_the_form_cannot_be_had_the_page_says_why_and_looks_again(page: Page) -> None:
    body = {"error": {"code": "storage_unavailable", "message": "x"}}
    page.route("**/api/workflows/*", lambda route: route.fulfill(status=503, json=body))
    page.evaluate("localStorage.removeItem('studio.create.workflow')")
    page.reload()
    expect(page.locator("create-advice .error-text")).to_contain_text("Studio cannot write")
    page.unroute_all()
    page.fill("#prompt", "a fox that waited")
    expect(page.locator(BUTTON)).to_be_enabled()
    expect(page.locator("create-advice .error-text")).to_have_count(0)


def test_what_cannot_run_says_so_above_the_form_and_beside_the_button(
    page: Page, owner: httpx.Client
) -> None:
    page.goto(page.url.partition("#")[0] + "#/workflows/flux")
    page.get_by_role("link", name="Run it").click()
    expect(page.locator(".source-name")).to_contain_text("Flux")
    advice = page.locator(".advice")
    expect(advice).to_be_in_viewport()
    button = page.locator(BUTTON)
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(button).to_have_accessible_description(re.compile("Something is missing"))
    page.fill("#prompt", "a fox that cannot be")
    button.click(force=True)
    expect(advice).to_be_focused()
    expect(advice).to_contain_text("missing")
    assert jobs_of(owner, "a fox that cannot be") == []
