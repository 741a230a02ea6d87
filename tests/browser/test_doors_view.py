"""Coming in and going out, in a real browser: set-up, login, invitations, ended sessions."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import solid
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage


@pytest.fixture
def fresh(chromium: str, tmp_path: Path) -> Iterator[RunningStudio]:
    """A Studio that nobody set up, without an engine.

    Ask for it before ``open_page``: a page that outlives its Studio complains.
    """
    with run_studio(tmp_path / "fresh", engine=False) as running:
        yield running


def set_up(page: Page, url: str) -> None:
    page.goto(url)
    page.get_by_label("API key").fill(OWNER_KEY)
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Make it mine").click()
    expect(page.locator("#prompt")).to_be_visible()


def log_in(page: Page, password: str) -> None:
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def test_a_wrong_api_key_is_said_to_be_one(fresh: RunningStudio, open_page: OpenPage) -> None:
    page = open_page()
    page.goto(fresh.url)
    # Whoever has neither the key nor the link is told how to come by one.
    expect(page.locator("main")).to_contain_text("./start.sh setup-link")
    page.get_by_label("API key").fill("not this one")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Make it mine").click()
    expect(page.get_by_role("alert")).to_contain_text("not the value of API_KEY")
    page.get_by_label("API key").fill(OWNER_KEY)
    page.get_by_role("button", name="Make it mine").click()
    expect(page.locator("#prompt")).to_be_visible()


def test_the_first_one_in_sets_up_and_comes_back_with_the_password(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    page = open_page()
    set_up(page, fresh.url)
    assert page.url.endswith("#/create")
    expect(page.locator(".advice")).to_contain_text("The engine is not there yet")
    expect(page.locator(".banner")).to_contain_text("takes no work yet (engine")
    expect(page.locator(".banner")).not_to_contain_text("no isolation")
    page.reload()
    expect(page.locator("#prompt")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    log_in(page, "not this one")
    expect(page.get_by_role("alert")).to_contain_text("wrong_credentials")
    log_in(page, PASSWORD)
    expect(page.locator("#prompt")).to_be_visible()


def test_a_guest_comes_by_link_sees_their_own_and_is_let_out(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    owner = open_page()
    set_up(owner, fresh.url)
    owner.get_by_role("link", name="Settings").click()
    owner.get_by_role("link", name="People").click()
    owner.locator("people-invite select[name=role]").select_option("guest")
    owner.get_by_role("button", name="Make a link").click()
    link = owner.locator(".once input").input_value()
    assert re.fullmatch(rf"{re.escape(fresh.url)}/#/join/\S+", link)
    owner.goto(link)
    expect(owner.get_by_role("note")).to_contain_text("You are logged in as owner")
    owner.goto(f"{fresh.url}/#/settings/people")

    guest = open_page(width=360, height=740)
    guest.goto(link)
    expect(guest.locator("h1")).to_have_text("You are invited as a guest")
    guest.get_by_label("Name").fill("Mia")
    guest.get_by_label("New password").fill("a guest of nine words")
    guest.get_by_role("button", name="Join").click()
    expect(guest.locator("#prompt")).to_be_visible()
    assert "join" not in guest.url
    expect(guest.locator(".bring")).to_have_count(0)
    guest.get_by_role("button", name="More", exact=True).click()
    guest.get_by_role("menuitem", name="Settings").click()
    expect(guest.locator("account-sessions .row")).to_have_count(1)
    expect(guest.locator("people-list")).to_have_count(0)

    owner.reload()
    row = owner.locator("people-list .row", has_text="Mia")
    row.get_by_role("button", name="Lock out").click()
    expect(row).to_contain_text("locked out")
    guest.reload()
    expect(guest.get_by_role("button", name="Log in")).to_be_visible()


def test_an_ended_session_shows_in_the_open_page(fresh: RunningStudio, open_page: OpenPage) -> None:
    here, there = open_page(), open_page()
    set_up(here, fresh.url)
    there.goto(fresh.url)
    there.get_by_label("Name").fill("owner")
    log_in(there, PASSWORD)
    expect(there.locator("#prompt")).to_be_visible()
    here.get_by_role("link", name="Settings").click()
    here.get_by_role("button", name="Log out everywhere else").click()
    expect(here.locator("account-sessions .row")).to_have_count(1)
    expect(there.locator(".lead")).to_contain_text("Your session has ended")


def invite(owner: Page, role: str = "guest") -> str:
    """A link for somebody new, made on the owner's page."""
    owner.get_by_role("link", name="Settings").click()
    owner.get_by_role("link", name="People").click()
    owner.locator("people-invite select[name=role]").select_option(role)
    owner.get_by_role("button", name="Make a link").click()
    return owner.locator(".once input").input_value()


def join(page: Page, link: str, name: str) -> None:
    page.goto(link)
    page.get_by_label("Name").fill(name)
    page.get_by_label("New password").fill("a guest of nine words")
    page.get_by_role("button", name="Join").click()


