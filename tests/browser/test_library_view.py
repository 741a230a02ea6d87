"""The library in a real browser: found, judged, put on boards, thrown away and brought back."""

from __future__ import annotations

import io
import re
import zipfile
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.library import (
    ask,
    cell,
    create,
    made,
    open_library,
    outputs_of,
    search,
    shelf,
    until_stored,
)


def total(client: httpx.Client, query: str) -> int:
    """How many pictures of the library a query finds."""
    return int(client.get(f"/api/library?{query}").json()["total"])


def test_words_and_fields_find_pictures_and_chips_say_by_what(
    page: Page, owner: httpx.Client
) -> None:
    made(owner, "a quokka by the sea", seed=4711)
    made(owner, "a quokka in the hills", seed=4712)
    open_library(page)
    search(page, "quokka")
    expect(page.locator(".library-count")).to_have_text("2 files")
    search(page, "quokka seed:4711")
    expect(page.locator(".chip")).to_have_text("Seed 4711")
    expect(page.get_by_label("Search prompts")).to_have_value("quokka")
    expect(page.locator(".library-count")).to_have_text("1 file")
    expect(cell(page, "a quokka by the sea")).to_be_visible()
    page.reload()
    expect(page.locator(".chip")).to_have_text("Seed 4711")
    expect(page.locator(".library-count")).to_have_text("1 file")
    page.get_by_role("button", name="Without “Seed 4711”").click()
    expect(page.locator(".library-count")).to_have_text("2 files")
    search(page, "no such word")
    expect(page.locator(".empty")).to_contain_text("Nothing found for “no such word”")
    page.get_by_role("button", name="Clear filters").click()
    expect(page.locator(".cell").first).to_be_visible()


def test_the_filter_offers_what_there_is(page: Page, owner: httpx.Client) -> None:
    made(owner, "a numbat of a known model")
    page.reload()
    open_library(page)
    page.get_by_role("button", name="Filter").click()
    dialog = page.get_by_role("dialog", name="Filter")

    def choice(name: str) -> Locator:
        label = dialog.locator("label.field", has=page.get_by_text(name, exact=True))
        return label.locator("select")

    own = choice("Model").locator("option", has_text="embedded-demo")
    expect(own).to_have_count(1)
    choice("Model").select_option(own.get_attribute("value"))
    choice("Kind").select_option("image")
    dialog.get_by_role("button", name="Show").click()
    expect(page.locator(".chip")).to_have_count(2)
    expect(cell(page, "a numbat of a known model")).to_be_visible()


def test_what_is_made_meanwhile_comes_by_itself(page: Page, owner: httpx.Client) -> None:
    made(owner, "here before")
    open_library(page)
    expect(cell(page, "here before").first).to_be_visible()
    create(owner, "made meanwhile")
    expect(cell(page, "made meanwhile")).to_be_visible()


