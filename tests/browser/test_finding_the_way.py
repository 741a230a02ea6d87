"""Finding the way between views, in a real browser: where one is, was, and what is next."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.api.graphs import endless, submit, wait_for_status
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage
from tests.browser.library import cell, create, made, open_library


def test_a_link_opens_a_view_at_its_top_and_back_leads_to_where_one_was(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(height=400, storage_state=state)
    page.goto(f"{site.url}/#/settings/limits")
    expect(page.locator("settings-view h1")).to_be_visible()
    page.wait_for_load_state("networkidle")
    page.mouse.wheel(0, 300)
    place = scrolled(page)
    page.evaluate("location.hash = '#/system'")
    expect(page.locator(".totals")).to_be_visible()
    assert page.evaluate("scrollY") == 0
    page.go_back()
    expect(page.locator("settings-view h1")).to_be_attached()
    page.evaluate(
        """(wanted) => new Promise((resolve) => {
            const isThere = () => Math.abs(scrollY - wanted) < 2;
            const look = () => (isThere() ? resolve() : requestAnimationFrame(look));
            look();
        })""",
        place,
    )


def scrolled(page: Page) -> float:
    """How far the page is scrolled, once it is."""
    place: float = page.evaluate(
        """() => new Promise((resolve) => {
            let last = 0;
            const look = () => {
                if (scrollY > 0 && scrollY === last) resolve(scrollY);
                else requestAnimationFrame(look);
                last = scrollY;
            };
            look();
        })"""
    )
    return place


def test_whoever_goes_to_a_view_by_keys_goes_on_in_it(page: Page) -> None:
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page.locator("library-view .view")).to_be_visible()
    expect(page.locator("#content")).to_be_focused()


def test_a_picture_that_is_closed_gives_the_focus_back_to_its_cell(
    page: Page, owner: httpx.Client
) -> None:
    made(owner, "a picture to close")
    open_library(page)
    cell(page, "a picture to close").focus()
    page.keyboard.press("Enter")
    expect(page.locator("dialog.lightbox")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("dialog.lightbox")).to_have_count(0)
    expect(cell(page, "a picture to close")).to_be_focused()


def test_leaving_a_workflow_asks_for_nothing_that_is_not_there(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/workflows/text-to-image")
    expect(page.locator(".flow-head")).to_be_visible()
    refused: list[str] = []
    page.on("response", lambda each: refused.append(each.url) if each.status == 404 else None)
    page.evaluate("location.hash = '#/settings/people'")
    expect(page.locator("settings-view h1")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert refused == []


def test_who_may_not_see_the_system_is_told_so(
    open_page: OpenPage, site: RunningStudio, member_state: dict[str, Any]
) -> None:
    page = open_page(storage_state=member_state)
    page.goto(f"{site.url}/#/system")
    expect(page.get_by_role("alert")).to_contain_text("owner of this Studio")
    expect(page.locator(".skeleton")).to_have_count(0)
    page.goto(f"{site.url}/#/activity")
    expect(page.locator(".timeline li")).not_to_have_count(0)


def test_all_that_wait_stand_in_the_queue_in_their_order(page: Page, owner: httpx.Client) -> None:
    running = submit(owner, endless())
    wait_for_status(owner, running["id"], "running")
    waiting = [create(owner, f"waits as number {number}")["id"] for number in (1, 2, 3)]
    try:
        page.get_by_role("link", name="Queue").click()
        rows = page.locator(".queue-waiting li")
        expect(rows.locator(".row-title")).to_have_text(
            [f"waits as number {number}" for number in (1, 2, 3)]
        )
        expect(rows.first).to_contain_text("Next")
        expect(page.locator(".queue-waiting .section-head .hint")).to_have_text("3")
        expect(rows.locator(".place")).to_have_text(["2", "3"])
    finally:
        owner.post("/api/jobs/cancel", json={"ids": [running["id"], *waiting]})


def test_the_trash_says_for_how_long_it_keeps_and_can_be_emptied(
    page: Page, owner: httpx.Client
) -> None:
    job = made(owner, "a picture to throw away")
    [output] = owner.get(f"/api/jobs/{job}").json()["outputs"]
    owner.post("/api/library/actions", json={"ids": [output["id"]], "action": "trash"})
    open_library(page)
    page.locator(".shelf", has_text="Trash").click()
    expect(page.locator(".banner")).to_contain_text("after 30 days")
    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.locator(".empty")).to_contain_text("trash is empty")


def test_on_a_phone_the_trash_is_in_sight_with_all_that_can_be_done_there(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    job = made(owner, "a picture to throw away on a phone")
    [output] = owner.get(f"/api/jobs/{job}").json()["outputs"]
    owner.post("/api/library/actions", json={"ids": [output["id"]], "action": "trash"})
    for number in range(3):
        owner.post("/api/boards", json={"name": f"A board with a long name {number}"})
    page = open_page(360, 740, storage_state=state)
    page.goto(f"{site.url}/#/library/trashed%3D1")
    for name in ("Restore all", "Empty the trash"):
        expect(page.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    expect(page.locator(".shelf", has_text="Trash")).to_be_in_viewport(ratio=1)


def test_a_menu_at_the_end_of_a_phone_opens_above_the_bar(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(360, 740, storage_state=state)
    page.goto(f"{site.url}/#/workflows")
    more = page.locator(".flow-card menu-button > button").nth(3)
    expect(more).to_be_visible()
    bar = "document.querySelector('.bar').getBoundingClientRect().top"
    more.evaluate(f"(each) => scrollBy(0, each.getBoundingClientRect().bottom - {bar} + 10)")
    more.press("Enter")
    menu = page.get_by_role("menu")
    expect(menu).to_be_in_viewport(ratio=1)
    assert menu.evaluate(f"(each) => each.getBoundingClientRect().bottom <= {bar}")


def test_the_filter_can_be_given_up_and_cleared(page: Page, owner: httpx.Client) -> None:
    made(owner, "a picture to filter")
    open_library(page)
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Width").fill("64")
    page.get_by_label("Width").press("Tab")
    expect(page.locator(".chips")).to_contain_text("64")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".chips")).to_have_count(0)


def test_the_palette_finds_workflows_and_searches_the_library(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+K")
    field = page.get_by_role("dialog").get_by_role("combobox")
    field.fill("inpaint")
    expect(page.get_by_role("option", name="Inpainting")).to_be_visible()
    field.fill("castle")
    page.get_by_role("option", name="Search the library for “castle”").click()
    expect(page.get_by_label("Search prompts")).to_have_value("castle")
