"""Help by a language model: with the form's prompt, with its pictures, and with films."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import expect

from tests.api.chats import good, picture
from tests.api.studio_process import RunningStudio
from tests.browser.chat_pages import PHONE, kept_film, open_chat
from tests.browser.conftest import AssertAccessible, OpenPage, wait_for_parts
from tests.fakes.talker import Talker


def test_a_film_is_planned_step_by_step_and_is_there_on_another_device(
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
    talker.title = '["A fox wakes.", "It sleeps."]'
    page.get_by_role("button", name="Write scenes").click()
    expect(page.get_by_label("Scene 2", exact=True)).to_have_value("It sleeps.")
    page.get_by_label("Scene 1", exact=True).fill("A red fox wakes.")
    page.get_by_label("Seconds of scene 2").fill("2.5")
    maker = page.get_by_label("What makes the video")
    maker.select_option(label="Short film")
    expect(maker.locator("option", has_text="Text to image")).to_have_count(0)
    film = kept_film(client, lambda film: film["preset_id"] and film["scenes"][1]["seconds"] < 3)
    page.reload()
    expect(page.get_by_label("Scene 1", exact=True)).to_have_value("A red fox wakes.")
    # Another device: nothing of it is kept in the browser.
    other = open_chat(open_page, house, storage)
    other.get_by_role("link", name="From a picture to a film").click()
    expect(other.get_by_label("Scene 1", exact=True)).to_have_value("A red fox wakes.")
    other.get_by_label("Description").fill("another day")
    expect(page.get_by_label("Description")).to_have_value("another day")
    other.goto(f"{house.url}/#/chat/film/{film}")
    expect(other.get_by_label("Seconds of scene 2")).to_have_value("2.5")
    assert_accessible(page)

    page.get_by_role("button", name="Put it onto the form").click()

    expect(page.locator("#prompt")).to_have_value("A red fox wakes.\nIt sleeps.")


def test_a_film_is_deleted_and_comes_back(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], client: httpx.Client
) -> None:
    body = {"description": "to be deleted", "scenes": [{"text": "A fox.", "seconds": 3}]}
    film = good(client.post("/api/films", json=body), 201)["id"]
    page = open_page(storage_state=storage)
    page.goto(f"{house.url}/#/chat/film/{film}")
    expect(page.get_by_label("Description")).to_have_value("to be deleted")
    page.get_by_role("button", name="Films").click()
    page.get_by_role("menuitem", name="Delete this film").click()
    expect(page.get_by_label("Description")).not_to_have_value("to be deleted")
    assert client.get(f"/api/films/{film}").status_code == 404

    page.get_by_role("button", name="Undo").click()

    expect(page.get_by_label("Description")).to_have_value("to be deleted")
    expect(page.get_by_label("Scene 1", exact=True)).to_have_value("A fox.")


def test_scenes_are_begun_from_the_form_of_a_video(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    page = open_page(storage_state=storage)
    page.goto(house.url)
    wait_for_parts(page)
    page.get_by_role("button", name="Help by a language model").click()
    expect(page.get_by_role("button", name="Improve", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Write scenes of a film")).to_have_count(0)
    page.keyboard.press("Escape")
    page.evaluate(
        """() => import('/static/js/models/recall.js').then(({ recall }) => recall({
            workflow_id: 'text-to-video', version: null, values: { prompt: 'a long day' } }))"""
    )
    expect(page.locator("#prompt")).to_have_value("a long day")
    page.get_by_role("button", name="Help by a language model").click()

    page.get_by_role("button", name="Write scenes of a film").click()

    expect(page.get_by_label("Description")).to_have_value("a long day")
    chosen = page.get_by_label("What makes the video").locator("option:checked")
    expect(chosen).to_contain_text("Text to video")


def test_a_prompt_is_improved_in_the_form(
    talker: Talker, open_page: OpenPage, house: RunningStudio, storage: dict[str, Any]
) -> None:
    page = open_page(storage_state=storage)
    page.goto(house.url)
    wait_for_parts(page)
    page.locator("#prompt").fill("a fox")
    page.get_by_role("button", name="Saved prompts").first.click()
    talker.title = "a red fox in soft light"
    page.get_by_role("button", name="Improve", exact=True).click()
    written = page.get_by_label("What the model wrote")
    expect(written).to_have_value("a red fox in soft light")
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
    talker.title = "a red square on white"
    page.locator(".help-pictures .thumb").click()
    expect(page.get_by_label("What the model wrote")).to_have_value("a red square on white")
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


def test_a_form_without_a_model_loads_no_words_of_one(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response("**/api/chats/models"):
        page.goto(site.url)
    wait_for_parts(page)
    for view in ("queue", "create"):
        page.goto(f"{site.url}/#/{view}")
        expect(page.locator(f"{view}-view")).to_be_visible()
    expect(page.locator("prompt-aid")).to_be_attached()

    assert [url for url in asked if "/messages/en/chat.js" in url] == []
    assert len([url for url in asked if url.endswith("/api/chats/models")]) == 1
