"""The API page in a real browser, behind the same door as everything else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import opening_pages

SHOWN = """() => [...document.querySelectorAll('.opblock-summary')].map((each) =>
    each.querySelector('.opblock-summary-method').textContent.trim() + ' ' +
    each.querySelector('.opblock-summary-path').dataset.path)"""


@pytest.fixture(scope="module")
def drawn(site: RunningStudio, browser: Browser, state: dict[str, Any]) -> Iterator[Page]:
    """The page, as somebody who is logged in opens it; to draw every operation takes a while."""
    with opening_pages(browser) as open_page:
        page = open_page(storage_state=state)
        page.goto(f"{site.url}/api/docs")
        expect(page.locator(".opblock").first).to_be_visible()
        yield page


@pytest.fixture
def docs(drawn: Page) -> Page:
    """The same as a test finds it: wide, with every operation."""
    drawn.set_viewport_size({"width": 1280, "height": 800})
    drawn.locator(".operation-filter-input").fill("")
    return drawn


def execute(page: Page, method: str, path: str) -> Locator:
    """Open one operation and try it as it stands; the cell with the status that came."""
    page.locator(".operation-filter-input").fill(path)
    address = page.locator(f'.opblock-summary-path[data-path="{path}"]')
    block = page.locator(f".opblock-{method}").filter(has=address)
    block.locator(".opblock-summary-control").first.click()
    block.get_by_role("button", name="Execute").click()
    return block.locator(".live-responses-table tbody .response-col_status")


def test_a_stranger_is_not_shown_it(site: RunningStudio) -> None:
    answer = httpx.get(f"{site.url}/api/docs", headers={"Accept": "text/html"})
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthorized"


def test_every_operation_is_on_it(site: RunningStudio, docs: Page) -> None:
    with site.client() as owner:
        paths = owner.get("/api/openapi.json").json()["paths"]
    # One that belongs to two groups is in both.
    expected = [
        f"{method.upper()} {path}"
        for path, of in paths.items()
        for method, operation in of.items()
        for _ in operation["tags"]
    ]
    # Only what is near the window is in the document: it is as high as everything.
    docs.set_viewport_size({"width": 1280, "height": 200 * len(expected)})
    expect(docs.locator(".opblock-summary")).to_have_count(len(expected))
    assert sorted(docs.evaluate(SHOWN)) == sorted(expected)


def test_whoever_is_logged_in_tries_a_route_with_its_example(
    docs: Page, owner: httpx.Client
) -> None:
    before = len(owner.get("/api/jobs").json()["jobs"])
    expect(execute(docs, "post", "/api/jobs")).to_have_text("201")
    assert len(owner.get("/api/jobs").json()["jobs"]) == before + 1


def test_a_key_that_is_entered_counts_in_place_of_the_session(
    site: RunningStudio, docs: Page
) -> None:
    docs.get_by_role("button", name="Authorize").click()
    dialog = docs.locator(".modal-ux")
    dialog.locator("input").first.fill(site.make_key("assets"))
    dialog.locator("button[type=submit]").first.click()
    dialog.get_by_role("button", name="Close").last.click()
    expect(execute(docs, "get", "/api/queue")).to_have_text("403")


def test_its_policy_lets_in_neither_strangers_nor_evaluation(
    site: RunningStudio, docs: Page
) -> None:
    policy = docs.request.get(f"{site.url}/api/docs").headers["content-security-policy"]
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert docs.evaluate("typeof SwaggerUIBundle") == "function"


def test_it_is_dark_where_studio_is(
    site: RunningStudio, browser: Browser, state: dict[str, Any]
) -> None:
    with opening_pages(browser) as open_page:
        page = open_page(storage_state=state, color_scheme="dark")
        page.goto(f"{site.url}/api/docs")
        expect(page.locator("html")).to_have_class("dark-mode")
        page.evaluate("localStorage.setItem('studio.theme', 'light')")
        page.reload()
        expect(page.locator("html")).not_to_have_class("dark-mode")
        page.emulate_media(color_scheme="light")
        page.evaluate("localStorage.setItem('studio.theme', 'dark')")
        page.reload()
        expect(page.locator("html")).to_have_class("dark-mode")


def test_it_fits_a_phone(docs: Page) -> None:
    docs.set_viewport_size({"width": 360, "height": 720})
    assert docs.evaluate("document.documentElement.scrollWidth") <= 360
