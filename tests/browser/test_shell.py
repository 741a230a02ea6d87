"""What is around the views: navigation, commands by the keyboard, languages, dropped files."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Locator, Page, Route, expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import FINISH_ANIMATIONS, OpenPage, wait_for_parts
from tests.browser.test_notices import assert_apart

DROP = """([name, type, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
    const told = { dataTransfer: transfer, bubbles: true, cancelable: true };
    document.body.dispatchEvent(new DragEvent('dragenter', told));
    document.body.dispatchEvent(new DragEvent('drop', told));
}"""


def drop(page: Page, name: str, content_type: str, body: bytes) -> None:
    """Drop one file on the page, wherever it is."""
    page.evaluate("() => customElements.whenDefined('drop-sheet').then(() => true)")
    page.evaluate(DROP, [name, content_type, list(body)])


def row_of(page: Page, name: str) -> Locator:
    """The row of one command among the shortcuts."""
    return page.locator(".shortcut-rows .row").filter(has=page.get_by_text(name, exact=True))


@pytest.fixture(autouse=True)
def clean_preferences(site: RunningStudio, state: dict[str, Any]) -> Iterator[None]:
    """What a test prefers is not for the next one; its pages are closed by then."""
    yield
    cookies = {each["name"]: each["value"] for each in state["cookies"]}
    url, headers = f"{site.url}/api/preferences", {"Origin": site.url}
    assert httpx.put(url, json={}, cookies=cookies, headers=headers).status_code == 200


def test_a_theme_that_was_chosen_stays(page: Page) -> None:
    with page.expect_response(
        lambda answer: answer.url.endswith("/api/preferences") and answer.request.method == "PUT"
    ):
        page.get_by_role("button", name="Switch to dark").click()
    expect(page.get_by_role("button", name="Switch to light")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Switch to light")).to_be_visible()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"


def test_a_theme_stays_though_the_page_was_left_before_studio_had_it(page: Page) -> None:
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if route.request.method == "PUT" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/preferences", hold_the_first)
    with page.expect_request(
        lambda sent: sent.url.endswith("/api/preferences") and sent.method == "PUT"
    ):
        page.get_by_role("button", name="Switch to dark").click()
    with page.expect_response(
        lambda answer: answer.url.endswith("/api/preferences") and answer.request.method == "PUT"
    ):
        page.reload()
    expect(page.get_by_role("button", name="Switch to light")).to_be_visible()


def test_the_palette_finds_what_can_be_done_and_does_it(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.keyboard.press("Control+K")
    palette = page.get_by_role("dialog", name="All commands")
    field = palette.get_by_role("combobox")
    expect(field).to_be_focused()
    field.fill("go lib")
    # The command, and the search of the library that is always offered.
    expect(palette.get_by_role("option")).to_have_count(2)
    page.keyboard.press("Enter")
    expect(page.locator("library-view h1")).to_be_visible()
    expect(palette).to_have_count(0)


def test_the_palette_finds_presets_and_the_parts_of_settings(
    page: Page, owner: httpx.Client
) -> None:
    wish = {"name": "Walrus at noon", "values": {"prompt": "a walrus at noon"}}
    made = owner.post("/api/presets", json={**wish, "workflow_id": "text-to-image"})
    assert made.status_code == 201, made.text
    page.keyboard.press("Control+K")
    palette = page.get_by_role("dialog", name="All commands")
    field = palette.get_by_role("combobox")
    field.fill("settings keyb")
    expect(palette.get_by_role("option", name="Settings: Keyboard")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Keyboard", level=2)).to_be_visible()
    page.keyboard.press("Control+K")
    field.fill("walrus at")
    expect(palette.get_by_role("option", name="Walrus at noon")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.locator("#prompt")).to_have_value("a walrus at noon")


def test_the_palette_is_left_by_esc_and_by_back_and_the_focus_returns(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    for leave in (lambda: page.keyboard.press("Escape"), page.go_back):
        page.get_by_role("button", name="Search").focus()
        page.keyboard.press("Control+K")
        expect(page.get_by_role("dialog")).to_be_visible()
        leave()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="Search")).to_be_focused()
        assert page.url.endswith(("/", "#/create"))


def test_two_keys_after_each_other_go_to_a_view_but_not_while_somebody_writes(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.locator("#prompt").fill("")
    page.locator("#prompt").press_sequentially("gq")
    expect(page.locator("#prompt")).to_have_value("gq")
    page.locator("main").focus()
    page.keyboard.press("g")
    page.keyboard.press("q")
    expect(page.locator("queue-view h1")).to_be_visible()


def test_keys_can_be_changed_taken_away_and_given_back(page: Page, site: RunningStudio) -> None:
    page.goto(f"{site.url}/#/settings/keyboard")
    row = row_of(page, "Go to Queue")
    expect(row.locator("kbd")).to_have_text(["G", "Q"])
    row.get_by_role("button", name="Change the keys of “Go to Queue”").click()
    page.keyboard.press("x")
    page.keyboard.press("y")
    expect(row.locator("kbd")).to_have_text(["X", "Y"])
    page.reload()
    expect(row.locator("kbd")).to_have_text(["X", "Y"])
    page.locator("main").focus()
    page.keyboard.press("x")
    page.keyboard.press("y")
    expect(page.locator("queue-view h1")).to_be_visible()
    page.go_back()
    row.get_by_role("button", name="The usual keys for “Go to Queue”").click()
    expect(row.locator("kbd")).to_have_text(["G", "Q"])
    row.get_by_role("button", name="Change the keys of “Go to Queue”").click()
    page.keyboard.press("Backspace")
    expect(row.locator("kbd")).to_have_count(0)


def test_the_same_keys_twice_are_told(page: Page, site: RunningStudio) -> None:
    page.goto(f"{site.url}/#/settings/keyboard")
    row = row_of(page, "Go to Queue")
    row.get_by_role("button", name="Change").click()
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(row).to_contain_text("“Go to Library” has the same keys")


def test_the_page_speaks_the_language_of_the_browser_or_the_chosen_one(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(storage_state=state, locale="de-DE")
    page.goto(f"{site.url}/#/settings/looks")
    expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    page.get_by_label("Language").select_option("")
    expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()


def test_a_workflow_that_is_dropped_anywhere_comes_to_where_it_can_be_run(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/queue")
    expect(page.locator("queue-view h1")).to_be_visible()
    graph = b'{"1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64}}}'
    drop(page, "mine.json", "application/json", graph)
    expect(page.locator("workflows-view")).to_contain_text("EmptyImage")
    assert "#/workflows" in page.url


def test_what_is_dragged_over_the_page_is_awaited_and_may_leave_again(page: Page) -> None:
    drag = """(name) => {
        const transfer = new DataTransfer();
        transfer.items.add(new File(['x'], 'x.png', { type: 'image/png' }));
        document.body.dispatchEvent(new DragEvent(name, { dataTransfer: transfer, bubbles: true }));
    }"""
    page.evaluate("() => customElements.whenDefined('drop-sheet').then(() => true)")
    page.evaluate(drag, "dragenter")
    expect(page.locator(".drop-sheet")).to_be_visible()
    page.evaluate(drag, "dragleave")
    expect(page.locator(".drop-sheet")).to_have_count(0)


def test_a_picture_without_a_workflow_is_told_so_on_create(page: Page) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(buffer, "PNG")
    drop(page, "red.png", "image/png", buffer.getvalue())
    expect(page.locator(".notice")).to_contain_text("There is no workflow in that file")


def test_a_word_of_one_view_is_gone_in_the_next_and_covers_no_bar(
    page: Page, site: RunningStudio
) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{site.url}/#/settings/defaults")
    page.evaluate("""async () => {
        const { notices } = await import('/static/js/models/notices.js');
        const undo = { label: 'Undo', run() {} };
        notices.say('a passing word').saidAt -= 2000;
        notices.say('a word to undo', { action: undo }).saidAt -= 2000;
        // Time alone takes nothing away here.
        notices.hold();
    }""")
    word = page.locator(".notice", has_text="a passing word")
    expect(word).to_be_visible()
    page.evaluate(FINISH_ANIMATIONS)
    assert_apart(page.locator(".notices"), page.locator(".bar"))
    page.evaluate("location.hash = '#/create'")
    expect(word).to_have_count(0)
    expect(page.locator(".notice", has_text="a word to undo")).to_be_visible()


def test_an_address_that_leads_nowhere_is_told(page: Page, site: RunningStudio) -> None:
    # Time takes nothing away here.
    page.evaluate("import('/static/js/models/notices.js').then((it) => it.notices.hold())")
    page.goto(f"{site.url}/#/nonsense")
    notice = page.locator(".notice", has_text="There is no page “nonsense”: this is Create.")
    expect(notice).to_be_visible()
    page.goto(f"{site.url}/#/people")
    expect(page.locator("main h1").first).to_have_text("Settings")
    expect(page.locator(".notice", has_text="“people”")).to_have_count(0)


def test_what_ends_while_one_looks_elsewhere_is_told(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.goto(f"{site.url}/#/settings/account")
    expect(page.locator("account-sessions .row")).not_to_have_count(0)
    made = owner.post("/api/create", json={"prompt": "a told fox", "steps": 2}).json()
    wait_ended(owner, made["id"])
    notice = page.locator(".notice", has_text="“a told fox” is done.")
    expect(notice).to_be_visible()
    notice.get_by_role("button", name="Show").click()
    expect(page.locator("#prompt")).to_be_visible()


def test_the_menu_of_a_phone_goes_by_the_keyboard(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = open_page(360, 740, storage_state=state)
    page.goto(site.url)
    wait_for_parts(page)
    more = page.get_by_role("button", name="More", exact=True)
    more.focus()
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="Models")).to_be_focused()
    for name in ("Settings", "System"):
        page.keyboard.press("s")
        expect(page.get_by_role("menuitem", name=name)).to_be_focused()
    page.keyboard.press("Escape")
    expect(more).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("models-view h1")).to_be_visible()
    expect(page.get_by_role("menu")).to_have_count(0)


def test_a_member_sees_nothing_that_is_the_owners(
    open_page: OpenPage, site: RunningStudio, member_state: dict[str, Any]
) -> None:
    page = open_page(storage_state=member_state)
    page.goto(f"{site.url}/#/settings/services")
    expect(page.locator("settings-view h1")).to_be_visible()
    expect(page.locator(".settings-title")).to_have_text("Account")
    for name in ("System", "Activity", "People", "Other services"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_keys_that_belong_to_a_field_or_a_picture_are_listed_too(page: Page) -> None:
    page.wait_for_load_state("networkidle")
    page.locator("main").focus()
    page.keyboard.press("?")
    page.get_by_label("What do you want to do?").fill("from any field")
    row = row_of(page, "Create, from any field of the form")
    expect(row.locator("kbd")).to_have_text(["Ctrl", "↵"])
