"""What the page says about Studio as it is: paused, or with placeholders for pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio, run_studio
from tests.browser.conftest import OpenPage
from tests.browser.test_doors_view import set_up
from tests.contract.harness import find_free_port
from tests.faults.test_safe_mode import in_the_image

PAUSED = "The queue is paused for everybody. New jobs wait; running ones finish."
PLACEHOLDERS = "The embedded engine paints placeholders"


def test_a_paused_queue_is_told_to_everybody_and_resumed_by_the_owner(
    page: Page,
    open_page: OpenPage,
    site: RunningStudio,
    member_state: dict[str, Any],
    owner: httpx.Client,
) -> None:
    member = open_page(width=360, height=740, storage_state=member_state)
    member.goto(site.url)
    member.wait_for_selector("#prompt")
    page.get_by_role("link", name="Queue").click()
    pause = page.get_by_role("button", name="Pause")
    expect(pause).to_have_attribute("title", "New jobs wait; running ones finish.")
    pause.click()
    for each, view in ((member, "create"), (member, "queue"), (page, "queue"), (page, "create")):
        each.goto(f"{site.url}/#/{view}")
        expect(each.locator(f"{view}-view .banner", has_text=PAUSED)).to_be_visible()
    expect(member.locator(".view .banner", has_text=PAUSED)).to_contain_text(
        "Only the owner can resume it."
    )
    expect(member.get_by_role("button", name="Resume")).to_have_count(0)
    assert owner.get("/api/queue").json()["paused"] is True
    page.get_by_role("button", name="Resume").click()
    for each in (page, member):
        expect(each.locator(".banner", has_text=PAUSED)).to_have_count(0)
    assert owner.get("/api/queue").json()["paused"] is False


def test_placeholders_are_called_so_with_a_way_to_real_pictures(
    page: Page, owner: httpx.Client
) -> None:
    job = owner.post("/api/create", json={"prompt": "not a model's", "steps": 1}).json()
    wait_ended(owner, job["id"])
    note = page.locator("create-view .banner", has_text=PLACEHOLDERS)
    expect(note).to_be_visible()
    page.get_by_role("button", name="Open “not a model's”").first.click()
    expect(page.locator("dialog")).to_contain_text("A placeholder of the embedded engine")
    page.locator("dialog").get_by_role("link", name="What to do").click()
    expect(page.locator("help-view")).to_contain_text("export COMFYUI_DIR=")
    folders = next(
        group for group in owner.get("/api/settings").json()["groups"] if group["id"] == "folders"
    )
    (models,) = (item["value"] for item in folders["items"] if item["key"] == "MODEL_DIR")
    expect(page.locator("help-view")).to_contain_text(f"{models}/checkpoints/")
    expect(page.locator("dialog")).to_have_count(0)
    page.get_by_role("link", name="Create", exact=True).click()
    note.get_by_role("link", name="What to do").click()
    expect(page.locator("help-view h1")).to_be_visible()


def test_without_a_comfyui_there_is_no_editor_to_open(page: Page) -> None:
    expect(page.locator("create-view .banner", has_text=PLACEHOLDERS)).to_be_visible()
    button = page.get_by_role("button", name="Open ComfyUI")
    expect(button).to_have_count(0)
    page.get_by_role("link", name="Settings").click()
    page.set_viewport_size({"width": 360, "height": 740})
    expect(page.locator("settings-view h1")).to_be_visible()
    expect(button).to_have_count(0)


def test_with_a_comfyui_its_editor_can_be_opened_on_a_phone_too(
    open_page: OpenPage, chromium: str, tmp_path: Path
) -> None:
    environ = {"STUDIO_ENGINE": f"http://127.0.0.1:{find_free_port()}"}
    with run_studio(tmp_path / "far", environ, engine=False) as studio:
        page = open_page()
        set_up(page, studio.url)
        button = page.get_by_role("button", name="Open ComfyUI")
        expect(button).to_be_visible()
        expect(page.locator(".banner", has_text=PLACEHOLDERS)).to_have_count(0)
        page.set_viewport_size({"width": 360, "height": 740})
        expect(button).to_have_count(0)
        page.get_by_role("button", name="More", exact=True).click()
        with page.expect_request("**/api/editor/open") as asked, page.expect_popup() as opened:
            page.get_by_role("menuitem", name="Open ComfyUI").click()
        assert asked.value.method == "POST"
        opened.value.close()
        page.close()


def test_while_the_socket_is_down_the_page_asks_what_engines_there_are(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state)

    def cut(route: WebSocketRoute) -> None:
        route.close()

    page.route_web_socket("**/api/ws", cut)
    # A Studio that only starts has no engines to tell of.
    starting = {"error": {"code": "unavailable", "message": "Studio starts."}}
    page.route("**/ready", lambda route: route.fulfill(status=503, json=starting))
    page.goto(site.url)
    expect(page.locator(".live-state")).to_contain_text("every two seconds")
    expect(page.locator(".banner", has_text="takes no work yet")).to_be_visible()
    page.unroute("**/ready")
    expect(page.locator("create-view .banner", has_text=PLACEHOLDERS)).to_be_visible()


def test_that_studio_cannot_be_reached_is_said_and_taken_back(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state)
    sockets: list[WebSocketRoute] = []

    def through(route: WebSocketRoute) -> None:
        route.connect_to_server()
        sockets.append(route)

    page.route_web_socket("**/api/ws", through)
    page.goto(site.url)
    page.fill("#prompt", "a fox behind a cut")
    create = page.locator(".run-bar .primary")
    told = page.locator(".banner", has_text="Studio cannot be reached")
    expect(create).to_have_attribute("title", re.compile("Enter"))
    expect(told).to_have_count(0)
    page.context.set_offline(True)
    page.route("**/api/**", lambda route: route.abort())
    for each in sockets:
        each.close()
    expect(told).to_be_visible()
    expect(create).to_have_attribute("aria-disabled", "true")
    expect(create).to_have_accessible_description(re.compile("cannot be reached"))
    page.unroute("**/api/**")
    page.context.set_offline(False)
    expect(told).to_have_count(0)
    expect(create).not_to_have_attribute("aria-disabled", "true")


def test_a_studio_that_cannot_work_says_why_on_a_page_of_its_own(
    open_page: OpenPage, tmp_path: Path
) -> None:
    (tmp_path / "studio").write_text("a file where the folder should be")
    with run_studio(tmp_path, in_the_image(tmp_path), serves=False) as held:
        page = open_page(360)
        page.goto(held.url)
        expect(page.get_by_role("heading", level=1)).to_have_text("Studio cannot work now")
        expect(page.locator("main")).to_contain_text("cannot be prepared")
        # A style that the page's policy does not know would not be applied.
        expect(page.locator("body")).to_have_css("display", "grid")
