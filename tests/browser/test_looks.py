"""Every view fits, from a phone to a desktop, in light and dark, and says what its controls are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage

VIEWS = ("create", "queue", "library", "people")
LONG = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft " * 3

FAINT = """() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (color) => color.slice(0, 3)
        .map((value) => value / 255)
        .map((value) => (value <= 0.04 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        .reduce((sum, value, index) => sum + value * [0.2126, 0.7152, 0.0722][index], 0);
    const ground = (element) => {
        for (let each = element; each; each = each.parentElement) {
            const style = getComputedStyle(each);
            if (style.backgroundImage !== 'none') return null;
            const color = rgba(style.backgroundColor);
            if (color[3] === 255) return color;
        }
        return null;
    };
    const faint = [];
    for (const element of document.querySelectorAll('body *')) {
        const hasWords = [...element.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
        if (!hasWords || !element.checkVisibility() || element.closest(':disabled')) continue;
        const behind = ground(element);
        if (!behind) continue;
        const [a, b] = [light(rgba(getComputedStyle(element).color)), light(behind)];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) faint.push(`${element.textContent.trim().slice(0, 40)}: ${ratio}`);
    }
    return faint;
}"""
"""Words with less contrast than WCAG AA asks of small text; those over pictures apart."""

NAMELESS = """() => [...document.querySelectorAll('button, a, input, select, textarea')]
    .filter((each) => each.checkVisibility() && !each.labels?.length)
    .filter((each) => !(each.getAttribute('aria-label') || each.textContent.trim()))
    .map((each) => each.outerHTML.slice(0, 120))"""


def check(page: Page, view: str) -> None:
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, view
    assert page.evaluate(NAMELESS) == [], view
    assert page.evaluate(FAINT) == [], view


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_view_fits_can_be_read_and_names_its_controls(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    width: int,
    scheme: str,
) -> None:
    made = owner.post("/api/create", json={"prompt": LONG, "steps": 1}).json()
    wait_ended(owner, made["id"])
    owner.post("/api/queue/pause")
    owner.post("/api/create", json={"prompt": LONG})
    page = open_page(width, 740, color_scheme=scheme, storage_state=state, reduced_motion="reduce")
    for view in VIEWS:
        page.goto(f"{site.url}/#/{view}")
        expect(page.locator(f"{view}-view .view")).to_be_visible()
        page.wait_for_load_state("networkidle")
        check(page, view)
        if view == "create":
            page.locator("details.more summary").click()
            page.locator(".segments label").nth(3).click()
            check(page, "more choices")
        if view == "library":
            page.locator(".tile.is-picture").first.click()
            expect(page.locator(".facts")).to_contain_text("Seed")
            check(page, "lightbox")
            page.keyboard.press("Escape")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_fits_a_phone(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], scheme: str
) -> None:
    assert state["cookies"]
    page = open_page(360, 640, color_scheme=scheme)
    page.goto(site.url)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    check(page, "login")


def test_a_theme_that_was_chosen_stays(page: Page) -> None:
    page.get_by_role("button", name="Switch to dark").click()
    page.reload()
    expect(page.get_by_role("button", name="Switch to light")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_the_keyboard_reaches_the_content_first(page: Page) -> None:
    page.get_by_role("link", name="Queue").click()
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


def test_comfyui_can_be_opened_on_a_phone_too(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(360, 740, storage_state=state)
    page.goto(site.url)
    page.get_by_role("link", name="People").click()
    with page.expect_request("**/api/editor/open") as asked:
        page.get_by_role("button", name="Open ComfyUI").click()
    assert asked.value.method == "POST"
    page.set_viewport_size({"width": 1280, "height": 800})
    expect(page.get_by_role("button", name="Open ComfyUI")).to_have_count(1)
