"""Settings, the system and activity, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage
from tests.browser.library import create

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


def test_the_system_says_what_is_meant_by_no_isolation_and_what_helps(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/system")
    warning = page.locator(".system .banner", has_text="the same user")
    expect(warning).to_contain_text("can do what Studio can")
    expect(warning).to_contain_text("container image")
    expect(page.locator(".system")).not_to_contain_text("no isolation")


def test_the_system_says_how_long_its_start_took_and_with_what(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/system")
    start = page.locator(".system .start")
    expect(start).to_contain_text("The page was served after")
    expect(start).to_contain_text("Work was taken after")
    expect(start.locator("dt")).to_contain_text(["Loading Studio", "Waiting for an engine"])


def test_the_system_shows_its_engine_and_what_it_writes(page: Page, site: RunningStudio) -> None:
    page.get_by_role("link", name="System").click()
    card = page.locator("engine-card", has_text="embedded")
    expect(card.locator(".state")).to_have_text("ready")
    expect(page.locator(".rings").get_by_role("img", name="Memory")).to_be_visible()
    card.get_by_role("button", name="Log").click()
    expect(card.get_by_role("log")).to_contain_text("Listening on")
    card.get_by_role("button", name="Free memory").click()
    expect(page.locator(".notice")).to_contain_text("frees its memory")
    with page.expect_download() as found:
        page.get_by_role("link", name="Diagnostics").click()
    assert found.value.suggested_filename.endswith(".zip")


def test_an_engine_that_ends_and_starts_is_seen_by_itself(page: Page) -> None:
    page.get_by_role("link", name="System").click()
    card = page.locator("engine-card", has_text="embedded")
    expect(card.locator(".state")).to_have_text("ready")
    card.get_by_role("button", name="Stop", exact=True).click()
    expect(card.locator(".state")).to_have_text("stopped")
    card.get_by_role("button", name="Start", exact=True).click()
    expect(card.locator(".state")).to_have_text("ready")
    card.get_by_role("button", name="Restart").click()
    expect(page.locator(".notice", has_text="starts again")).to_be_visible()
    expect(card.locator(".state")).to_have_text("ready")


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


def test_the_system_and_the_log_of_an_engine_come_live(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.goto(f"{site.url}/#/system")
    expect(page.locator(".totals")).to_be_visible()
    page.get_by_role("button", name="Log", exact=True).click()
    log = page.locator("engine-log").get_by_role("log")
    expect(log).not_to_be_empty()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    file = site.folder / "logs" / "embedded.log"
    for number in range(3):
        with file.open("a") as out:
            out.write(f"canary {number} of the engine\n")
        expect(log).to_contain_text(f"canary {number} of the engine")
    assert log.inner_text().count("canary 1 of the engine") == 1
    owner.post("/api/queue/pause")
    create(owner, "a fox that waits")
    expect(page.locator(".totals div", has_text="waiting").locator("strong")).to_have_text("1")
    polled = [url for url in asked if url.endswith("/api/system")]
    assert polled == []


def test_a_clone_says_which_version_runs_and_how_it_is_updated(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/system")
    card = page.locator("updates-card")
    expect(card).to_contain_text("git pull")
    expect(card).to_contain_text("runs.")
    expect(card.get_by_role("button", name="Look for updates")).to_have_count(0)


def test_an_update_that_is_not_signed_says_so_before_it_is_taken(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    found = {
        "version": "9.0.0", "commit": "a" * 40, "ref": "main", "trust": "unsigned",
        "committed_at": "2026-01-01T00:00:00+00:00", "components": [], "changes": "",
        "is_older": False, "refused": None,
    }  # fmt: skip
    status = owner.get("/api/system/updates").json()
    asked: list[Any] = []

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.post_data_json)
        route.fulfill(json={**status, "managed": True, "available": found})

    # Only the container updates itself.
    page.route("**/api/system/updates**", answer)
    page.goto(f"{site.url}/#/system")
    page.locator("updates-card").get_by_role("button", name="Install").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It is not signed")
    with page.expect_response("**/api/system/updates/apply"):
        dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_have_count(0)
    assert asked == [{"commit": "a" * 40, "allow_downgrade": False, "allow_unsigned": True}]
