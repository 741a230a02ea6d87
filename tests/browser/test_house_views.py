"""Settings and activity, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage

CANARY = "hf_canary_of_a_token_4711"


@pytest.fixture
def calm(page: Page) -> Iterator[None]:
    """The owner prefers nothing when the test is over."""
    yield
    page.evaluate(
        "fetch('/api/preferences', { method: 'PUT', body: '{}',"
        " headers: { 'content-type': 'application/json' } })"
    )


def test_a_token_is_stored_and_never_shown(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.goto(f"{site.url}/#/settings/services")
    form = page.locator("form.token", has_text="Hugging Face")
    form.get_by_label("Hugging Face").fill(CANARY)
    form.get_by_role("button", name="Store").click()
    expect(form.get_by_role("button", name="Test")).to_be_visible()
    assert CANARY not in page.content()
    expect(form.get_by_label("Hugging Face")).to_have_value("")
    form.get_by_role("button", name="Remove").click()
    expect(form.get_by_role("button", name="Test")).to_have_count(0)
    items = owner.get("/api/settings").json()["groups"][0]["items"]
    assert [item["set"] for item in items if item["key"] == "HF_TOKEN"] == [False]


def test_a_limit_is_set_tells_when_it_counts_and_is_reset(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.goto(f"{site.url}/#/settings/server")
    fixed = page.locator("settings-server .row", has_text="MAX_BODY_MB")
    expect(fixed).to_contain_text("Largest request, in MB")
    field = page.get_by_label("Most jobs in the queue")
    field.fill("0")
    field.blur()
    assert not field.evaluate("(each) => each.validity.valid")
    field.fill("123")
    field.blur()
    expect(page.locator(".banner.is-note")).to_contain_text("from the next start")
    page.reload()
    expect(field).to_have_value("123")
    page.get_by_role("button", name="The default for MAX_QUEUE_DEPTH").click()
    expect(field).to_have_value("10000")


def test_rules_can_be_tried_before_they_count(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.goto(f"{site.url}/#/settings/retention")
    page.get_by_label("Keep at most so many").fill("100000")
    page.get_by_role("button", name="What would it do now?").click()
    expect(page.locator("settings-retention [role=status]")).to_contain_text("0 would go")
    assert owner.get("/api/library/rules").json()["max_count"] is None
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice")).to_contain_text("Saved.")
    assert owner.get("/api/library/rules").json()["max_count"] == 100_000
    page.get_by_label("Keep at most so many").fill("")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".notice")).to_have_count(2)
    assert owner.get("/api/library/rules").json()["max_count"] is None


def test_defaults_are_what_a_new_picture_begins_with(
    page: Page, site: RunningStudio, calm: None
) -> None:
    page.goto(f"{site.url}/#/settings/defaults")
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        page.get_by_label("Steps").fill("7")
        page.get_by_label("Steps").blur()
    page.goto(f"{site.url}/#/create")
    page.evaluate("localStorage.removeItem('studio.draft')")
    page.reload()
    page.locator("details.more summary").click()
    expect(page.locator("#input-steps")).to_have_value("7")


def test_a_theme_is_kept_by_studio_for_every_browser(
    page: Page, site: RunningStudio, open_page: OpenPage, state: dict[str, Any], calm: None
) -> None:
    page.goto(f"{site.url}/#/settings/looks")
    with page.expect_response(lambda answer: answer.request.method == "PUT"):
        page.get_by_label("Dark").check()
    other = open_page(storage_state=state)
    other.goto(site.url)
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_browser_is_asked_for_notifications_in_settings_alone(
    page: Page, site: RunningStudio, calm: None
) -> None:
    page.evaluate(
        "() => { window.asked = 0; Notification.requestPermission = async () => {"
        " window.asked += 1; return 'denied'; }; }"
    )
    page.get_by_role("link", name="Queue").click()
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="Notifications").click()
    assert page.evaluate("window.asked") == 0
    page.get_by_role("switch", name="Say it by the system").click()
    expect(page.get_by_role("switch", name="Say it by the system")).not_to_be_checked()
    assert page.evaluate("window.asked") == 1
    page.get_by_role("button", name="Try it").click()
    expect(page.locator(".notice")).to_contain_text("This is how it")


def test_activity_comes_by_itself_and_can_be_filtered(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.get_by_role("link", name="Activity").click()
    expect(page.locator(".timeline li")).not_to_have_count(0)
    before = page.locator(".timeline li", has_text="paused the queue").count()
    owner.post("/api/queue/pause")
    expect(page.locator(".timeline li", has_text="paused the queue")).to_have_count(before + 1)
    page.get_by_label("What", exact=True).select_option(label="The queue")
    expect(page.locator(".timeline li", has_text="logged in")).to_have_count(0)
    expect(page.locator(".timeline li", has_text="paused the queue")).not_to_have_count(0)
    owner.post("/api/invitations", json={"role": "guest"})
    owner.post("/api/queue/resume")
    expect(page.locator(".timeline li").first).to_contain_text("resumed the queue")
    page.get_by_label("Search").fill("nothing has this name")
    expect(page.locator(".empty")).to_contain_text("Nothing of that kind")


def test_activity_says_in_words_what_was_done_and_leads_there(
    page: Page, owner: httpx.Client
) -> None:
    folder = owner.get("/api/workflows/text-to-image").json()["name"]
    copied = owner.post("/api/workflows/text-to-image/copy").json()["id"]
    owner.delete(f"/api/workflows/{copied}")
    page.get_by_role("link", name="Activity").click()
    rows = page.locator(".timeline li")
    trashed = rows.filter(has_text="put into the trash the workflow").first
    expect(trashed.locator("a")).to_contain_text(folder)
    expect(trashed).not_to_contain_text(copied)
    expect(page.locator(".timeline")).not_to_contain_text("address:")
    # It may be long ago: other tests did much since.
    page.get_by_label("What", exact=True).select_option("Setting up")
    expect(rows.filter(has_text="set up this Studio")).not_to_have_count(0)


def test_names_that_look_like_markup_stay_text_in_activity(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    hostile = "<img src=x onerror=window.hit=1>"
    owner.post("/api/keys", json={"name": hostile, "scopes": ["jobs"]})
    page.get_by_role("link", name="Activity").click()
    expect(page.locator(".timeline li", has_text=hostile)).to_have_count(1)
    assert page.evaluate("window.hit") is None
