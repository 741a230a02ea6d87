"""The Chat view: a conversation with a tool that draws, on a phone; branches; hostile Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.chats import picture
from tests.api.presets import SMALL, WORKFLOW
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in, wait_for_parts
from tests.browser.test_hostile import HOSTILE, check
from tests.fakes.talker import Say, Talker, talking

PHONE = {"width": 360, "height": 740, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="module")
def server() -> Iterator[Talker]:
    with talking() as running:
        yield running


@pytest.fixture
def talker(server: Talker) -> Talker:
    server.answers.clear()
    server.asked.clear()
    return server


@pytest.fixture(scope="module")
def house(
    server: Talker, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStudio]:
    assert chromium
    variables = {"LANGUAGE_URL": server.url, "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}
    with run_studio(tmp_path_factory.mktemp("chat"), variables) as running:
        yield running


@pytest.fixture(scope="module")
def storage(house: RunningStudio) -> dict[str, Any]:
    return come_in(house, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


@pytest.fixture
def client(house: RunningStudio) -> Iterator[httpx.Client]:
    with house.client() as made:
        yield made


def open_chat(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], **options: Any
) -> Page:
    page = open_page(storage_state=storage, **options)
    page.goto(house.url)
    wait_for_parts(page)
    page.goto(f"{house.url}/#/chat")
    return page


def say(page: Page, text: str) -> None:
    page.get_by_label("Write a message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


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


def test_a_film_is_planned_step_by_step_and_survives_a_reload(
    talker: Talker,
    open_page: OpenPage,
    house: RunningStudio,
    storage: dict[str, Any],
    client: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    body = {"name": "Short film", "workflow_id": "text-to-video", "values": {"prompt": "x"}}
    assert client.post("/api/presets", json=body).status_code == 201
    page = open_chat(open_page, house, storage, **PHONE)
    page.get_by_role("link", name="From a picture to a film").click()
    page.get_by_label("Description").fill("a fox's day")
    before = talker.title
    talker.title = '["A fox wakes.", "It sleeps."]'
    page.get_by_role("button", name="Write scenes").click()
    expect(page.get_by_label("Scene 2")).to_have_value("It sleeps.")
    talker.title = before
    page.get_by_label("Scene 1").fill("A red fox wakes.")
    page.reload()
    expect(page.get_by_label("Scene 1")).to_have_value("A red fox wakes.")
    page.get_by_label("What makes the video").select_option(label="Short film")
    assert_accessible(page)

    page.get_by_role("button", name="Put it onto the form").click()

    expect(page.locator("#prompt")).to_have_value("A red fox wakes.\nIt sleeps.")


def test_a_prompt_is_improved_in_the_form(
    talker: Talker, open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    page = open_page(storage_state=storage)
    page.goto(house.url)
    wait_for_parts(page)
    page.locator("#prompt").fill("a fox")
    page.get_by_role("button", name="Saved prompts").first.click()
    before = talker.title
    talker.title = "a red fox in soft light"
    page.get_by_role("button", name="Improve", exact=True).click()
    written = page.get_by_label("What the model wrote")
    expect(written).to_have_value("a red fox in soft light")
    talker.title = before
    written.fill("a red fox in hard light")

    page.get_by_role("button", name="Use it").click()

    expect(page.locator("#prompt")).to_have_value("a red fox in hard light")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#prompt")).to_have_value("a fox")


def test_a_picture_of_the_form_is_described_and_taken_back(
    talker: Talker,
    open_page: OpenPage,
    house: RunningStudio,
    storage: dict[str, Any],
    client: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    asset = picture(client)
    page = open_page(storage_state=storage, **PHONE)
    page.goto(house.url)
    wait_for_parts(page)
    page.evaluate(
        """(asset) => import('/static/js/models/recall.js').then(({ recall }) => recall({
            workflow_id: 'image-to-image', version: null, values: { image: { asset } } }))""",
        asset,
    )
    expect(page.locator(".file-list img")).to_be_visible()
    page.get_by_role("button", name="Help by a language model").click()
    assert_accessible(page)
    before = talker.title
    talker.title = "a red square on white"
    page.locator(".help-pictures .thumb").click()
    expect(page.get_by_label("What the model wrote")).to_have_value("a red square on white")
    talker.title = before
    assert "data:image/jpeg;base64," in talker.titles[-1]

    page.get_by_role("button", name="Use it").click()

    expect(page.locator("#prompt")).to_have_value("a red square on white")
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("#prompt")).to_have_value("")


def test_a_form_says_that_no_model_sees_a_picture(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    blind = {"id": "b", "name": "b", "context": 0, "vision": False, "state": "", "reason": ""}
    page = open_page(storage_state=storage)
    page.route("**/api/chats/models", lambda route: route.fulfill(json={"items": [blind]}))
    page.goto(house.url)
    wait_for_parts(page)

    page.get_by_role("button", name="Help by a language model").click()

    expect(page.get_by_text("No language model here sees pictures")).to_be_visible()
    expect(page.get_by_role("button", name="Improve", exact=True)).to_be_disabled()
