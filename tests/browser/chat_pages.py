"""A Studio with a language model's server, for browser tests of what people do with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

from tests.api.chats import good, until
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage, come_in, wait_for_parts
from tests.fakes.talker import Talker

PHONE = {"width": 360, "height": 740, "has_touch": True, "is_mobile": True}


@contextlib.contextmanager
def talking_house(server: Talker, folder: Path) -> Iterator[tuple[RunningStudio, dict[str, Any]]]:
    """The Studio, and a browser's storage once its owner has come in."""
    with run_studio(folder, server.environ()) as running:
        yield running, come_in(running, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


def open_chat(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], **options: Any
) -> Page:
    """The Chat view."""
    page = open_page(storage_state=storage, **options)
    page.goto(house.url)
    wait_for_parts(page)
    page.goto(f"{house.url}/#/chat")
    return page


def say(page: Page, text: str) -> None:
    """Write a message and send it."""
    page.get_by_label("Write a message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def kept_film(client: httpx.Client, is_wanted: Callable[[dict[str, Any]], Any]) -> str:
    """The id of the latest film, once it is as wanted."""

    def found() -> str:
        films = good(client.get("/api/films"))["items"]
        return str(films[0]["id"]) if films and is_wanted(films[0]) else ""

    return str(until(found, "the film is kept"))
