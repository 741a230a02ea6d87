"""Webhooks in Settings: made, tried, looked at, sent again and removed, on a phone too."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from standardwebhooks.webhooks import Webhook

from tests.api.graphs import run, solid
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import (
    PASSWORD,
    AssertAccessible,
    OpenPage,
    come_in,
    opening_pages,
    wait_for_parts,
)


class Receiver(ThreadingHTTPServer):
    """Keeps what it is told; ``status`` is what it answers."""

    status = 200

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.got.append(
            ({name.lower(): value for name, value in self.headers.items()}, body)
        )
        self.send_response(self.server.status)
        self.send_header("content-length", "10")
        self.end_headers()
        self.wfile.write(b"<b>ok</b>!")

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


@pytest.fixture(scope="module")
def house(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio that may reach receivers on loopback."""
    folder: Path = tmp_path_factory.mktemp("webhooks")
    with run_studio(folder, {"STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}) as running:
        yield running


@pytest.fixture(scope="module")
def inside(house: RunningStudio) -> dict[str, Any]:
    """A browser's storage of the owner there."""
    return come_in(house, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def opened(browser: Browser) -> Iterator[OpenPage]:
    with opening_pages(browser) as made:
        yield made


def show(page: Page, house: RunningStudio) -> None:
    """The part of Settings with webhooks."""
    page.goto(house.url)
    wait_for_parts(page)
    page.goto(f"{house.url}/#/settings/webhooks")
    expect(page.get_by_role("button", name="Add a webhook")).to_be_enabled()


def choose(row: Locator, action: str) -> None:
    """Of a webhook's menu."""
    row.get_by_role("button", name="What to do with").click()
    row.get_by_role("menuitem", name=action).click()


def test_a_webhook_is_made_tried_and_told_of_a_job(
    opened: OpenPage, house: RunningStudio, inside: dict[str, Any], receiver: Receiver
) -> None:
    page = opened(width=360, height=740, storage_state=inside)
    show(page, house)
    page.get_by_role("button", name="Add a webhook").click()
    form = page.locator("webhook-form")
    form.get_by_label("Address").fill(receiver.url)
    form.get_by_label("Name (optional)").fill("My program")
    form.get_by_label("a file was made").check()
    form.get_by_role("button", name="Add", exact=True).click()
    secret = page.locator(".once input").input_value()
    row = page.get_by_role("article", name="My program")
    expect(row).to_contain_text("active")
    expect(row).to_contain_text("output.created")

    row.get_by_role("button", name="Test").click()
    expect(row.get_by_role("status")).to_have_text("It was taken, with 200.")
    with house.client() as owner:
        run(owner, solid())
    row.get_by_text("What was sent").click()
    again = row.get_by_role("button", name="Look again")
    for _ in range(50):
        again.click()
        if row.locator(".delivery").count() == 3:
            break
    expect(row.locator(".delivery")).to_have_count(3)
    for headers, body in receiver.got:
        Webhook(secret).verify(body, headers)

    first = row.locator(".delivery").first
    first.locator("summary").click()
    expect(first.get_by_label("What it answered")).to_have_text("<b>ok</b>!")
    expect(first.get_by_label("What is sent")).to_contain_text('"type":"job.succeeded"')
    first.get_by_role("button", name="Send again").click()
    expect(page.locator(".notice").last).to_contain_text("It is sent again.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360

    page.reload()
    expect(page.get_by_role("article", name="My program")).to_be_visible()
    assert secret not in page.content()


def test_a_webhook_is_changed_paused_and_removed(
    opened: OpenPage,
    house: RunningStudio,
    inside: dict[str, Any],
    receiver: Receiver,
    assert_accessible: AssertAccessible,
) -> None:
    page = opened(storage_state=inside)
    show(page, house)
    page.get_by_role("button", name="Add a webhook").click()
    form = page.locator("webhook-form")
    form.get_by_label("Of everything").check()
    form.get_by_label("Address").fill(receiver.url)
    form.get_by_label("is nearly full").check()
    assert_accessible(page)
    form.get_by_role("button", name="Add", exact=True).click()
    row = page.get_by_role("article", name=f"127.0.0.1:{receiver.server_port}")
    expect(row).to_contain_text("disk.low")
    expect(row).to_contain_text("everything")
    choose(row, "Change")
    form.get_by_label("Name (optional)").fill("The watch")
    form.get_by_label("is nearly full").uncheck()
    form.get_by_role("button", name="Save").click()
    row = page.get_by_role("article", name="The watch")
    expect(row).not_to_contain_text("disk.low")
    row.get_by_role("button", name="Pause").click()
    expect(row).to_contain_text("paused")
    row.get_by_role("button", name="Go on").click()
    expect(row).to_contain_text("active")
    assert_accessible(page)
    before = page.locator(".once input").input_value()
    choose(row, "New secret")
    expect(page.locator(".once input")).not_to_have_value(before)
    choose(row, "Remove")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)


def test_a_receiver_that_is_gone_is_shown_as_such_and_can_be_enabled(
    opened: OpenPage, house: RunningStudio, inside: dict[str, Any], receiver: Receiver
) -> None:
    with house.client() as owner:
        body = {"url": receiver.url, "name": "Gone", "events": ["job.queued"]}
        assert owner.post("/api/webhooks", json=body).status_code == 201
    receiver.status = 410
    page = opened(storage_state=inside)
    show(page, house)
    row = page.get_by_role("article", name="Gone")
    row.get_by_role("button", name="Test").click()
    expect(row.get_by_role("status")).to_contain_text("it answered 410")
    expect(row).to_contain_text("off: the receiver said that it is gone")
    row.get_by_role("button", name="Enable").click()
    expect(row).to_contain_text("active")


def test_a_private_address_is_refused_in_words(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    show(page, site)
    page.get_by_role("button", name="Add a webhook").click()
    form = page.locator("webhook-form")
    form.get_by_label("Address").fill("https://10.0.0.1/hook")
    form.get_by_role("button", name="Add", exact=True).click()
    expect(form.get_by_role("alert")).to_contain_text("blocked_address")
    assert owner.get("/api/webhooks").json()["webhooks"] == []
