"""The lightbox: everything about one picture, large; Back closes it, arrows and keys lead on."""

from __future__ import annotations

import json
import re
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, Route, expect

from tests.api.graphs import wait_ended, wait_for_library
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage
from tests.browser.library import (
    cell,
    made,
    open_library,
    outputs_of,
    search,
    until_stored,
)

ONE_PICTURE = re.compile(r"/api/library/[0-9a-f-]{36}$")


def lightbox(page: Page) -> Locator:
    return page.get_by_role("dialog", name="Picture")


def prompt_in(page: Page) -> Locator:
    return lightbox(page).locator(".prompt-text p").first


def test_back_closes_it_and_stays_on_the_view(page: Page, owner: httpx.Client) -> None:
    made(owner, "a way back")
    open_library(page)
    cell(page, "a way back").first.click()
    expect(lightbox(page)).to_be_visible()
    page.go_back()
    expect(lightbox(page)).to_have_count(0)
    expect(page.locator("library-view h1")).to_be_visible()
    assert page.url.endswith("#/library")
    page.go_back()
    expect(page.locator("#prompt")).to_be_visible()


def test_closing_it_leaves_nothing_to_go_back_through(page: Page, owner: httpx.Client) -> None:
    made(owner, "closed by hand")
    open_library(page)
    for close in ("button", "key", "backdrop"):
        cell(page, "closed by hand").first.click()
        expect(lightbox(page)).to_be_visible()
        if close == "button":
            lightbox(page).get_by_title("Close", exact=True).click()
        elif close == "key":
            page.keyboard.press("Escape")
        else:
            page.locator("zoom-stage").click(position={"x": 3, "y": 3})
        expect(lightbox(page)).to_have_count(0)
        expect(page.locator("library-view h1")).to_be_visible()
    page.go_back()
    expect(page.locator("#prompt")).to_be_visible()


