"""Every view fits, from a phone to a desktop, in light and dark, and says what its controls are."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.policy.source import table_in

VIEWS = table_in("parts.js", "VIEWS")
SECTIONS = table_in("models/sections.js", "SECTIONS")
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
def test_every_view_fits_can_be_read_and_keeps_nobody_out(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
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
        assert_accessible(page)
        if view == "create":
            page.locator("details.more summary").click()
            page.locator(".segments button").nth(1).click()
            check(page, "more choices")
        if view == "library":
            page.locator(".cell:not(.is-unknown)").first.click()
            if width < 1000:
                page.get_by_role("button", name="Details").click()
            expect(page.locator(".facts")).to_contain_text("Seed")
            check(page, "lightbox")
            # Closing goes one step back, which would overtake the way to the next view.
            with page.expect_event("framenavigated"):
                page.keyboard.press("Escape")
    for section in SECTIONS:
        page.goto(f"{site.url}/#/settings/{section}")
        expect(page.locator(".settings-section")).to_be_visible()
        page.wait_for_load_state("networkidle")
        check(page, section)
        assert_accessible(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_login_fits_a_phone(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], scheme: str
) -> None:
    assert state["cookies"]
    page = open_page(360, 640, color_scheme=scheme)
    page.goto(site.url)
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    check(page, "login")


def test_the_keyboard_reaches_the_content_first(page: Page) -> None:
    page.get_by_role("link", name="Queue").click()
    page.locator(".skip").focus()
    expect(page.locator(".skip")).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


SMALL = """() => {
    const inText = (each) => each.matches('a.link') && each.closest('p, .banner');
    const hidden = (each) => each.closest('.unseen, .skip') || !each.checkVisibility();
    const target = (each) => (each.matches('input[type=checkbox], input[type=radio]')
        ? each.closest('label') : each);
    return [...document.querySelectorAll('button, a, select, summary, input, textarea, .link')]
        .filter((each) => !hidden(each) && !inText(each))
        .map((each) => [each, target(each).getBoundingClientRect()])
        .filter(([, { width, height }]) => width < 44 || height < 44)
        .map(([each, { width, height }]) => `${each.outerHTML.slice(0, 90)} ${width} ${height}`);
}"""
"""Controls that a finger would miss; links within a sentence apart."""

ZOOMS = """() => [...document.querySelectorAll('input, select, textarea')]
    .filter((each) => each.checkVisibility() && !each.matches('[type=checkbox], [type=radio]'))
    .filter((each) => parseFloat(getComputedStyle(each).fontSize) < 16)
    .map((each) => each.outerHTML.slice(0, 120))"""
"""Fields that a phone zooms into."""


def check_for_fingers(page: Page, view: str) -> None:
    assert page.evaluate(SMALL) == [], view
    assert page.evaluate(ZOOMS) == [], view


def test_on_a_phone_everything_can_be_hit_and_nothing_zooms(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    made = owner.post("/api/create", json={"prompt": "a fox for fingers", "steps": 1}).json()
    wait_ended(owner, made["id"])
    owner.post("/api/queue/pause")
    owner.post("/api/create", json={"prompt": "a fox that waits"})
    # In Activity each leads to what it was done to.
    owner.delete(f"/api/workflows/{owner.post('/api/workflows/text-to-image/copy').json()['id']}")
    output = owner.get(f"/api/jobs/{made['id']}").json()["outputs"][0]["id"]
    for action in ("trash", "restore"):
        owner.post("/api/library/actions", json={"ids": [output], "action": action})
    page = open_page(360, 740, has_touch=True, is_mobile=True, storage_state=state)
    for view in VIEWS:
        page.goto(f"{site.url}/#/{view}")
        expect(page.locator(f"{view}-view .view")).to_be_visible()
        page.wait_for_load_state("networkidle")
        if view == "create":
            page.locator("details.more summary").click()
            page.locator(".segments button").nth(1).click()
        check_for_fingers(page, view)
    page.goto(f"{site.url}/#/settings/people")
    page.get_by_role("button", name="Make a link").click()
    expect(page.locator(".once input")).to_be_visible()
    check_for_fingers(page, "people")
    page.goto(f"{site.url}/#/settings/account")
    page.locator("account-password summary").click()
    for section in SECTIONS:
        page.goto(f"{site.url}/#/settings/{section}")
        expect(page.locator(".settings-section")).to_be_visible()
        page.wait_for_load_state("networkidle")
        check_for_fingers(page, section)
    page.goto(f"{site.url}/#/library")
    page.locator(".cell:not(.is-unknown)").first.click()
    page.get_by_role("button", name="Details").click()
    expect(page.locator(".facts")).to_contain_text("Seed")
    check_for_fingers(page, "lightbox")
    stranger = open_page(360, 740, has_touch=True, is_mobile=True)
    stranger.goto(site.url)
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    check_for_fingers(stranger, "login")


def test_the_edges_of_a_screen_that_are_not_square_stay_free(page: Page) -> None:
    text = page.evaluate(
        """() => [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules])
            .map((rule) => rule.cssText).join(' ')"""
    )
    for side in ("top", "right", "bottom", "left"):
        assert f"env(safe-area-inset-{side})" in text, side
    viewport = page.locator("meta[name=viewport]").get_attribute("content") or ""
    assert "viewport-fit=cover" in viewport
