"""Links on a phone: somebody shares, somebody without an account opens, runs, and is held back."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.graphs import run, solid, wait_for_library
from tests.api.presets import good, preset
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import (
    PASSWORD,
    AssertAccessible,
    OpenPage,
    come_in,
    wait_for_parts,
)

PHONE = {"width": 360, "height": 740}
LOCK = "friends and family"


@pytest.fixture(scope="module")
def site(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """One of its own: runs by any link count for the address that all tests come from."""
    assert chromium
    with run_studio(tmp_path_factory.mktemp("shared")) as running:
        yield running


@pytest.fixture(scope="module")
def state(site: RunningStudio) -> dict[str, Any]:
    """A browser's storage once its owner has set up."""
    return come_in(site, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


def assert_fits(page: Page) -> None:
    """Nothing is wider than the window."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def make_link(page: Page) -> str:
    """Press the button of the dialog that is open, and return what is shown once."""
    page.get_by_role("button", name="Make link").click()
    shown = page.locator(".once input")
    expect(shown).to_be_visible()
    assert_fits(page)
    url = shown.input_value()
    page.get_by_role("button", name="Done", exact=True).click()
    return url


def link_to(client: httpx.Client, kind: str, target: str, **fields: Any) -> str:
    body = {"kind": kind, "target": target, **fields}
    return str(good(client.post("/api/share-links", json=body), 201)["url"])


def test_a_preset_is_shared_and_a_stranger_makes_pictures_until_the_limit(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    values = {"prompt": "a hidden style, a [[Which animal?:fox|owl]]"}
    good(owner.post("/api/presets", json=preset(name="Lent out", values=values)), 201)
    page = open_page(**PHONE, storage_state=state)
    page.goto(site.url)
    wait_for_parts(page)
    page.locator(".source-name").click()
    page.get_by_role("button", name="More for “Lent out”").click()
    page.get_by_role("menuitem", name="Share by a link").click()
    page.get_by_label("Ask for a password").check()
    page.locator("share-form input[name=password]").fill(LOCK)
    page.get_by_label("Runs an hour").fill("2")
    expect(page.get_by_role("checkbox", name="Steps")).not_to_be_checked()
    assert_accessible(page)
    assert_fits(page)
    url = make_link(page)

    visitor = open_page(**PHONE)
    visitor.goto(url)
    expect(visitor.get_by_label("Password")).to_be_visible()
    assert_accessible(visitor)
    visitor.get_by_label("Password").fill("not this one")
    visitor.get_by_role("button", name="Open").click()
    expect(visitor.get_by_role("alert")).to_contain_text("not the password")
    visitor.get_by_label("Password").fill(LOCK)
    visitor.get_by_role("button", name="Open").click()
    expect(visitor.get_by_role("heading", name="Lent out")).to_be_visible()
    assert "hidden style" not in visitor.content()
    for number in (1, 2):
        visitor.get_by_label("Which animal?").select_option("owl")
        visitor.get_by_role("button", name="Create").click()
        results = visitor.locator(".shared-result[data-status=succeeded] img")
        expect(results).to_have_count(number)
        expect(results.first).to_have_js_property("complete", True)
        assert results.first.evaluate("(image) => image.naturalWidth") == 64
    assert_fits(visitor)
    assert_accessible(visitor)
    with visitor.expect_download() as download:
        visitor.get_by_role("link", name="Download").first.click()
    saved = Path(download.value.path()).read_bytes()
    assert saved.startswith(b"\x89PNG")
    assert b"hidden style" not in saved
    visitor.get_by_role("button", name="Create").click()
    expect(visitor.get_by_role("alert")).to_contain_text(
        re.compile(r"Try again in [1-9]\d minutes")
    )
    visitor.reload()
    expect(visitor.locator(".shared-result img")).to_have_count(2)

    other = open_page(**PHONE)
    other.goto(url)
    other.get_by_label("Password").fill(LOCK)
    other.get_by_role("button", name="Open").click()
    expect(other.get_by_label("Which animal?")).to_be_visible()
    expect(other.locator(".shared-result")).to_have_count(0)


def test_links_are_listed_changed_and_withdrawn_in_the_settings(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    made = good(owner.post("/api/presets", json=preset(name="Soon gone")), 201)
    url = link_to(owner, "preset", made["id"], label="Soon gone")
    visitor = open_page(**PHONE)
    visitor.goto(url)
    expect(visitor.get_by_role("heading", name="Soon gone")).to_be_visible()
    page = open_page(**PHONE, storage_state=state)
    page.goto(f"{site.url}/#/settings/shares")
    row = page.locator("settings-shares .row", has_text="Soon gone")
    expect(row).to_contain_text("Opened once")
    expect(row).to_contain_text(url.rpartition("/")[2][:6])
    assert_accessible(page)
    assert_fits(page)
    row.get_by_role("button", name="What to do with Soon gone").click()
    page.get_by_role("menuitem", name="Change").click()
    page.get_by_label("What visitors read").fill("Kept a while")
    page.get_by_role("button", name="Save").click()
    row = page.locator("settings-shares .row", has_text="Kept a while")
    row.get_by_role("button", name="What to do with Kept a while").click()
    page.get_by_role("menuitem", name="Withdraw").click()
    expect(row).to_contain_text("Withdrawn")
    visitor.reload()
    expect(visitor.get_by_role("heading", name="Nothing here")).to_be_visible()
    assert_accessible(visitor)


def test_a_board_is_looked_through_and_a_picture_seen_in_the_visitors_language(
    open_page: OpenPage, owner: httpx.Client, assert_accessible: AssertAccessible
) -> None:
    ids = []
    for size in (48, 64):
        output = run(owner, solid(size=size))["outputs"][0]["id"]
        wait_for_library(owner, output)
        ids.append(output)
    board = good(owner.post("/api/boards", json={"name": f"Seen {time.time_ns()}"}), 201)["id"]
    owner.post("/api/library/actions", json={"ids": ids, "action": "add_to_board", "value": board})
    visitor = open_page(**PHONE, color_scheme="dark")
    visitor.goto(link_to(owner, "board", board))
    tiles = visitor.locator(".shared-tile")
    expect(tiles).to_have_count(2)
    assert_accessible(visitor)
    tiles.first.press("Enter")
    expect(visitor.get_by_text("1 of 2")).to_be_visible()
    visitor.keyboard.press("ArrowRight")
    expect(visitor.get_by_text("2 of 2")).to_be_visible()
    assert_accessible(visitor)
    visitor.keyboard.press("Escape")
    expect(visitor.locator("dialog[open]")).to_have_count(0)
    german = open_page(**PHONE, locale="de-DE")
    german.goto(link_to(owner, "asset", ids[0], label="Ein Bild"))
    expect(german.get_by_role("link", name="Herunterladen")).to_be_visible()
    assert german.evaluate("document.documentElement.lang") == "de"
    assert_accessible(german)


def test_a_run_is_followed_through_a_restart_and_made_once_though_no_answer_came(
    open_page: OpenPage, owner: httpx.Client
) -> None:
    made = good(owner.post("/api/presets", json=preset(name="Bad network")), 201)
    url = link_to(owner, "preset", made["id"])
    visitor = open_page(**PHONE)
    troubles = [502, 429, 502]

    def answer(route: Route) -> None:
        if route.request.method == "POST" and troubles:
            # Studio got it, and the visitor never heard.
            route.fetch()
            route.abort()
        elif troubles:
            code = troubles.pop()
            route.fulfill(status=code, headers={"Retry-After": "1"}, body="<html>")
        else:
            route.continue_()

    visitor.goto(url)
    expect(visitor.get_by_label("Which animal?")).to_be_visible()
    visitor.route("**/runs", answer)
    visitor.get_by_label("Which animal?").select_option("owl")
    visitor.get_by_role("button", name="Create").click()
    expect(visitor.get_by_role("alert")).to_contain_text("cannot be reached")
    expect(visitor.locator(".shared-result img")).to_have_count(1, timeout=60_000)
    with visitor.expect_response("**/runs") as answered:
        visitor.get_by_role("button", name="Create").click()
    assert answered.value.status == 201
    expect(visitor.get_by_role("button", name="Create")).to_be_enabled()
    visitor.reload()
    expect(visitor.locator(".shared-result")).to_have_count(1)


def test_too_many_questions_are_not_taken_for_a_password(
    open_page: OpenPage, owner: httpx.Client
) -> None:
    made = good(owner.post("/api/presets", json=preset(name="Open to all")), 201)
    visitor = open_page(**PHONE)
    refusal = {"error": {"code": "rate_limited", "message": "Too many requests."}}
    visitor.route("**/visit", lambda route: route.fulfill(status=429, json=refusal))
    visitor.goto(link_to(owner, "preset", made["id"]))
    expect(visitor.get_by_role("alert")).to_contain_text("a lot in a short time")
    expect(visitor.get_by_label("Password")).to_have_count(0)
    visitor.unroute("**/visit")
    visitor.get_by_role("button", name="Try again").click()
    expect(visitor.get_by_role("heading", name="Open to all")).to_be_visible()
