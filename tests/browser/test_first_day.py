"""A person's first day, from the printed link to a preset that others run.

On a phone, on a desktop and with the keyboard alone; with the embedded engine, and with ComfyUI
where COMFYUI_DIR names one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.studio_process import RunningStudio, comfyui_variables, run_studio
from tests.browser.conftest import PASSWORD, OpenPage
from tests.browser.editor_graphs import harbour
from tests.browser.hands import Keyboard, Pointer
from tests.browser.test_behind_a_proxy import told_link
from tests.browser.test_workflow_wizard import DROP, picture_of

STEPS = {"embedded": 60, "comfyui": 5}
"""Enough for a preview to be seen."""
PAINTS_MS = 180_000
"""How long a picture may take where a processor is the model's engine."""


@pytest.fixture(params=["embedded", "comfyui"])
def new(
    request: pytest.FixtureRequest, chromium: str, tmp_path: Path
) -> Iterator[tuple[str, RunningStudio]]:
    """The engine's name, and a Studio with it that nobody set up."""
    variables = {"API_KEY": ""}
    if request.param == "comfyui":
        cache: pytest.Cache = request.config.cache
        variables |= comfyui_variables(tmp_path, cache.mkdir("contract"))
    with run_studio(tmp_path, variables) as running:
        yield request.param, running


@pytest.mark.parametrize("way", ["phone", "desktop", "keyboard"])
def test_a_person_comes_in_and_works(
    way: str, new: tuple[str, RunningStudio], open_page: OpenPage, tmp_path: Path
) -> None:
    engine, studio = new
    phone = {"width": 360, "height": 740, "has_touch": True, "is_mobile": True}
    page = open_page(**(phone if way == "phone" else {}))
    hand = Keyboard(page) if way == "keyboard" else Pointer(page)
    come_in(page, hand, told_link(studio))
    bring_a_workflow(page, hand, way, STEPS[engine], tmp_path)
    watch_it_run(page, hand)
    order_the_line(page, hand, way)
    find_it_and_make_it_again(page, hand, way)
    make_a_preset(page, hand)
    share_and_throw_away(page, hand)


def come_in(page: Page, hand: Pointer, link: str) -> None:
    page.goto(link)
    hand.write(page.get_by_label("New password"), PASSWORD)
    hand.press(page.get_by_role("button", name="Make it mine"))
    expect(page.locator("#prompt")).to_be_visible()
    leave(page, hand)
    hand.write(page.get_by_label("Password"), PASSWORD)
    hand.press(page.get_by_role("button", name="Log in"))
    expect(page.locator("#prompt")).to_be_visible()


def go_to(page: Page, hand: Pointer, view: str) -> None:
    hand.press(page.get_by_role("navigation").get_by_role("link", name=view))


def leave(page: Page, hand: Pointer) -> None:
    more = page.get_by_role("button", name="More", exact=True)
    if more.is_visible():
        hand.open_menu(more, "Log out")
    else:
        hand.press(page.get_by_role("button", name="Log out"))


def bring_a_workflow(page: Page, hand: Pointer, way: str, steps: int, folder: Path) -> None:
    """Bring a picture that carries a workflow, and say what it asks for."""
    content = picture_of(harbour(steps))
    go_to(page, hand, "Workflows")
    expect(page.locator(".flow-open", has_text="Batch resize")).to_be_visible()
    if way == "desktop":
        page.evaluate("customElements.whenDefined('drop-sheet')")
        page.evaluate(DROP, ["harbour.png", "image/png", list(content)])
    else:
        file = folder / "harbour.png"
        file.write_bytes(content)
        hand.press(page.get_by_role("link", name="Bring a workflow"))
        zone = page.locator(".drop-zone")
        hand.bring(zone.locator("input") if way == "keyboard" else zone, file)
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Harbour")
    # The negative prompt is asked for as it came; the prompt gets a better name.
    row = page.locator(".input-row").first
    hand.press(row.locator(".input-open"))
    hand.write(row.get_by_label("Label"), "What to see")
    hand.press(page.get_by_role("button", name="Save the workflow"))
    expect(page.get_by_role("heading", name="Harbour", level=1)).to_be_visible()
    hand.press(page.get_by_role("link", name="Run it"))
    expect(page.get_by_label("What to see", exact=True)).to_have_value("a quiet harbour")


def run(page: Page, hand: Pointer, words: str) -> None:
    hand.write(page.get_by_label("What to see", exact=True), words)
    hand.press(page.get_by_role("button", name="Create", exact=True))


def await_picture(page: Page, words: str) -> None:
    made = page.get_by_role("button", name=f"Open “{words}”").first
    expect(made).to_be_visible(timeout=PAINTS_MS)