def test_whoever_comes_in_after_somebody_else_finds_nothing_of_theirs(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    page = open_page()
    set_up(page, fresh.url)
    with fresh.client() as client:
        made = client.post("/api/jobs", json={"workflow": solid("x"), "title": "the owner's own"})
        assert made.status_code == 201
        page.get_by_role("link", name="Queue").click()
        expect(page.locator("queue-view")).to_contain_text("the owner's own")
        page.get_by_role("link", name="Create").click()
        page.fill("#prompt", "nobody else's business")
        join(page, invite(page), "Mia")
        # The former session ends as the new one begins, and so does the socket that was its.
        expect(page.locator("#prompt")).to_have_value("")
        mine = client.post("/api/jobs", json={"workflow": solid("y"), "title": "still the owner's"})
        assert mine.status_code == 201
    page.get_by_role("link", name="Queue").click()
    expect(page.locator("queue-view h1")).to_be_visible()
    page.wait_for_load_state("networkidle")
    expect(page.locator("queue-view")).not_to_contain_text("the owner's")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    expect(page.get_by_role("button", name="Log in")).to_have_count(0)


def test_half_a_thought_outlives_a_session_for_its_own_user_alone(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    here, there = open_page(), open_page()
    set_up(here, fresh.url)
    link = invite(here)
    join(there, link, "Mia")
    there.fill("#prompt", "half a thought of Mia's")
    there.get_by_role("link", name="Settings").click()
    end_at_the_console(fresh, "Mia")
    expect(there.locator(".lead")).to_contain_text("Your session has ended")
    there.get_by_label("Name").fill("Mia")
    log_in(there, "a guest of nine words")
    there.get_by_role("link", name="Create").click()
    expect(there.locator("#prompt")).to_have_value("half a thought of Mia's")
    end_at_the_console(fresh, "Mia")
    there.get_by_label("Name").fill("owner")
    log_in(there, PASSWORD)
    expect(there.locator("#prompt")).to_have_value("")


def end_at_the_console(studio: RunningStudio, name: str) -> None:
    """End this user's sessions by locking them out for a moment."""
    with studio.console() as console:
        [user] = [one for one in console.get("/api/users").json()["users"] if one["name"] == name]
        for disabled in (True, False):
            answer = console.patch(f"/api/users/{user['id']}", json={"disabled": disabled})
            assert answer.status_code == 200, answer.text


def test_a_wrong_present_password_is_said_where_it_was_typed(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    page = open_page()
    set_up(page, fresh.url)
    page.get_by_role("link", name="Settings").click()
    page.locator("account-password summary").click()
    page.get_by_label("Present password").fill("not this one")
    page.get_by_label("New password").fill("another canary of words")
    page.get_by_role("button", name="Change password").click()
    expect(page.locator("account-password .error-text")).to_contain_text("wrong_credentials")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()


def test_the_owner_is_told_of_a_database_that_was_lost(
    open_page: OpenPage, chromium: str, tmp_path: Path
) -> None:
    database = tmp_path / "damaged" / "studio" / "db" / "studio.db"
    database.parent.mkdir(parents=True)
    database.write_bytes(b"no database " * 1000)
    with run_studio(tmp_path / "damaged") as studio:
        page = open_page(width=360, height=740)
        set_up(page, studio.url)
        expect(page.locator(".banner", has_text="damaged")).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
        page.close()


def test_a_link_for_a_lost_password_works_in_an_open_tab_and_keeps_the_owners_name(
    fresh: RunningStudio, open_page: OpenPage
) -> None:
    page = open_page()
    page.goto(fresh.url)
    page.get_by_label("API key").fill(OWNER_KEY)
    page.get_by_label("Your name").fill("Ada")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Make it mine").click()
    expect(page.locator("#prompt")).to_be_visible()
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    with fresh.console() as console:
        link = console.post("/api/users/owner/reset").json()["url"]
    page.goto(f"{fresh.url}/#{link.partition('#')[2]}")
    expect(page.locator("h1")).to_have_text("Choose a new password")
    page.get_by_label("New password").fill("a new canary of words")
    page.get_by_role("button", name="Set password").click()
    expect(page.locator("#prompt")).to_be_visible()
    page.get_by_role("link", name="Settings").click()
    expect(page.locator("account-password h2")).to_contain_text("Ada")


def test_after_an_import_the_log_in_says_whose_password_counts(
    fresh: RunningStudio, open_page: OpenPage, tmp_path: Path
) -> None:
    page = open_page()
    set_up(page, fresh.url)
    page.goto(f"{fresh.url}/#/system")
    card = page.locator("system-backups")
    with page.expect_download() as started:
        card.get_by_role("link", name="Export").click()
    path = tmp_path / "export.tar"
    started.value.save_as(path)
    card.get_by_label("Choose a file").set_input_files(path)
    card.get_by_role("button", name="Put it in place").click()
    # Sessions are not in the file.
    expect(page.locator(".lead")).to_contain_text("The file is in place")
    log_in(page, PASSWORD)
    expect(card.get_by_label("Choose a file")).to_be_attached()
