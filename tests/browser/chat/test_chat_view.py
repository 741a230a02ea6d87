"""The Chat view: a conversation with a tool that draws, on a phone; branches; hostile Markdown."""

from __future__ import annotations

from threading import Event
from typing import Any

import httpx
from playwright.sync_api import expect

from tests.api.chats import begin, picture
from tests.api.presets import SMALL, WORKFLOW
from tests.api.studio_process import RunningStudio
from tests.browser.chat_pages import PHONE, open_chat, say
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.test_hostile import HOSTILE, check
from tests.fakes.talker import Say, Talker


def test_a_chat_on_a_phone_draws_with_a_preset(
    talker: Talker,
    open_page: OpenPage,
    house: RunningStudio,
    storage: dict[str, Any],
    client: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    body = {"name": "Small fox", "workflow_id": WORKFLOW, "values": {**SMALL, "prompt": "a fox"}}
    assert client.post("/api/presets", json=body).status_code == 201
    drawing = ("run_preset", {"preset": "Small fox", "values": {"prompt": "a red fox"}})
    talker.will_say(Say("I draw one.", calls=[drawing]), "Here is **your** fox.")
    page = open_chat(open_page, house, storage, **PHONE)

    say(page, "Draw a fox, please.")

    picture = page.locator(".said-result img")
    expect(picture).to_be_visible()
    expect(page.locator(".markdown strong")).to_have_text("your")
    expect(page.get_by_text("Made with “Small fox”")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_have_text("A found title")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 360
    assert_accessible(page)
    page.locator(".said-result").click()
    expect(page.get_by_role("dialog", name="Picture")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Back to the list").click()
    expect(page.locator(".chat-list a span").first).to_have_text("A found title")
    assert_accessible(page)


def test_a_reply_is_written_while_one_looks_and_can_be_stopped_edited_and_given_anew(
    talker: Talker, open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    held = Event()
    talker.will_say(Say("one two three", holds=held, words_before=2), "edited", "another")
    page = open_chat(open_page, house, storage)
    say(page, "Count.")
    reply = page.locator("chat-message").nth(1)
    expect(reply.locator(".markdown")).to_have_text("one two")
    page.reload()
    expect(reply.locator(".markdown")).to_have_text("one two")

    page.get_by_role("button", name="Stop the reply").click()

    expect(reply.locator(".said-state")).to_contain_text("Stopped.")
    held.set()
    said = page.locator("chat-message").first
    said.get_by_role("button", name="Edit").click()
    page.locator(".said-editor textarea").fill("Count better.")
    page.locator(".said-editor").get_by_role("button", name="Send").click()
    expect(reply.locator(".markdown")).to_have_text("edited")
    expect(said.locator(".branches")).to_have_text("2 / 2")
    reply.get_by_role("button", name="Another reply").click()
    expect(reply.locator(".markdown")).to_have_text("another")
    reply.get_by_role("button", name="Previous version").click()
    expect(reply.locator(".markdown")).to_have_text("edited")
    said.get_by_role("button", name="Previous version").click()
    expect(reply.locator(".markdown")).to_have_text("one two")


def test_words_are_changed_by_the_keyboard_and_left_as_they_are_by_esc(
    talker: Talker, open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    talker.will_say("one", "two")
    page = open_chat(open_page, house, storage)
    say(page, "Count.")
    said, reply = page.locator("chat-message").first, page.locator("chat-message").nth(1)
    expect(reply.locator(".markdown")).to_have_text("one")
    edit = said.get_by_role("button", name="Edit")
    edit.press("Enter")
    page.keyboard.type("Never mind.")
    page.keyboard.press("Escape")
    expect(page.locator(".said-editor")).to_have_count(0)
    expect(edit).to_be_focused()
    expect(said.locator(".as-written")).to_have_text("Count.")
    page.keyboard.press("Enter")
    page.keyboard.press("Control+A")
    page.keyboard.type("Count on.")
    page.keyboard.press("Control+Enter")
    expect(said.locator(".as-written")).to_have_text("Count on.")
    expect(reply.locator(".markdown")).to_have_text("two")


def test_what_is_done_on_one_page_is_seen_on_another(
    talker: Talker, open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    held = Event()
    talker.will_say(Say("one two three", holds=held, words_before=2), "edited")
    page = open_chat(open_page, house, storage)
    say(page, "Count.")
    reply = page.locator("chat-message").nth(1)
    expect(reply.locator(".markdown")).to_have_text("one two")
    other = open_chat(open_page, house, storage)
    other.goto(page.url)
    seen = other.locator("chat-message").nth(1).locator(".markdown")
    expect(seen).to_have_text("one two")
    held.set()
    expect(seen).to_have_text("one two three")

    # What begins while nothing is written there is followed too.
    again = Event()
    talker.answers.clear()
    talker.will_say(Say("edited now", holds=again, words_before=1))
    page.locator("chat-message").first.get_by_role("button", name="Edit").click()
    page.locator(".said-editor textarea").fill("Count better.")
    page.locator(".said-editor").get_by_role("button", name="Send").click()
    expect(seen).to_have_text("edited")
    expect(other.get_by_role("button", name="Stop the reply")).to_be_visible()
    again.set()
    expect(seen).to_have_text("edited now")
    page.get_by_role("button", name="More for “A found title”").first.click()
    page.get_by_role("menuitem", name="Rename").click()
    page.get_by_label("Name", exact=True).fill("Numbers")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(other.get_by_role("heading", level=1)).to_have_text("Numbers")
    expect(other.locator(".chat-list a span").first).to_have_text("Numbers")
    page.get_by_role("button", name="More for “Numbers”").click()
    page.get_by_role("menuitem", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(other.get_by_text("This chat was deleted on another page.")).to_be_visible()
    expect(other.locator(".chat-list", has_text="Numbers")).to_have_count(0)
    expect(page.get_by_text("This chat was deleted on another page.")).to_have_count(0)


def test_whoever_reads_further_up_is_left_there_while_a_reply_grows(
    talker: Talker, open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    held = Event()
    lines = "\n\n".join(f"line {number}" for number in range(80))
    talker.will_say(lines, Say(f"{lines} end", holds=held, words_before=60))
    page = open_chat(open_page, house, storage)
    say(page, "Much.")
    expect(page.locator(".said-acts").last).to_be_in_viewport()
    say(page, "More.")
    expect(page.locator(".markdown").last).to_contain_text("line 20")
    expect(page.get_by_role("button", name="To the end")).to_have_count(0)
    page.mouse.move(700, 300)
    page.mouse.wheel(0, -900)
    expect(page.get_by_role("button", name="To the end")).to_be_visible()
    stays = page.evaluate("scrollY")
    held.set()
    expect(page.locator(".markdown").last).to_contain_text("end")
    assert page.evaluate("scrollY") == stays

    page.get_by_role("button", name="To the end").click()

    expect(page.locator(".said-acts").last).to_be_in_viewport()
    expect(page.get_by_label("Write a message")).to_be_focused()
    expect(page.get_by_role("button", name="To the end")).to_have_count(0)


def test_hostile_markdown_stays_text(
    talker: Talker, open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    links = [
        "[a](javascript:window.pwned=1)",
        "[b](data:text/html,<script>window.pwned=1</script>)",
        "![c](http://127.0.0.1:9/track.png)",
        "<a href='javascript:window.pwned=1'>d</a>",
        "[safe](https://example.com/)",
    ]
    hostile = "\n\n".join([*HOSTILE, *links, "```html\n<b>code</b>\n```"])
    talker.will_say(hostile, ">" * 3000 + " deep")
    page = open_chat(open_page, house, storage)
    asked = []
    page.on("request", lambda request: asked.append(request.url))

    say(page, HOSTILE[0])

    expect(page.locator(".code-block code")).to_have_text("<b>code</b>")
    expect(page.locator(".is-mine .as-written")).to_have_text(HOSTILE[0])
    expect(page.get_by_role("link", name="safe")).to_have_attribute("href", "https://example.com/")
    expect(page.locator(".markdown")).to_contain_text("<script>window.pwned=1</script>")
    check(page)
    addresses = page.locator(".markdown a").evaluate_all("all => all.map((each) => each.href)")
    assert sorted(addresses) == ["http://127.0.0.1:9/track.png", "https://example.com/"]
    assert [each for each in asked if not each.startswith(house.url)] == []
    say(page, "Deeper.")
    expect(page.locator(".markdown").last).to_contain_text("deep")
    # The end is in sight by itself.
    expect(page.locator(".said-acts").last).to_be_in_viewport()
    check(page)


def test_a_chat_preset_is_made_and_begun_with(
    talker: Talker,
    open_page: OpenPage,
    house: RunningStudio,
    storage: dict[str, Any],
    assert_accessible: AssertAccessible,
) -> None:
    talker.will_say("Ahoy!")
    page = open_chat(open_page, house, storage, **PHONE)
    page.get_by_role("link", name="Chat presets").click()
    page.get_by_role("button", name="New chat preset").click()
    page.get_by_label("Name", exact=True).fill("Pirate")
    page.get_by_label("System prompt").fill("Talk like a pirate.")
    page.get_by_label("Temperature").fill("1.1")
    assert_accessible(page)
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("button", name="Begin", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Untitled")

    say(page, "Who are you?")

    expect(page.locator(".markdown")).to_have_text("Ahoy!")
    sent = talker.asked[-1]
    assert sent["messages"][0]["content"].startswith("Talk like a pirate.")
    assert sent["temperature"] == 1.1


def test_pictures_of_the_library_are_attached(
    talker: Talker,
    open_page: OpenPage,
    house: RunningStudio,
    storage: dict[str, Any],
    client: httpx.Client,
) -> None:
    picture(client, side=44)
    # With a long list below it, what one writes in is at the page's end.
    for number in range(12):
        begin(client, title=f"Chat {number}")
    page = open_chat(open_page, house, storage, **PHONE)
    page.get_by_role("button", name="Attach pictures").click()
    expect(page.get_by_role("menuitem", name="From this device")).to_be_in_viewport(ratio=1)
    page.get_by_role("menuitem", name="From the library").click()
    page.get_by_role("button", name="Uploaded").click()
    page.get_by_role("button", name="red.png").first.click()
    page.get_by_role("dialog").locator(".dialog-actions button").click()
    expect(page.locator(".chat-files img")).to_have_count(1)
    talker.will_say("A red square.")

    say(page, "What is this?")

    expect(page.locator(".said-files img")).to_have_count(1)
    expect(page.locator(".markdown")).to_have_text("A red square.")
    assert "data:image/jpeg;base64," in str(talker.asked[-1]["messages"])


def test_a_chat_whose_model_is_gone_goes_on_with_another(
    talker: Talker,
    open_page: OpenPage,
    house: RunningStudio,
    storage: dict[str, Any],
    client: httpx.Client,
) -> None:
    chat = begin(client, model="gone-model", title="Old")
    page = open_chat(open_page, house, storage)
    page.goto(f"{house.url}/#/chat/{chat}")
    expect(page.get_by_text("“gone-model” is not there any more")).to_be_visible()
    say(page, "Hello?")
    expect(page.get_by_text("This language model is not there any more.")).to_be_visible()
    expect(page.get_by_label("Write a message")).to_have_value("Hello?")

    page.get_by_role("button", name="Choose another model").click()
    page.locator("select[name=model]").select_option(label="talker")
    page.get_by_role("button", name="Save", exact=True).click()

    expect(page.get_by_text("“gone-model” is not there any more")).to_have_count(0)
    talker.will_say("Hello.")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".markdown")).to_have_text("Hello.")


def test_without_a_model_one_is_told_who_can_bring_one(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    member_state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    page = open_page(storage_state=state)
    page.goto(f"{site.url}/#/chat")
    page.get_by_role("link", name="Models, Language models").click()
    expect(page).to_have_url(f"{site.url}/#/models/language")
    theirs = open_page(storage_state=member_state)
    theirs.goto(f"{site.url}/#/chat")
    expect(theirs.get_by_text("Ask them for it.")).to_be_visible()
    expect(theirs.get_by_role("link", name="Models, Language models")).to_have_count(0)
    assert_accessible(theirs)
    # What was said before can be read without one.
    chat = begin(owner, title="Read only")
    page.goto(f"{site.url}/#/chat/{chat}")
    expect(page.get_by_role("heading", level=1)).to_have_text("Read only")
    expect(page.get_by_label("Write a message")).to_have_count(0)
