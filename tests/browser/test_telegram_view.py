"""The Telegram page of Settings, in a real browser on a phone's width."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.api.people import PASSWORD
from tests.api.telegram_chat import Bot, bot_in
from tests.browser.conftest import AssertAccessible, OpenPage, come_in, wait_for_parts


@pytest.fixture(scope="module")
def bot(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bot]:
    with bot_in(tmp_path_factory.mktemp("bot")) as running:
        yield running


@pytest.fixture(scope="module")
def inside(bot: Bot) -> dict[str, Any]:
    return come_in(bot.studio, "/api/session", password=PASSWORD)


@pytest.fixture
def phone_page(open_page: OpenPage, bot: Bot, inside: dict[str, Any]) -> Page:
    page = open_page(360, 740, storage_state=inside)
    page.goto(bot.studio.url)
    wait_for_parts(page)
    page.goto(f"{bot.studio.url}/#/settings/telegram")
    return page


def test_a_chat_is_connected_tested_set_up_and_disconnected(
    bot: Bot, phone_page: Page, assert_accessible: AssertAccessible
) -> None:
    page, phone = phone_page, bot.phone()
    bot.save(name="From a phone", values={"prompt": "a fox"})
    page.reload()
    status = page.locator("settings-telegram [role=status]").first
    expect(status).to_contain_text("@studio_test_bot · Connected.")
    page.get_by_role("button", name="Make a code").click()
    command = page.get_by_label(re.compile("Send this to the bot until")).input_value()
    link = page.get_by_role("link", name="Open in Telegram")
    expect(link).to_have_attribute(
        "href", f"https://t.me/studio_test_bot?start={command[7:].replace('-', '')}"
    )
    phone.say(command)
    phone.hears("Welcome")
    row = page.locator("settings-telegram .row", has_text=f"@anna{phone.chat_id}")
    expect(row).to_be_visible()
    row.get_by_label("Plain messages run").select_option(label="From a phone")
    row.get_by_label("Tell me when jobs end that were started elsewhere").check()
    assert_accessible(page)
    page.reload()
    expect(row.get_by_label("Tell me when jobs end")).to_be_checked()
    phone.say("an owl")
    phone.gets("photo")
    row.get_by_role("button", name="Test").click()
    phone.hears("This is a test from Studio.")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    row.get_by_role("button", name="Disconnect").click()
    expect(row).to_have_count(0)


def test_a_studio_without_a_token_says_where_it_goes(
    page: Page, site: Any, assert_accessible: AssertAccessible
) -> None:
    page.goto(f"{site.url}/#/settings/telegram")
    expect(page.get_by_text("There is no bot yet.")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Other services").last.click()
    expect(page.get_by_label("Telegram bot")).to_be_visible()
