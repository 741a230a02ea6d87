"""Where the page says what just happened: beside what people are about to press."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from tests.api.chats import begin
from tests.api.studio_process import RunningStudio
from tests.browser.chat_pages import talking_house
from tests.browser.conftest import FINISH_ANIMATIONS, OpenPage, wait_for_parts
from tests.fakes.talker import talking

SAY = """import('/static/js/models/notices.js').then(({ notices }) => {
    const action = { label: 'Show', run() {} };
    notices.say('“a harbour at dusk” is done.', { action, stays: true });
})"""
PRESSED = """.view-head > *, .bar .tab, .bar-end, .model-tabs,
    .run-bar, chat-composer, .wizard-foot, .selection-bar"""


@pytest.fixture(scope="module")
def house(
    chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[RunningStudio, dict[str, Any]]]:
    assert chromium
    with talking() as server, talking_house(server, tmp_path_factory.mktemp("notices")) as running:
        yield running


def assert_apart(said: Locator, others: Locator) -> None:
    """What is said lies over none of these, as far as they are seen."""
    box = said.bounding_box()
    assert box
    for other in others.all():
        it = other.bounding_box()
        assert (
            not it
            or box["y"] + box["height"] <= it["y"]
            or it["y"] + it["height"] <= box["y"]
            or box["x"] + box["width"] <= it["x"]
            or it["x"] + it["width"] <= box["x"]
        ), f"{box} lies over {other} at {it}"


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize(
    ("view", "shows"),
    [
        ("create", ".run-bar"),
        ("models", ".model-tabs"),
        ("library", ".view"),
        ("workflows", ".flow-card"),
        ("chat", ".chat-list"),
        ("chat/{chat}", "chat-composer textarea"),
    ],
)
def test_what_ended_elsewhere_lies_over_nothing_that_is_pressed_first(
    view: str,
    shows: str,
    width: int,
    house: tuple[RunningStudio, dict[str, Any]],
    open_page: OpenPage,
) -> None:
    studio, storage = house
    with studio.client() as owner:
        address = view.format(chat=begin(owner))
    page = open_page(width, 800, storage_state=storage)
    page.goto(studio.url)
    wait_for_parts(page)
    page.goto(f"{studio.url}/#/{address}")
    expect(page.locator(shows).first).to_be_visible()
    page.evaluate(SAY)
    said = page.locator(".notice", has_text="a harbour at dusk")
    expect(said).to_be_visible()
    # It rises into its place.
    page.evaluate(FINISH_ANIMATIONS)
    assert_apart(said, page.locator(PRESSED))
    if width > 360:
        # It is beside the page, whatever that shows.
        assert_apart(said, page.locator("main#content"))
