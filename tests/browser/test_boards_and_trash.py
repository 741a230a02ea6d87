"""Boards and the trash: what goes comes back whole, and what is looked at there is not lost."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.browser.library import cell, made, open_library, search, shelf, until_stored
from tests.browser.test_library_view import total
from tests.browser.test_lightbox import lightbox, prompt_in


def delete_board(page: Page, name: str) -> None:
    shelf(page, name).click()
    page.get_by_role("button", name=f"Board “{name}”").click()
    page.get_by_role("menuitem", name="Delete board").click()
    expect(shelf(page, name)).to_have_count(0)


def test_an_empty_board_can_be_deleted(page: Page, owner: httpx.Client) -> None:
    assert owner.post("/api/boards", json={"name": "Nothing yet"}).status_code == 201
    open_library(page)
    delete_board(page, "Nothing yet")
    assert owner.get("/api/boards").json()["items"] == []


def test_a_board_comes_back_whole_whatever_of_it_was_shown(page: Page, owner: httpx.Client) -> None:
    board = owner.post("/api/boards", json={"name": "Quolls"}).json()["id"]
    for name in ("spotted", "striped"):
        job = owner.get(f"/api/jobs/{made(owner, f'a {name} quoll on a board')}").json()
        put = {"ids": [job["outputs"][0]["id"]], "action": "add_to_board", "value": board}
        assert owner.post("/api/library/actions", json=put).json()["changed"] == 1
    open_library(page)
    search(page, "spotted quoll on a board")
    expect(page.locator(".cell")).to_have_count(1)
    delete_board(page, "Quolls")
    page.get_by_role("button", name="Undo").last.click()
    expect(shelf(page, "Quolls")).to_contain_text("2")
    [again] = owner.get("/api/boards").json()["items"]
    owner.delete(f"/api/boards/{again['id']}")


def test_what_is_in_the_trash_comes_back_or_goes_for_good_and_is_not_judged(
    page: Page, owner: httpx.Client
) -> None:
    for number in range(3):
        made(owner, f"a thrown bongo {number}")
    open_library(page)
    search(page, "thrown bongo")
    expect(page.locator(".cell")).to_have_count(3)
    page.get_by_label("Search prompts").press("ArrowDown")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    until_stored(lambda: total(owner, "trashed=1&q=thrown bongo"), 3)
    shelf(page, "Trash").click()
    cell(page, "a thrown bongo 2").click()
    expect(prompt_in(page)).to_have_text("a thrown bongo 2")
    for name in ("Favourite", "Into the trash", "5 stars", "Use as input", "Share"):
        expect(lightbox(page).get_by_role("button", name=name)).to_have_count(0)
    page.keyboard.press("5")
    page.keyboard.press("f")
    lightbox(page).get_by_role("button", name="Restore").click()
    expect(lightbox(page).locator(".place")).to_have_text("2 of 2")
    until_stored(lambda: total(owner, "q=thrown bongo"), 1)
    [back] = owner.get("/api/library", params={"q": "thrown bongo"}).json()["items"]
    assert (back["rating"], back["favourite"]) == (0, False)
    page.keyboard.press("Delete")
    sure = page.get_by_role("dialog", name="Delete for good")
    sure.get_by_role("button", name="Cancel").click()
    expect(lightbox(page).locator(".place")).to_have_text("2 of 2")
    for left in (1, 0):
        page.keyboard.press("Delete")
        sure.get_by_role("button", name="Delete for good").click()
        until_stored(lambda: total(owner, "trashed=1&q=thrown bongo"), left)
    expect(lightbox(page)).to_have_count(0)
    expect(page.locator("library-view .empty")).to_be_visible()


def test_what_is_taken_from_the_board_that_is_looked_through_leaves_the_others(
    page: Page, owner: httpx.Client
) -> None:
    board = owner.post("/api/boards", json={"name": "Of a walk"}).json()["id"]
    for number in range(2):
        [output] = owner.get(f"/api/jobs/{made(owner, f'a bongo out walking {number}')}").json()[
            "outputs"
        ]
        put = {"ids": [output["id"]], "action": "add_to_board", "value": board}
        assert owner.post("/api/library/actions", json=put).status_code == 200
    open_library(page)
    shelf(page, "Of a walk").click()
    cell(page, "a bongo out walking 0").click()
    expect(lightbox(page).locator(".place")).to_have_text("2 of 2")
    # By a key: what is said of the jobs that ended may lie over it for a while.
    take = lightbox(page).get_by_role("button", name="Take from “Of a walk”")
    take.press("Enter")
    expect(lightbox(page).locator(".place")).to_have_text("1 of 1")
    expect(prompt_in(page)).to_have_text("a bongo out walking 1")
    take.press("Enter")
    expect(lightbox(page)).to_have_count(0)
    expect(page.locator("library-view .empty")).to_be_visible()
    owner.delete(f"/api/boards/{board}")
