"""People, their sessions and keys, and whose picture is whose."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import code_of, wait_ended, wait_for_library
from tests.api.studio_process import RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage
from tests.browser.library import search
from tests.browser.test_doors_view import set_up

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
APPLE = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
PHONE = f"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) {APPLE}"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
AGENTS = {
    f"{WINDOWS}) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": "Chrome, Windows",
    f"{MAC} {WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0": "Edge, macOS",
    f"{WINDOWS}) {WEBKIT} Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0": "Opera, Windows",
    f"{WINDOWS}; rv:133.0) Gecko/20100101 Firefox/133.0": "Firefox, Windows",
    f"{MAC} {APPLE} Version/17.5 Safari/605.1.15": "Safari, macOS",
    f"{PHONE} Version/17.5 Mobile/15E148 Safari/604.1": "Safari, iPhone",
    f"{PHONE} CriOS/131.0.6778.73 Mobile/15E148 Safari/604.1": "Chrome, iPhone",
    f"{PHONE} FxiOS/133.0 Mobile/15E148 Safari/605.1.15": "Firefox, iPhone",
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36": (
        "Chrome, Android"
    ),
    f"Mozilla/5.0 (Linux; Android 10; K) {WEBKIT} SamsungBrowser/27.0 Chrome/125.0.0.0 Mobile "
    "Safari/537.36": "Samsung Internet, Android",
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/131.0.0.0 Safari/537.36": (
        "Chrome, ChromeOS"
    ),
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0": "Firefox, Linux",
    "curl/8.9.1": "curl/8.9.1",
}
NAMED = """async (agents) => {
    const { clientText } = await import('/static/js/core/format.js');
    return agents.map(clientText);
}"""


def test_browsers_and_systems_have_the_names_that_people_know(page: Page) -> None:
    assert page.evaluate(NAMED, list(AGENTS)) == list(AGENTS.values())


def test_sessions_are_named_by_their_browser_and_system(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    headers = {"Origin": site.url, "User-Agent": next(iter(AGENTS))}
    body = {"name": "owner", "password": PASSWORD}
    answer = httpx.post(f"{site.url}/api/session", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    page = open_page(storage_state=state)
    page.goto(f"{site.url}/#/settings")
    rows = page.locator("account-sessions .row-title")
    expect(rows.filter(has_text="Chrome, Windows")).to_have_count(1)


def test_a_link_that_would_work_here_alone_comes_with_a_warning(
    page: Page, open_page: OpenPage, chromium: str, tmp_path: Path
) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="People").click()
    hint = page.locator("people-invite .banner")
    expect(hint).to_contain_text("works for nobody else")
    expect(hint).to_contain_text("STUDIO_PUBLIC_URL")
    name = socket.gethostname()
    with run_studio(tmp_path / "named", {"STUDIO_HOST": "0.0.0.0"}, engine=False) as studio:
        url = studio.url.replace("127.0.0.1", name)
        try:
            httpx.get(f"{url}/health", timeout=5)
        except httpx.TransportError as error:
            pytest.skip(f"this machine is not reached by its own name: {error}")
        there = open_page()
        set_up(there, url)
        there.get_by_role("link", name="Settings").click()
        there.get_by_role("link", name="People").click()
        expect(there.get_by_role("button", name="Make a link")).to_be_visible()
        expect(there.locator("people-invite .banner")).to_have_count(0)
        there.close()


def test_the_owner_sees_whose_picture_each_is(
    page: Page,
    owner: httpx.Client,
    site: RunningStudio,
    member_state: dict[str, Any],
    open_page: OpenPage,
) -> None:
    [name] = [one for one in member_state["cookies"] if one["name"] == "studio"]
    headers = {"Cookie": f"studio={name['value']}", "Origin": site.url}
    with httpx.Client(base_url=site.url, headers=headers, timeout=30) as mia:
        theirs = mia.post("/api/create", json={"prompt": "a heron of Mia's", "steps": 1}).json()
    mine = owner.post("/api/create", json={"prompt": "a heron of my own", "steps": 1}).json()
    for job in (theirs, mine):
        for output in wait_ended(owner, job["id"])["outputs"]:
            wait_for_library(owner, output["id"])
    page.get_by_role("link", name="Library").click()
    search(page, "heron")
    expect(page.locator(".cell")).to_have_count(1)
    expect(page.locator(".cell-owner")).to_have_count(0)
    page.get_by_label("Everybody’s").check()
    expect(page.locator(".cell-owner")).to_have_text(["owner", "Mia"])
    expect(page.get_by_role("option", name="a heron of Mia's")).to_contain_text("Mia")
    page.get_by_label("Everybody’s").uncheck()
    expect(page.locator(".cell")).to_have_count(1)


def test_the_library_of_the_owner_asks_for_their_own_alone(page: Page) -> None:
    with page.expect_request("**/api/library?*") as asked:
        page.get_by_role("link", name="Library").click()
    assert "user=owner" in asked.value.url


def test_a_key_may_what_was_chosen(page: Page, site: RunningStudio) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="API keys").click()
    form = page.locator("api-keys form")
    expect(form.get_by_role("checkbox")).to_have_count(6)
    for box in form.get_by_role("checkbox").all():
        # What changes Studio or its machine is ticked by hand alone.
        expect(box).to_be_checked(
            checked=box.get_attribute("value") in ("jobs", "graphs:run", "assets")
        )
    form.get_by_label("graphs:run").uncheck()
    form.get_by_label("What is it for?").fill("a small key")
    form.get_by_role("button", name="Make a key").click()
    key = page.locator("api-keys .once input").input_value()
    expect(page.locator("api-keys .row", has_text="a small key")).to_contain_text("assets, jobs")
    with site.client(key) as client:
        assert client.get("/api/jobs").status_code == 200
        assert code_of(client.get("/api/users")) == "forbidden"


def test_a_key_that_may_nothing_is_refused_in_words(page: Page) -> None:
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="API keys").click()
    form = page.locator("api-keys form")
    expect(form.get_by_role("checkbox")).to_have_count(6)
    for box in form.get_by_role("checkbox").all():
        box.uncheck()
    form.get_by_label("What is it for?").fill("useless")
    form.get_by_role("button", name="Make a key").click()
    expect(page.locator("api-keys .error-text")).to_contain_text("Choose at least one")