def test_trash_is_undone_restored_and_emptied(page: Page, owner: httpx.Client) -> None:
    job = made(owner, "a wallaby to lose")
    open_library(page)
    search(page, "wallaby")
    cell(page, "a wallaby to lose").focus()
    page.keyboard.press("Delete")
    expect(page.locator(".cell")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(cell(page, "a wallaby to lose")).to_be_visible()
    cell(page, "a wallaby to lose").focus()
    page.keyboard.press("Delete")
    expect(page.locator(".cell")).to_have_count(0)
    until_stored(lambda: outputs_of(owner, job), 0)
    shelf(page, "Trash").click()
    cell(page, "a wallaby to lose").click(modifiers=["Control"])
    page.get_by_role("button", name="Restore", exact=True).click()
    expect(page.locator(".empty")).to_contain_text("Nothing found")
    until_stored(lambda: outputs_of(owner, job), 1)
    shelf(page, "All").click()
    cell(page, "a wallaby to lose").focus()
    with page.expect_response(lambda response: "/api/library/actions" in response.url):
        page.keyboard.press("Delete")
    expect(page.locator(".cell")).to_have_count(0)
    shelf(page, "Trash").click()
    cell(page, "a wallaby to lose").click(modifiers=["Control"])
    page.get_by_role("button", name="Delete for good").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(page.locator(".cell")).to_have_count(0)
    until_stored(lambda: total(owner, "trashed=1&q=wallaby"), 0)


def test_the_keyboard_alone_walks_judges_and_chooses(page: Page, owner: httpx.Client) -> None:
    for number in range(4):
        made(owner, f"bilby {number}")
    open_library(page)
    search(page, "bilby")
    expect(page.locator(".cell")).to_have_count(4)
    page.get_by_label("Search prompts").press("ArrowDown")
    expect(cell(page, "bilby 3")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(cell(page, "bilby 2")).to_be_focused()
    page.keyboard.press("f")
    page.keyboard.press("4")
    expect(cell(page, "bilby 2")).to_have_attribute("aria-label", "bilby 2, Favourite, 4 stars")
    page.keyboard.press("Shift+End")
    expect(page.locator(".selection-count")).to_have_text("3 chosen")
    page.keyboard.press("5")
    expect(cell(page, "bilby 0")).to_have_attribute("aria-label", "bilby 0, 5 stars")
    page.keyboard.press("Control+a")
    expect(page.locator(".selection-count")).to_have_text("4 chosen")
    page.keyboard.press("Escape")
    expect(page.locator(".selection-bar")).to_have_count(0)
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Picture")).to_be_visible()
    until_stored(lambda: total(owner, "q=bilby&rating=5"), 3)
    until_stored(lambda: total(owner, "q=bilby&favourite=1"), 1)


def test_a_picture_is_dragged_onto_a_board_that_is_renamed_and_deleted(
    page: Page, owner: httpx.Client
) -> None:
    made(owner, "a possum for a board")
    open_library(page)
    page.get_by_role("button", name="New board").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("Marsupials")
    page.keyboard.press("Enter")
    expect(shelf(page, "Marsupials")).to_contain_text("0")
    cell(page, "a possum for a board").drag_to(shelf(page, "Marsupials"))
    expect(shelf(page, "Marsupials")).to_contain_text("1")
    shelf(page, "Marsupials").click()
    expect(page.locator(".cell")).to_have_count(1)
    page.get_by_role("button", name="Board “Marsupials”").click()
    page.get_by_role("menuitem", name="Rename board").click()
    page.get_by_role("dialog").get_by_role("textbox").fill("Possums")
    page.keyboard.press("Enter")
    expect(shelf(page, "Possums")).to_be_visible()
    page.get_by_role("button", name="Board “Possums”").click()
    page.get_by_role("menuitem", name="Delete board").click()
    expect(shelf(page, "Possums")).to_have_count(0)
    page.get_by_role("button", name="Undo").last.click()
    expect(shelf(page, "Possums")).to_contain_text("1")
    for board in owner.get("/api/boards").json()["items"]:
        owner.delete(f"/api/boards/{board['id']}")


def test_what_is_chosen_comes_as_one_zip(page: Page, owner: httpx.Client) -> None:
    for number in range(3):
        made(owner, f"echidna {number}")
    open_library(page)
    search(page, "echidna")
    cell(page, "echidna 2").click(modifiers=["Control"])
    cell(page, "echidna 0").click(modifiers=["Shift"])
    expect(page.locator(".selection-count")).to_have_text("3 chosen")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as ZIP").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as packed:
        assert len(packed.namelist()) == 3


def test_a_box_of_the_mouse_chooses_what_it_touches(page: Page, owner: httpx.Client) -> None:
    for number in range(2):
        made(owner, f"kiwi {number}")
    open_library(page)
    search(page, "kiwi")
    expect(page.locator(".cell")).to_have_count(2)
    box = page.locator(".cell").nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] + 60, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 60, steps=4)
    page.mouse.up()
    expect(page.locator(".selection-count")).to_have_text("1 chosen")
    expect(page.locator(".cell").nth(1)).to_have_attribute("aria-selected", "true")