def watch_it_run(page: Page, hand: Pointer) -> None:
    run(page, hand, "a harbour at dusk")
    expect(page.locator("job-tile img.preview")).to_have_attribute(
        "src", re.compile("^blob:"), timeout=PAINTS_MS
    )
    await_picture(page, "a harbour at dusk")


def order_the_line(page: Page, hand: Pointer, way: str) -> None:
    """Three jobs wait: the last goes first, the first is cancelled."""
    go_to(page, hand, "Queue")
    hand.press(page.get_by_role("button", name="Pause"))
    expect(page.locator(".view .banner")).to_contain_text("paused")
    go_to(page, hand, "Create")
    for number, words in enumerate(("one boat", "two boats", "three boats"), start=1):
        run(page, hand, words)
        expect(page.locator(".tab .badge")).to_have_text(str(number))
    go_to(page, hand, "Queue")
    titles = page.locator(".row.waiting .row-title")
    expect(titles).to_have_text(["one boat", "two boats", "three boats"])
    if isinstance(hand, Keyboard):
        hand.reach(page.get_by_role("button", name="Move “three boats”"))
        page.keyboard.press("Alt+ArrowUp")
        expect(titles).to_have_text(["one boat", "three boats", "two boats"])
        page.keyboard.press("Alt+ArrowUp")
    elif way == "phone":
        hand.open_menu(page.get_by_role("button", name="More for “three boats”"), "To the front")
    else:
        page.get_by_role("button", name="Move “three boats”").drag_to(
            page.get_by_role("button", name="Move “one boat”"), target_position={"x": 4, "y": 2}
        )
    expect(titles).to_have_text(["three boats", "one boat", "two boats"])
    hand.press(page.get_by_role("button", name="Cancel “one boat”"))
    expect(titles).to_have_text(["three boats", "two boats"])
    hand.press(page.get_by_role("button", name="Resume"))
    await_picture(page, "two boats")
    expect(titles).to_have_count(0)


def find_it_and_make_it_again(page: Page, hand: Pointer, way: str) -> None:
    """Find the first picture by a word of its prompt, and put what made it into the form."""
    go_to(page, hand, "Library")
    hand.write(page.get_by_label("Search prompts"), "dusk")
    page.keyboard.press("Enter")
    expect(page.locator(".cell")).to_have_count(1)
    cell = page.get_by_role("option", name=re.compile("^a harbour at dusk"))
    hand.press(cell)
    dialog = page.locator("dialog.lightbox")
    expect(dialog).to_be_visible()
    if way == "phone":
        hand.press(dialog.get_by_role("button", name="Details"))
    hand.open_menu(dialog.get_by_role("button", name="Use again"), "Everything")
    expect(page.get_by_label("What to see", exact=True)).to_have_value("a harbour at dusk")


def make_a_preset(page: Page, hand: Pointer) -> None:
    """Save a preset that asks, and run it."""
    hand.write(
        page.get_by_label("What to see", exact=True), "a harbour in [[Which weather?:fog|sun]]"
    )
    hand.open_menu(page.get_by_role("button", name="More about this form"), "Save as a preset …")
    dialog = page.locator("dialog")
    hand.write(dialog.get_by_label("Name", exact=True), "Harbours")
    hand.press(dialog.get_by_role("button", name="Save", exact=True))
    expect(page.locator(".source-name")).to_contain_text("Harbours")
    hand.press(page.get_by_role("button", name="Create", exact=True))
    hand.pick(page.get_by_label("Which weather?"), "sun")
    hand.press(page.locator("dialog").get_by_role("button", name="Create"))
    await_picture(page, "a harbour in sun")


def share_and_throw_away(page: Page, hand: Pointer) -> None:
    """Share the preset, delete it, and take that back."""
    choice = page.locator(".choice", has_text="Harbours")
    more = page.get_by_role("button", name="More for “Harbours”")
    hand.press(page.locator(".source-name"))
    hand.open_menu(more, "Edit …")
    form = page.locator("preset-form")
    hand.turn_on(form.get_by_role("switch"))
    hand.press(form.get_by_role("button", name="Save", exact=True))
    hand.press(form.get_by_role("button", name="Share the workflow too"))
    expect(choice).to_contain_text("Shared")
    hand.open_menu(more, "Delete")
    expect(choice).to_have_count(0)
    page.keyboard.press("Escape")
    hand.press(page.get_by_role("button", name="Undo"))
    hand.press(page.locator(".source-name"))
    expect(choice).to_be_visible()
    expect(choice).to_contain_text("Shared")