def test_it_tells_every_parameter_and_copies_the_seed(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    made(owner, "a lorikeet", seed=4503599627370497, negative="blurry", steps=2, cfg=4.5)
    page = open_page(storage_state=state, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/#/library")
    search(page, "lorikeet")
    cell(page, "a lorikeet").click()
    facts = lightbox(page).locator(".facts")
    for text in ("4503599627370497", "64 × 64", "CFG", "4.5", "embedded-demo"):
        expect(facts).to_contain_text(text)
    expect(prompt_in(page)).to_have_text("a lorikeet")
    expect(lightbox(page).locator(".prompt-text p").nth(1)).to_have_text("blurry")
    lightbox(page).get_by_role("button", name="Copy: Seed").click()
    expect(page.locator(".notice")).to_contain_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == "4503599627370497"


def test_keys_lead_on_judge_and_throw_away(page: Page, owner: httpx.Client) -> None:
    for number in range(3):
        made(owner, f"a gecko {number}")
    open_library(page)
    search(page, "gecko")
    cell(page, "a gecko 2").click()
    expect(prompt_in(page)).to_have_text("a gecko 2")
    page.keyboard.press("ArrowRight")
    expect(prompt_in(page)).to_have_text("a gecko 1")
    page.keyboard.press("5")
    page.keyboard.press("f")
    stars = lightbox(page).get_by_role("button", name="5 stars")
    expect(stars).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Delete")
    expect(prompt_in(page)).to_have_text("a gecko 0")
    expect(lightbox(page).locator(".place")).to_have_text("2 of 2")
    page.keyboard.press("Escape")
    expect(page.locator(".cell")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(cell(page, "a gecko 1")).to_have_attribute("aria-label", "a gecko 1, Favourite, 5 stars")


def test_a_star_that_is_given_before_the_details_come_stays(
    page: Page, owner: httpx.Client
) -> None:
    job = owner.get(f"/api/jobs/{made(owner, 'a newt of one star')}").json()
    without_a_star = owner.get(f"/api/library/{job['outputs'][0]['id']}").json()
    open_library(page)
    search(page, "newt")
    held: list[Route] = []
    page.route(ONE_PICTURE, lambda route: held.append(route))
    with page.expect_request(ONE_PICTURE):
        cell(page, "a newt of one star").click()
    star = lightbox(page).get_by_role("button", name="1 star", exact=True)
    with page.expect_response("**/api/library/actions"):
        star.click()
    for route in held:
        route.fulfill(json=without_a_star)
    expect(prompt_in(page)).to_have_text("a newt of one star")
    expect(star).to_have_attribute("aria-pressed", "true")


def test_the_last_picture_of_a_list_closes_it(page: Page, owner: httpx.Client) -> None:
    made(owner, "the only numbat of these")
    open_library(page)
    search(page, "numbat these")
    cell(page, "the only numbat of these").click()
    lightbox(page).get_by_role("button", name="Into the trash").click()
    expect(lightbox(page)).to_have_count(0)
    expect(page.locator(".empty")).to_contain_text("Nothing found")


def test_what_is_thrown_away_is_gone_from_other_views(page: Page, owner: httpx.Client) -> None:
    job = made(owner, "seen in two places")
    open_library(page)
    search(page, "seen two places")
    cell(page, "seen in two places").focus()
    page.keyboard.press("Delete")
    expect(page.locator(".cell")).to_have_count(0)
    page.get_by_role("link", name="Create").click()
    expect(page.locator("#prompt")).to_be_visible()
    expect(page.get_by_role("button", name="Open “seen in two places”")).to_have_count(0)
    until_stored(lambda: outputs_of(owner, job), 0)


def scale_of(page: Page) -> float:
    return float(
        page.locator("zoom-stage img").evaluate(
            "each => new DOMMatrix(getComputedStyle(each).transform).a"
        )
    )


def test_wheel_and_double_click_enlarge_and_dragging_moves(page: Page, owner: httpx.Client) -> None:
    made(owner, "a cassowary to look into", width=256, height=256)
    open_library(page)
    search(page, "cassowary")
    cell(page, "a cassowary to look into").click()
    shown = page.locator("zoom-stage img")
    expect(shown).to_have_attribute("src", f"/api/v2/assets/{asset(owner, 'cassowary')}/content")
    shown.hover()
    page.mouse.wheel(0, -300)
    page.wait_for_function("document.querySelector('zoom-stage img.is-zoomed') !== null")
    assert scale_of(page) > 1.5
    page.mouse.wheel(0, 3000)
    expect(shown).not_to_have_class("is-zoomed")
    assert scale_of(page) == 1
    shown.dblclick()
    expect(shown).to_have_class("is-zoomed")
    before = shown.evaluate("each => each.style.transform")
    page.mouse.down()
    box = page.locator("zoom-stage").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 200, box["y"] + 200, steps=3)
    page.mouse.up()
    assert shown.evaluate("each => each.style.transform") != before
    expect(lightbox(page)).to_be_visible()


def asset(owner: httpx.Client, word: str) -> str:
    return str(owner.get(f"/api/library?q={word}").json()["items"][0]["id"])


def touches(page: Page, *steps: list[tuple[float, float]]) -> None:
    """Fingers go down at the first places, over the others, and up again."""
    session = page.context.new_cdp_session(page)
    for number, places in enumerate(steps):
        points = [{"x": x, "y": y, "id": index} for index, (x, y) in enumerate(places)]
        kind = "touchMove" if number else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_fingers_swipe_on_pinch_and_swipe_it_away(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    for number in range(2):
        made(owner, f"a skink {number}", width=256, height=256)
    page = open_page(360, 740, has_touch=True, is_mobile=True, storage_state=state)
    page.goto(f"{site.url}/#/library")
    search(page, "skink")
    cell(page, "a skink 1").tap()
    place = lightbox(page).locator(".place")
    expect(place).to_have_text("1 of 2")
    expect(page.locator("zoom-stage img")).to_be_visible()
    touches(page, [(280, 380)], [(200, 382)], [(90, 384)])
    expect(place).to_have_text("2 of 2")
    touches(page, [(170, 380), (190, 380)], [(120, 380), (240, 380)], [(80, 380), (280, 380)])
    expect(page.locator("zoom-stage img")).to_have_class("is-zoomed")
    expect(place).to_have_text("2 of 2")
    page.locator("zoom-stage img").dblclick()
    expect(page.locator("zoom-stage img")).not_to_have_class("is-zoomed")
    touches(page, [(180, 300)], [(182, 400)], [(184, 500)])
    expect(lightbox(page)).to_have_count(0)


def test_a_fact_leads_to_everything_that_shares_it(page: Page, owner: httpx.Client) -> None:
    made(owner, "a fact to follow")
    open_library(page)
    cell(page, "a fact to follow").first.click()
    lightbox(page).get_by_role("button", name="embedded-demo").click()
    expect(lightbox(page)).to_have_count(0)
    expect(page.locator(".chip")).to_contain_text("Model embedded-demo")
    expect(cell(page, "a fact to follow").first).to_be_visible()


def test_the_workflow_is_copied_as_it_is(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    made(owner, "a graph to copy")
    page = open_page(storage_state=state, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"{site.url}/#/library")
    cell(page, "a graph to copy").first.click()
    lightbox(page).get_by_role("button", name="Workflow").click()
    page.get_by_role("menuitem", name="Copy as text").click()
    expect(page.locator(".notice")).to_contain_text("Copied")
    graph = json.loads(page.evaluate("navigator.clipboard.readText()"))
    assert "a graph to copy" in json.dumps(graph)


def test_a_recall_puts_it_into_the_form(page: Page, owner: httpx.Client) -> None:
    made(owner, "used again", seed=321)
    open_library(page)
    cell(page, "used again").first.click()
    lightbox(page).get_by_role("button", name="Use again").click()
    page.get_by_role("menuitem", name="Everything").click()
    expect(page.locator("#prompt")).to_have_value("used again")
    expect(lightbox(page)).to_have_count(0)


def test_a_link_in_it_is_followed_and_back_comes_to_the_view(
    page: Page, owner: httpx.Client
) -> None:
    made(owner, "with a link")
    open_library(page)
    cell(page, "with a link").first.click()
    page.get_by_role("link", name="What to do").click()
    expect(page.locator("help-view h1")).to_be_visible()
    page.go_back()
    expect(page.locator("library-view h1")).to_be_visible()
    expect(lightbox(page)).to_have_count(0)


def test_a_click_right_after_closing_it_is_not_undone_by_its_way_back(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    made(owner, "a slow way back")
    page = open_page(storage_state=state)
    # As on a machine that is busy: the way back takes a moment.
    page.add_init_script(
        "const back = History.prototype.back;"
        "const later = (go) => (done) => setTimeout(() => {"
        "  addEventListener('popstate', () => done(true), { once: true }); go(); }, 400);"
        "History.prototype.back = function () {"
        "  window.wentBack = new Promise(later(() => back.call(this))); };"
    )
    page.goto(f"{site.url}/#/library")
    for close in ("button", "key"):
        cell(page, "a slow way back").first.click()
        if close == "button":
            lightbox(page).get_by_title("Close", exact=True).click()
        else:
            page.keyboard.press("Escape")
        page.get_by_role("link", name="Queue").click()
        expect(page.locator("queue-view h1")).to_be_visible()
        assert page.evaluate("window.wentBack")
        assert page.url.endswith("#/queue")
        expect(page.locator("queue-view h1")).to_be_visible()
        page.get_by_role("link", name="Library").click()


def test_what_was_thrown_away_in_it_is_brought_back_from_it(
    page: Page, owner: httpx.Client
) -> None:
    for number in range(2):
        made(owner, f"a tahr {number}")
    open_library(page)
    search(page, "tahr")
    cell(page, "a tahr 1").click()
    expect(prompt_in(page)).to_have_text("a tahr 1")
    page.keyboard.press("Delete")
    expect(prompt_in(page)).to_have_text("a tahr 0")
    page.get_by_role("button", name="Undo").click()
    expect(lightbox(page).get_by_role("status").first).to_have_text("1 of 2")
    expect(page.locator(".notice")).to_have_count(0)


def test_all_of_it_is_recalled_onto_a_form_that_nobody_has_seen_yet(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    answer = owner.post(
        "/api/workflows/text-to-image/run",
        json={"values": {"prompt": "a serow to recall", "steps": 1, "seed": 4711}},
    )
    [job] = answer.json()["jobs"]
    [output] = wait_ended(owner, job["id"])["outputs"]
    wait_for_library(owner, output["id"])
    page = open_page(storage_state=state)
    page.goto(f"{site.url}/#/library/q%3Dserow")
    cell(page, "a serow to recall").click()
    expect(lightbox(page).locator(".facts")).to_contain_text("Text to image")
    lightbox(page).get_by_role("button", name="Use again").click()
    page.get_by_role("menuitem", name="Everything").click()
    expect(page.locator("#prompt")).to_have_value("a serow to recall")
    expect(page.locator("#input-seed")).to_have_value("4711")