def test_on_a_phone_a_long_press_begins_choosing(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    made(owner, "a galah for a finger")
    page = open_page(360, 740, has_touch=True, is_mobile=True, storage_state=state)
    page.goto(f"{site.url}/#/library")
    search(page, "galah")
    # All the others have gone: what is found is there, and stays where it is.
    expect(page.locator(".cell")).to_have_count(1)
    picture = cell(page, "a galah for a finger")
    box = picture.bounding_box()
    assert box is not None
    touch = page.context.new_cdp_session(page)
    points = [{"x": box["x"] + 30, "y": box["y"] + 30}]
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": points})
    expect(page.locator(".selection-count")).to_have_text("1 chosen")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(picture).to_have_attribute("aria-selected", "true")


def test_only_what_is_in_sight_is_in_the_page(page: Page, owner: httpx.Client) -> None:
    made(owner, "one of very many")
    item = owner.get("/api/library?limit=1").json()["items"][0]
    total = 50_000

    def page_of(query: str) -> dict[str, Any]:
        start = int((re.search(r"start=(\d+)", query) or ["", "0"])[1])
        limit = int((re.search(r"limit=(\d+)", query) or ["", "100"])[1])
        return {
            "total": total,
            "items": [
                {**item, "id": f"{start + place}", "title": f"number {start + place}"}
                for place in range(min(limit, total - start))
            ],
        }

    outline = {
        "total": total,
        "ratios": [100, 150, 66, 175] * (total // 4),
        "days": [
            {"day": f"20{26 - year:02}-{12 - month:02}-15", "count": total // 120}
            for year in range(10)
            for month in range(12)
        ],
    }
    outline["days"][-1]["count"] += total - 120 * (total // 120)  # type: ignore[index]
    page.route(
        re.compile(r"/api/library(\?|$)"),
        lambda route: route.fulfill(json=page_of(route.request.url)),
    )
    page.route("**/api/library/outline*", lambda route: route.fulfill(json=outline))
    open_library(page)
    expect(page.locator(".library-count")).to_have_text("50,000 files")
    expect(cell(page, "number 0")).to_be_visible()
    page.locator(".cell").first.focus()
    page.keyboard.press("End")
    expect(cell(page, f"number {total - 1}")).to_be_focused()
    expect(cell(page, f"number {total - 1}")).to_be_in_viewport()
    assert page.locator(".cell").count() < 120
    slider = page.get_by_role("slider", name="Go to a day")
    slider.focus()
    page.keyboard.press("Home")
    expect(cell(page, "number 0")).to_be_in_viewport()
    page.keyboard.press("PageDown")
    expect(slider).to_have_attribute("aria-valuetext", re.compile("November 15, 2026"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing_in_what_the_library_opens(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
) -> None:
    made(owner, "a dingo for everybody")
    page = open_page(width, 740, color_scheme=scheme, storage_state=state, reduced_motion="reduce")
    page.goto(f"{site.url}/#/library")
    cell(page, "a dingo for everybody").first.focus()
    page.keyboard.press(" ")
    expect(page.locator(".selection-bar")).to_be_visible()
    page.evaluate("scrollTo(0, 0)")
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Filter").click()
    expect(page.get_by_role("dialog", name="Filter")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    cell(page, "a dingo for everybody").first.click()
    if width < 1000:
        page.get_by_role("button", name="Details").click()
    expect(page.locator(".details .facts")).to_contain_text("Seed")
    assert_accessible(page)


def test_what_was_found_stays_faintly_until_the_next_answer_and_an_error_takes_its_place(
    page: Page, owner: httpx.Client
) -> None:
    made(owner, "a mulgara at dusk")
    open_library(page)
    search(page, "mulgara")
    expect(page.locator(".library-count")).to_have_text("1 file")
    held: list[Route] = []
    page.route(re.compile(r"/api/library\?"), lambda route: held.append(route))
    ask(page, "no mulgara")
    body = page.locator(".library-body")
    expect(body).to_have_attribute("aria-busy", "true")
    expect(body).to_have_css("opacity", "0.45")
    expect(cell(page, "a mulgara at dusk")).to_have_count(1)
    expect(page.locator(".library-count")).to_have_text("1 file")
    expect(page.locator(".grid-wait")).to_have_count(0)
    held.pop().continue_()
    expect(page.locator(".empty")).to_contain_text("Nothing found for “no mulgara”")
    expect(cell(page, "a mulgara at dusk")).to_have_count(0)
    ask(page, "a mulgara")
    expect(body).to_have_attribute("aria-busy", "true")
    expect(page.locator(".empty")).to_contain_text("Nothing found for “no mulgara”")
    held.pop().fulfill(status=503, json={"error": {"code": "unavailable", "message": "No."}})
    expect(page.get_by_role("alert").locator("code", has_text="unavailable")).to_be_visible()
    expect(page.locator(".library .empty")).to_have_count(0)
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    expect(cell(page, "a mulgara at dusk")).to_be_visible()


def test_whoever_comes_back_sees_at_once_what_was_shown_before(
    page: Page, owner: httpx.Client
) -> None:
    made(owner, "a dunnart at home")
    open_library(page)
    search(page, "dunnart")
    expect(cell(page, "a dunnart at home")).to_be_visible()
    page.get_by_role("link", name="Queue").click()
    expect(page.locator("queue-view h1")).to_be_visible()
    held: list[Route] = []
    page.route(re.compile(r"/api/library\?"), lambda route: held.append(route))
    open_library(page)
    expect(cell(page, "a dunnart at home")).to_be_visible()
    expect(page.locator(".library-body")).to_have_attribute("aria-busy", "true")
    held.pop().continue_()
    expect(page.locator(".library-body")).to_have_attribute("aria-busy", "false")
    expect(cell(page, "a dunnart at home")).to_be_visible()
