"""The API page in a real browser, behind the same door as everything else."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage

SHOWN = """() => [...document.querySelectorAll('.opblock-summary')].map((each) =>
    each.querySelector('.opblock-summary-method').textContent.trim() + ' ' +
    each.querySelector('.opblock-summary-path').dataset.path)"""


@pytest.fixture
def docs(site: RunningStudio, open_page: OpenPage, state: dict[str, Any]) -> Page:
    """The page, as somebody who is logged in opens it."""
    page = open_page(storage_state=state)
    page.goto(f"{site.url}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    return page


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
    expected = {f"{method.upper()} {path}" for path, of in paths.items() for method in of}
    # Only what is near the window is in the document.
    seen: set[str] = set()
    docs.mouse.move(400, 400)
    for _ in range(200):
        seen.update(docs.evaluate(SHOWN))
        if expected <= seen:
            break
        docs.mouse.wheel(0, 500)
        docs.wait_for_timeout(50)
    assert expected - seen == set()


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


def test_it_fits_a_phone(site: RunningStudio, open_page: OpenPage, state: dict[str, Any]) -> None:
    page = open_page(360, 720, storage_state=state)
    page.goto(f"{site.url}/api/docs")
    expect(page.locator(".opblock").first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
