"""Nothing that axe knows of what opens over a view keeps anybody out; test_looks has the views."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import AssertAccessible, OpenPage


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
