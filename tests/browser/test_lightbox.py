"""The lightbox: Back closes it, and a picture can be deleted there."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage


def made(owner: httpx.Client, prompt: str) -> str:
    job = owner.post("/api/create", json={"prompt": prompt, "steps": 1, "width": 64}).json()
    wait_ended(owner, job["id"])
    return str(job["id"])


def picture(page: Page, prompt: str) -> Locator:
    return page.get_by_role("button", name=f"Open “{prompt}”", exact=True)


def test_back_closes_it_and_stays_on_the_view(page: Page, owner: httpx.Client) -> None:
    made(owner, "a way back")
    page.get_by_role("link", name="Library").click()
    picture(page, "a way back").click()
    expect(page.locator("dialog")).to_be_visible()
    page.go_back()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("library-view h1")).to_be_visible()
    assert page.url.endswith("#/library")
    page.go_back()
    expect(page.locator("#prompt")).to_be_visible()


def test_closing_it_leaves_nothing_to_go_back_through(page: Page, owner: httpx.Client) -> None:
    made(owner, "closed by hand")
    page.get_by_role("link", name="Library").click()
    for close in ("button", "key", "backdrop"):
        picture(page, "closed by hand").click()
        expect(page.locator("dialog")).to_be_visible()
        if close == "button":
            page.get_by_role("button", name="Close", exact=True).click()
        elif close == "key":
            page.keyboard.press("Escape")
        else:
            page.locator(".stage").click(position={"x": 3, "y": 3})
        expect(page.locator("dialog")).to_have_count(0)
    page.go_back()
    expect(page.locator("#prompt")).to_be_visible()


def test_what_leads_from_it_to_another_view_leaves_one_step_back(
    page: Page, owner: httpx.Client
) -> None:
    made(owner, "used again")
    page.get_by_role("link", name="Library").click()
    picture(page, "used again").click()
    page.get_by_role("button", name="Use these settings").click()
    expect(page.locator("#prompt")).to_have_value("used again")
    page.go_back()
    expect(page.locator("library-view h1")).to_be_visible()
    picture(page, "used again").click()
    page.get_by_role("link", name="What to do").click()
    expect(page.locator("help-view h1")).to_be_visible()
    page.go_back()
    expect(page.locator("library-view h1")).to_be_visible()
    expect(page.locator("dialog")).to_have_count(0)


def test_a_picture_is_deleted_by_the_second_press_alone(
    page: Page,
    owner: httpx.Client,
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
) -> None:
    kept, gone = made(owner, "a picture to keep"), made(owner, "a picture to lose")
    other = open_page(storage_state=state)
    other.goto(site.url)
    expect(picture(other, "a picture to lose")).to_be_visible()
    page.get_by_role("link", name="Library").click()
    picture(page, "a picture to lose").click()
    page.get_by_role("button", name="Delete").click()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".caption-title")).to_have_text("a picture to keep")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.keyboard.press("ArrowLeft")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.get_by_role("button", name="Really delete?").click()
    expect(page.locator(".caption-title")).to_have_text("a picture to keep")
    page.keyboard.press("Escape")
    expect(picture(page, "a picture to keep")).to_be_visible()
    expect(picture(page, "a picture to lose")).to_have_count(0)
    expect(picture(other, "a picture to lose")).to_have_count(0)
    assert owner.get(f"/api/jobs/{gone}").json()["outputs"] == []
    assert len(owner.get(f"/api/jobs/{kept}").json()["outputs"]) == 1


def test_the_last_picture_of_a_list_closes_it(page: Page, owner: httpx.Client) -> None:
    made(owner, "the only numbat")
    page.get_by_role("link", name="Library").click()
    page.get_by_label("Search prompts").fill("numbat")
    expect(page.locator(".tile.is-picture")).to_have_count(1)
    picture(page, "the only numbat").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Really delete?").click()
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator(".tile.is-picture")).to_have_count(0)
    expect(page.locator(".empty")).to_contain_text("Nothing found")
