"""With the keyboard alone: every act leaves a place to go on from, and whole ways can be gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage, come_in
from tests.browser.hands import Keyboard
from tests.browser.library import cell, made, open_library, shelf

NOWHERE = "document.activeElement === document.body"


@pytest.fixture(scope="module")
def site(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """One of its own: what is in its lists is what a test put there."""
    assert chromium
    with run_studio(tmp_path_factory.mktemp("keyboard")) as running:
        yield running


@pytest.fixture(scope="module")
def state(site: RunningStudio) -> dict[str, Any]:
    return come_in(site, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


@pytest.fixture
def hand(page: Page) -> Keyboard:
    return Keyboard(page)


def go_to(page: Page, address: str) -> None:
    page.evaluate("(address) => { location.hash = `#/${address}`; }", address)


def invitations(page: Page) -> Locator:
    return page.locator("people-invite .row").get_by_role("button", name="Remove")


def test_whoever_presses_a_button_that_works_for_a_while_has_their_place_back(
    page: Page, hand: Keyboard
) -> None:
    go_to(page, "settings/people")
    make = page.get_by_role("button", name="Make a link")
    hand.press(make)
    expect(page.locator(".once input")).to_be_visible()
    expect(make).to_be_focused()


def test_the_form_is_run_again_with_the_button_that_ran_it(page: Page, hand: Keyboard) -> None:
    hand.write(page.locator("#prompt"), "an otter by keys")
    run = page.get_by_role("button", name="Create", exact=True)
    hand.press(run)
    expect(page.get_by_role("button", name="Open “an otter by keys”").first).to_be_visible()
    expect(run).to_be_focused()


def test_what_is_removed_by_keys_hands_the_place_on(
    page: Page, hand: Keyboard, owner: httpx.Client
) -> None:
    for each in owner.get("/api/invitations").json()["invitations"]:
        owner.delete(f"/api/invitations/{each['id']}")
    for _ in range(2):
        assert owner.post("/api/invitations", json={"role": "guest"}).status_code == 201
    go_to(page, "settings/people")
    expect(invitations(page)).to_have_count(2)
    hand.reach(invitations(page).first)
    hand.reach(invitations(page).last)
    page.keyboard.press("Enter")
    expect(invitations(page)).to_have_count(1)
    expect(invitations(page)).to_be_focused()
    page.keyboard.press("Enter")
    expect(invitations(page)).to_have_count(0)
    expect(page.locator("people-invite :focus")).to_have_count(1)


def test_whoever_uses_a_mouse_is_led_nowhere(page: Page, owner: httpx.Client) -> None:
    owner.post("/api/keys", json={"name": "gone by a mouse", "scopes": ["read"]})
    made(owner, "a mole")
    open_library(page)
    cell(page, "a mole").click(modifiers=["Control"])
    page.get_by_role("button", name="Choose none").click()
    expect(page.locator(".selection-bar")).to_have_count(0)
    # What would lead the keyboard on waits for less than this.
    page.wait_for_timeout(300)
    assert page.evaluate(NOWHERE)


def test_pictures_that_go_hand_the_place_to_those_that_stay(
    page: Page, hand: Keyboard, owner: httpx.Client
) -> None:
    for number in range(4):
        made(owner, f"numbat {number}")
    open_library(page)
    hand.write(page.get_by_label("Search prompts"), "numbat")
    page.keyboard.press("Enter")
    expect(page.locator(".cell:not(.is-unknown)")).to_have_count(4)
    page.keyboard.press("ArrowDown")
    expect(cell(page, "numbat 3")).to_be_focused()
    page.keyboard.press("Delete")
    expect(cell(page, "numbat 3")).to_have_count(0)
    expect(cell(page, "numbat 2")).to_be_focused()
    page.keyboard.press("Space")
    hand.press(page.get_by_role("button", name="Choose none"))
    expect(cell(page, "numbat 2")).to_be_focused()
    page.keyboard.press("Space")
    hand.press(page.get_by_role("button", name="Into the trash"))
    expect(cell(page, "numbat 2")).to_have_count(0)
    expect(cell(page, "numbat 1")).to_be_focused()


def test_a_picture_is_put_on_a_board_that_is_shared_with_a_stranger(
    page: Page, hand: Keyboard, owner: httpx.Client, open_page: OpenPage
) -> None:
    for number in (1, 2):
        made(owner, f"quokka {number} to share")
    open_library(page)
    hand.write(page.get_by_label("Search prompts"), "quokka")
    page.keyboard.press("Enter")
    expect(page.locator(".cell:not(.is-unknown)")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Control+A")
    hand.open_menu(page.get_by_role("button", name="Add to board"), "New board")
    hand.write(page.get_by_role("dialog").get_by_label("New board"), "Quokkas")
    page.keyboard.press("Enter")
    expect(shelf(page, "Quokkas")).to_contain_text("2")
    hand.press(page.get_by_role("button", name="Choose none"))
    hand.press(shelf(page, "Quokkas"))
    hand.open_menu(page.get_by_role("button", name="Board “Quokkas”"), "Share board …")
    dialog = page.get_by_role("dialog")
    hand.press(dialog.get_by_role("button", name="Make link"))
    url = dialog.locator(".once input").input_value()
    hand.press(dialog.get_by_role("button", name="Done", exact=True))
    expect(page.get_by_role("button", name="Board “Quokkas”")).to_be_focused()

    stranger = open_page()
    stranger.goto(url)
    expect(stranger.get_by_role("heading", name="Quokkas")).to_be_visible()
    picture = stranger.locator(".shared-tile").first
    Keyboard(stranger).press(picture)
    hint = stranger.get_by_role("dialog").locator(".hint").first
    expect(hint).to_have_text("1 of 2")
    Keyboard(stranger).press(stranger.get_by_role("button", name="Next"))
    expect(hint).to_have_text("2 of 2")
    stranger.keyboard.press("ArrowLeft")
    expect(hint).to_have_text("1 of 2")
    stranger.keyboard.press("Escape")
    expect(stranger.get_by_role("dialog")).to_have_count(0)
    expect(picture).to_be_focused()


def test_the_way_back_leads_to_the_link_that_was_followed(page: Page, hand: Keyboard) -> None:
    go_to(page, "workflows")
    link = page.get_by_role("link", name="Batch resize").first
    hand.press(link)
    expect(page.get_by_role("heading", name="Batch resize", level=1)).to_be_visible()
    page.go_back()
    expect(link).to_be_focused()
