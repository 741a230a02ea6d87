"""What tests of the library share: pictures made quickly, and how the page names them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
from playwright.sync_api import Locator, Page, expect

from tests.api.graphs import wait_ended, wait_for_library


def create(client: httpx.Client, prompt: str, **wish: Any) -> dict[str, Any]:
    """A job that makes one small picture, just accepted."""
    wish = {"prompt": prompt, "steps": 1, "width": 64, "height": 64, **wish}
    answer = client.post("/api/create", json=wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def made(client: httpx.Client, prompt: str, **wish: Any) -> str:
    """The id of a job whose picture is in the library."""
    job = wait_ended(client, create(client, prompt, **wish)["id"])
    for output in job["outputs"]:
        wait_for_library(client, output["id"])
    return str(job["id"])


def until_stored(read: Callable[[], object], wanted: object) -> None:
    """Until Studio has what the page, which shows an act at once, already says."""
    deadline = time.monotonic() + 60
    while (found := read()) != wanted:
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def outputs_of(client: httpx.Client, job: str) -> int:
    """How many outputs a job still has."""
    return len(client.get(f"/api/jobs/{job}").json()["outputs"])


def open_library(page: Page) -> None:
    """The library, with what it shows."""
    page.get_by_role("link", name="Library").click()
    expect(page.locator("library-view .view")).to_be_visible()


def cell(page: Page, prompt: str) -> Locator:
    """A picture of the grid by its prompt, whatever else is said of it."""
    return page.locator(f'.cell[aria-label^="{prompt}"]')


def search(page: Page, text: str) -> None:
    """Type into the search, and wait until what is shown is the answer."""
    with page.expect_response(lambda response: "/api/library?" in response.url):
        ask(page, text)
    expect(page.locator(".library-body")).to_have_attribute("aria-busy", "false")


def ask(page: Page, text: str) -> None:
    """Type into the search, and mean it."""
    field = page.get_by_label("Search prompts")
    field.fill(text)
    field.press("Enter")


def shelf(page: Page, name: str) -> Locator:
    """A shelf above the grid: all, favourites, a board, the trash."""
    return page.locator(".shelf", has_text=name)
