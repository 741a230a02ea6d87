"""Presets in the page: saved from the form, asked, run, shared, copied, thrown away and back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage
from tests.browser.test_create_view import jobs_of
from tests.browser.test_hostile import HOSTILE, check


def save_preset(page: Page, name: str, *, shared: bool = False) -> None:
    page.get_by_role("button", name="More about this form").click()
    page.get_by_role("menuitem", name="Save as a preset …").click()
    dialog = page.locator("dialog")
    dialog.get_by_label("Name", exact=True).fill(name)
    if shared:
        dialog.get_by_role("switch").check()
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(dialog).to_have_count(0)
    expect(page.locator(".source-name")).to_contain_text(name)


def open_chooser(page: Page) -> None:
    page.locator(".source-name").click()
    expect(page.locator("form-chooser .choice").first).to_be_visible()


def presets_of(client: httpx.Client, name: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = client.get("/api/presets", params={"q": name}).json()["items"]
    return items


def test_a_preset_with_a_question_is_saved_and_asks(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a [[Which animal?:fox|owl]] that was asked for")
    save_preset(page, "Asks for an animal")
    page.reload()
    expect(page.locator(".source-name")).to_contain_text("Asks for an animal")
    page.locator("#prompt").press("Enter")
    page.get_by_label("Which animal?").select_option("owl")
    page.locator("dialog").get_by_role("button", name="Create").click()
    picture = page.get_by_role("button", name="Open “a owl that was asked for”")
    expect(picture).to_be_visible()
    [preset] = presets_of(owner, "Asks for an animal")
    assert preset["runs"] == 1
    [job] = jobs_of(owner, "a owl that was asked for")
    assert owner.get(f"/api/jobs/{job['id']}").json()["recipe"]["preset_id"] == preset["id"]


def test_other_work_is_not_called_by_the_preset(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a snow animal")
    save_preset(page, "Snow animal")
    source = page.locator(".source-name b")
    expect(source).to_have_text("Snow animal")
    page.fill("#prompt", "a house in the sun")
    expect(source).to_have_text("Snow animal, changed")
    page.get_by_role("button", name="Vary Seed", exact=True).click()
    page.locator("vary-field [name=text]").fill("1, 2")
    page.get_by_role("button", name="Vary this").click()
    page.get_by_role("button", name="Create 2").click()
    expect(page.locator("h1")).to_have_text("a house in the sun")
    page.get_by_role("link", name="Create", exact=True).click()
    page.fill("#prompt", "a snow animal")
    expect(source).to_have_text("Snow animal")


def test_who_would_rather_not_answer_starts_nothing(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox, [[never answered]]")
    page.locator("#prompt").press("Enter")
    expect(page.get_by_label("never answered")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator("job-tile")).to_have_count(0)
    expect(page.locator(".run-bar .primary")).to_be_enabled()


def test_choices_are_made_anew_and_can_be_recalled(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a {chosen fox|chosen fox} in words")
    expect(page.locator(".dynamic")).to_contain_text("Chooses anew")
    page.locator("#prompt").press("Enter")
    expect(page.get_by_role("button", name="Open “a chosen fox in words”")).to_be_visible()


def test_a_preset_is_changed_duplicated_deleted_and_brought_back(
    page: Page, owner: httpx.Client
) -> None:
    page.fill("#prompt", "a fox of a preset")
    save_preset(page, "Handled")
    page.locator("#input-negative").fill("rain")
    page.get_by_role("button", name="More about this form").click()
    page.get_by_role("menuitem", name="Save into this preset …").click()
    page.locator("dialog").get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("dialog")).to_have_count(0)
    [preset] = presets_of(owner, "Handled")
    assert preset["values"]["negative"] == "rain"

    open_chooser(page)
    page.get_by_role("button", name="More for “Handled”").click()
    page.get_by_role("menuitem", name="Duplicate").click()
    expect(page.locator(".choice", has_text="Handled, copy")).to_be_visible()
    page.get_by_role("button", name="More for “Handled, copy”").click()
    page.get_by_role("menuitem", name="Edit …").click()
    page.locator("preset-form").get_by_label("Name", exact=True).fill("Renamed")
    page.locator("preset-form").get_by_role("button", name="3 stars").click()
    page.locator("preset-form").get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".choice", has_text="Renamed")).to_be_visible()
    assert presets_of(owner, "Renamed")[0]["rating"] == 3

    page.get_by_role("button", name="More for “Renamed”").click()
    page.get_by_role("menuitem", name="Delete").click()
    expect(page.locator(".choice", has_text="Renamed")).to_have_count(0)
    # The notice is in the dialog too: nothing outside of it could be pressed.
    page.get_by_role("button", name="Undo").click()
    expect(page.locator(".choice", has_text="Renamed")).to_be_visible()


def test_a_preset_leaves_as_a_file_and_comes_back(
    page: Page, owner: httpx.Client, tmp_path: Path
) -> None:
    page.fill("#prompt", "a fox that travels")
    save_preset(page, "Traveller")
    open_chooser(page)
    page.get_by_role("button", name="More for “Traveller”").click()
    with page.expect_download() as saved:
        page.get_by_role("menuitem", name="Export").click()
    file = tmp_path / "traveller.json"
    saved.value.save_as(file)
    assert json.loads(file.read_text())["values"]["prompt"] == "a fox that travels"
    page.locator("form-chooser input[type=file]").set_input_files(file)
    expect(page.locator(".choice", has_text="Traveller")).to_have_count(2)
    page.locator("form-chooser input[type=file]").set_input_files(
        {"name": "no.json", "mimeType": "application/json", "buffer": b"no preset"}
    )
    expect(page.locator(".notice.is-error")).to_contain_text("no exported preset")


def test_a_preset_becomes_a_program(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox in code")
    save_preset(page, "Programmed")
    page.get_by_role("button", name="More about this form").click()
    page.get_by_role("menuitem", name="Copy as code …").click()
    code = page.locator("dialog pre")
    expect(code).to_contain_text("curl")
    expect(code).to_contain_text("STUDIO_API_KEY")
    page.get_by_role("button", name="Python").click()
    expect(code).to_contain_text("import")


def test_others_run_a_shared_preset_and_cannot_change_it(
    page: Page,
    open_page: OpenPage,
    site: RunningStudio,
    member_state: dict[str, Any],
    owner: httpx.Client,
) -> None:
    page.fill("#prompt", "a fox for everybody")
    save_preset(page, "For everybody", shared=True)
    member = open_page(storage_state=member_state)
    member.goto(site.url)
    member.wait_for_selector("#prompt")
    open_chooser(member)
    member.get_by_role("button", name="More for “For everybody”").click()
    expect(member.get_by_role("menuitem", name="Duplicate")).to_be_visible()
    expect(member.get_by_role("menuitem", name="Delete")).to_have_count(0)
    member.keyboard.press("Escape")
    member.locator(".choice-main", has_text="For everybody").click()
    expect(member.locator("#prompt")).to_have_value("a fox for everybody")
    member.locator("#prompt").press("Enter")
    expect(member.get_by_role("button", name="Open “a fox for everybody”")).to_be_visible()


def test_the_chooser_is_used_by_keyboard_alone(page: Page) -> None:
    page.locator(".source-name").focus()
    page.keyboard.press("Enter")
    search = page.get_by_role("searchbox")
    expect(search).to_be_focused()
    expect(page.locator(".choice").first).to_be_visible()
    page.keyboard.type("contact sheet")
    expect(page.locator(".choice").first).to_contain_text("Contact sheet")
    page.keyboard.press("Enter")
    expect(page.locator("dialog")).to_have_count(0)
    expect(page.locator(".source-name")).to_contain_text("Contact sheet")


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_names_of_presets_and_questions_are_text(
    page: Page, owner: httpx.Client, text: str
) -> None:
    body = {
        "name": text[:100],
        "workflow_id": "text-to-image",
        "description": text,
        "tags": [text[:40]],
        "values": {"prompt": f"[[hostile={text.replace(':', ' ').replace('=', ' ')}]]"},
    }
    assert owner.post("/api/presets", json=body).status_code == 201
    open_chooser(page)
    page.locator(".choice-main", has_text=text).first.click()
    expect(page.locator(".source-name")).to_contain_text(text)
    check(page)
    page.locator("#prompt").press("Enter")
    expect(page.locator("dialog input")).to_be_visible()
    check(page)
