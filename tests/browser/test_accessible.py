"""Nothing that axe knows keeps anybody out: every view, in light and dark, on a phone and wide."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.test_looks import SECTIONS, VIEWS


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_any_view(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
) -> None:
    made = owner.post("/api/create", json={"prompt": "a fox for all", "steps": 1}).json()
    wait_ended(owner, made["id"])
    owner.post("/api/queue/pause")
    owner.post("/api/create", json={"prompt": "a fox that waits"})
    page = open_page(width, 740, color_scheme=scheme, storage_state=state, reduced_motion="reduce")
    for view in (*VIEWS, *(f"settings/{section}" for section in SECTIONS)):
        page.goto(f"{site.url}/#/{view}")
        expect(page.locator(f"{view.partition('/')[0]}-view .view")).to_be_visible()
        page.wait_for_load_state("networkidle")
        assert_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_what_opens_over_a_view(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    assert_accessible: AssertAccessible,
    scheme: str,
) -> None:
    page = open_page(360, 740, color_scheme=scheme, storage_state=state, reduced_motion="reduce")
    page.goto(site.url)
    page.wait_for_load_state("networkidle")
    page.get_by_role("button", name="More", exact=True).click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.locator("main").focus()
    page.keyboard.press("Control+K")
    expect(page.get_by_role("listbox")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert_accessible(page)
    stranger = open_page(360, 740, color_scheme=scheme)
    stranger.goto(site.url)
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    assert_accessible(stranger)
