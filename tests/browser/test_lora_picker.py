"""LoRAs are found by their words, those that fit first, and bring their trigger words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.graphs import wait_for_library
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.fakes.model_files import LORA, SDXL, put, safetensors

LORAS = {
    "ink": {
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.trigger_phrase": "inkstyle, wet wash",
    },
    "old-film": {"modelspec.architecture": "stable-diffusion-v1/lora"},
    "odd": {},
}


@pytest.fixture(scope="module")
def studio(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio with an SDXL checkpoint and LoRAs for several families."""
    folder = tmp_path_factory.mktemp("loras")
    models = folder / "models"
    put(models / "checkpoints/mine-xl.safetensors", safetensors(SDXL))
    for name, metadata in LORAS.items():
        put(models / f"loras/{name}.safetensors", safetensors(LORA, metadata))
    with run_studio(folder, {"MODEL_DIR": str(models)}) as running:
        with running.client() as owner:
            assert owner.post("/api/models/scan").status_code == 200
        yield running


@pytest.fixture(scope="module")
def owner_state(studio: RunningStudio) -> dict[str, Any]:
    return come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


def open_form(open_page: OpenPage, studio: RunningStudio, state: Any, **size: int) -> Page:
    page = open_page(**size, storage_state=state)
    page.goto(studio.url)
    page.get_by_label("Checkpoint", exact=True).select_option(label="mine-xl")
    return page


def field(page: Page) -> Locator:
    return page.get_by_role("combobox", name="Add a LoRA")


def options(page: Page) -> Locator:
    return page.locator("lora-picker [role=option]")


@pytest.mark.parametrize("width", [1280, 360])
def test_what_fits_the_checkpoint_stands_first_and_the_rest_says_what_it_is_for(
    width: int,
    studio: RunningStudio,
    owner_state: Any,
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
) -> None:
    page = open_form(open_page, studio, owner_state, width=width)
    field(page).click()
    groups = page.locator("lora-picker [role=group]")
    expect(groups).to_have_count(3)
    expect(groups.nth(0)).to_have_accessible_name("For SDXL")
    expect(groups.nth(0).get_by_role("option")).to_contain_text(["ink"])
    expect(groups.nth(1).get_by_role("option")).to_contain_text(["embedded-vivid", "odd"])
    expect(groups.nth(2)).to_have_accessible_name("For another family of models")
    expect(groups.nth(2).get_by_role("option")).to_contain_text("Stable Diffusion 1.5")
    assert_accessible(page)


def test_the_keyboard_alone_finds_one_and_puts_its_words_into_the_prompt(
    studio: RunningStudio,
    owner_state: Any,
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
) -> None:
    page = open_form(open_page, studio, owner_state)
    page.fill("#prompt", "a fox")
    field(page).focus()
    page.keyboard.type("wash")
    expect(options(page)).to_have_count(1)
    expect(options(page)).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page.get_by_role("spinbutton", name="Strength of ink")).to_be_visible()
    expect(page.get_by_role("listbox")).to_be_hidden()
    words = page.get_by_role("group", name="Trigger words of ink").get_by_role("button")
    expect(words).to_have_text(["inkstyle", "wet wash"])
    words.nth(1).press("Enter")
    expect(page.locator("#prompt")).to_have_value("a fox, wet wash")
    expect(words.nth(1)).to_have_attribute("aria-pressed", "true")
    assert_accessible(page)
    words.nth(1).press("Enter")
    expect(page.locator("#prompt")).to_have_value("a fox")
    with studio.client() as owner:
        assert owner.get("/api/jobs").json()["jobs"] == []


def test_arrows_and_escape_do_what_they_do_in_every_list(
    studio: RunningStudio, owner_state: Any, open_page: OpenPage
) -> None:
    page = open_form(open_page, studio, owner_state)
    field(page).focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("lora-picker [role=group]")).to_have_count(3)
    page.keyboard.press("ArrowDown")
    chosen = page.locator("[role=option][aria-selected=true]")
    expect(chosen).to_contain_text("embedded-vivid")
    expect(field(page)).to_have_attribute(
        "aria-activedescendant", chosen.get_attribute("id") or "none"
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("listbox")).to_be_hidden()
    expect(field(page)).to_be_focused()
    field(page).fill("nothing like it")
    expect(page.locator("lora-picker")).to_contain_text("Nothing found for “nothing like it”.")


def test_a_picture_that_was_made_with_it_is_its_example(
    studio: RunningStudio, owner_state: Any, open_page: OpenPage
) -> None:
    page = open_form(open_page, studio, owner_state)
    field(page).fill("vivid")
    expect(options(page)).to_have_count(1)
    page.keyboard.press("Enter")
    page.fill("#prompt", "a vivid fox")
    page.locator("#prompt").press("Enter")
    made = page.get_by_role("button", name="Open “a vivid fox”").first
    expect(made).to_be_visible()
    with studio.client() as owner:
        [job] = [each for each in owner.get("/api/jobs").json()["jobs"] if each["outputs"]]
        wait_for_library(owner, job["outputs"][0]["id"])
    page.reload()
    field(page).fill("vivid")
    expect(options(page).locator("img")).to_be_visible()
