"""One-time links are looked at when they are opened; every other link leads somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage
from tests.browser.test_doors_view import set_up

DEAD = "This link does not work"


@pytest.fixture
def fresh(chromium: str, tmp_path: Path) -> Iterator[RunningStudio]:
    """A Studio that nobody set up, without an engine.

    Ask for it before ``open_page``: a page that outlives its Studio complains.
    """
    with run_studio(tmp_path / "fresh", engine=False) as running:
        yield running


def setup_link(studio: RunningStudio) -> str:
    with studio.console() as console:
        path = console.post("/api/users/owner/reset").json()["url"].partition("#")[2]
    return f"{studio.url}/#{path}"


def invitation(studio: RunningStudio, role: str = "member") -> tuple[str, str]:
    """The id of a fresh invitation and its link."""
    with studio.client() as owner:
        made = owner.post("/api/invitations", json={"role": role}).json()
    return made["id"], made["url"]


@pytest.mark.parametrize("view", ["join", "setup"])
def test_a_broken_link_says_so_before_anybody_types(
    fresh: RunningStudio, open_page: OpenPage, view: str
) -> None:
    page = open_page()
    for token in ("%", "%E0%A4", "nothing", "x" * 43):
        page.goto(f"{fresh.url}/#/{view}/{token}")
        expect(page.locator("h1"), token).to_have_text(DEAD)
        expect(page.locator(".error-text")).to_contain_text("invalid_token")
        expect(page.locator("form")).to_have_count(0)
        page.get_by_role("button", name="Use the API key instead").click()
        expect(page.get_by_label("API key")).to_be_visible()


def test_a_setup_link_works_and_says_when_it_was_used(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    link = setup_link(fresh)
    page = open_page()
    page.goto(link)
    expect(page.locator(".hint")).to_contain_text("The link is good until")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Make it mine").click()
    expect(page.locator("#prompt")).to_be_visible()
    other = open_page(width=360, height=740)
    other.goto(link)
    expect(other.locator("h1")).to_have_text(DEAD)
    expect(other.locator(".error-text")).to_contain_text("already_set_up")
    other.get_by_role("button", name="To the log-in").click()
    expect(other.get_by_role("button", name="Log in")).to_be_visible()


def test_a_withdrawn_invitation_says_so(fresh: RunningStudio, open_page: OpenPage) -> None:
    name, link = invitation(fresh)
    with fresh.client() as owner:
        assert owner.delete(f"/api/invitations/{name}").status_code == 204
    page = open_page()
    page.goto(link)
    expect(page.locator("h1")).to_have_text(DEAD)
    expect(page.locator(".error-text")).to_contain_text("invalid_token")


def test_a_second_link_in_the_same_tab_replaces_the_first(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    _, member = invitation(fresh)
    _, guest = invitation(fresh, "guest")
    page = open_page()
    page.goto(f"{fresh.url}/#/join/nothing")
    expect(page.locator("h1")).to_have_text(DEAD)
    page.goto(member)
    expect(page.locator("h1")).to_have_text("You are invited")
    page.goto(guest)
    expect(page.locator("h1")).to_have_text("You are invited as a guest")
    page.get_by_label("Name").fill("Mia")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#prompt")).to_be_visible()
    with fresh.client() as owner:
        [mia] = [one for one in owner.get("/api/users").json()["users"] if one["name"] == "Mia"]
        assert mia["role"] == "guest"
        left = owner.get("/api/invitations").json()["invitations"]
    assert [one["role"] for one in left] == ["member"]


def test_the_login_knows_who_was_here_last_and_nobody_before(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    page = open_page()
    set_up(page, fresh.url)
    _, link = invitation(fresh)
    page.goto(link)
    page.get_by_label("Name").fill("Mia")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Name")).to_have_value("Mia")
    page.reload()
    expect(page.get_by_label("Name")).to_have_value("Mia")
    stranger = open_page()
    stranger.goto(fresh.url)
    expect(stranger.get_by_label("Name")).to_have_value("")
    expect(stranger.get_by_label("Name")).to_be_focused()


def links_of(page: Page) -> set[str]:
    found: list[str] = page.evaluate("[...document.querySelectorAll('a[href]')].map((a) => a.href)")
    return set(found)


def test_every_link_of_the_page_leads_somewhere(page: Page, owner: httpx.Client) -> None:
    job: dict[str, Any] = owner.post("/api/create", json={"prompt": "linked", "steps": 1}).json()
    wait_ended(owner, job["id"])
    home = page.url.partition("#")[0]
    found: set[str] = set()
    for view in ("create", "queue", "library", "workflows", "settings", "help"):
        page.goto(f"{home}#/{view}")
        expect(page.locator(f"{view}-view h1")).to_be_attached()
        page.wait_for_load_state("networkidle")
        found |= links_of(page)
    page.goto(f"{home}#/library")
    page.get_by_role("option", name="linked").first.click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    found |= links_of(page)
    assert len(found) >= 6
    for link in sorted(found):
        assert link.startswith(home), link
        leads_to = re.fullmatch(r"/(\w+)", urlsplit(link).fragment)
        if leads_to is None:
            assert page.request.get(link).status == 200, link
        else:
            page.goto(link)
            expect(page.locator(f"{leads_to[1]}-view h1")).to_be_attached()
