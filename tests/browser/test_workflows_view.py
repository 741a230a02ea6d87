"""Workflows: found, looked at, saved as versions, compared, shared, put away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import text_to_image
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.test_hostile import HOSTILE, check
from tests.browser.test_looks import check as check_looks
from tests.browser.test_looks import check_for_fingers
from tests.browser.workflow_pages import bring, made, open_at

ENGINES = """kinds => import('/static/js/models/feed.js').then(({ feed }) => {
    feed.system = { ...feed.system, engine_kinds: kinds };
    feed.changed();
})"""


def test_a_change_is_a_version_that_can_be_compared_and_taken_back(
    page: Page, owner: httpx.Client
) -> None:
    workflow = made(owner, "Versions of a fox")
    open_at(page, f"workflows/{workflow['id']}")
    page.get_by_role("link", name="Change", exact=True).click()
    row = page.locator(".input-row").filter(has_text="Steps")
    row.locator(".input-open").click()
    row.get_by_label("To begin with").fill("9")
    row.get_by_label("To begin with").press("Tab")
    page.get_by_placeholder("What changed?").fill("nine steps")
    page.get_by_role("button", name="Save version").click()
    versions = page.locator("workflow-versions")
    expect(versions.locator(".row").first).to_contain_text("nine steps")
    page.get_by_role("button", name="What changed in version 2").click()
    expect(versions.locator(".changes")).to_contain_text("Input steps · default")
    expect(versions.locator(".changes")).to_contain_text("4 → 9")
    page.get_by_role("button", name="Restore version 1").click()
    expect(versions.locator(".row").first).to_contain_text("Version 3")
    page.get_by_role("button", name="Undo").click()
    expect(versions.locator(".row").first).to_contain_text("Version 4")
    found = owner.get(f"/api/workflows/{workflow['id']}").json()
    steps = next(each for each in found["manifest"]["inputs"] if each["id"] == "steps")
    assert (found["version"], steps["default"]) == (4, 9)


def test_the_list_is_searched_and_filtered_and_keeps_that(page: Page, owner: httpx.Client) -> None:
    made(owner, "A fox to be found", category="animals")
    open_at(page, "workflows")
    cards = page.locator(".flow-card")
    page.get_by_label("Search workflows").fill("wan scenes")
    expect(cards).to_have_count(1)
    expect(cards.locator(".ready")).to_contain_text("Needs ComfyUI")
    page.get_by_label("Search workflows").fill("")
    page.get_by_label("Category").select_option("animals")
    expect(cards).to_have_count(1)
    page.reload()
    expect(cards).to_have_count(1)
    page.get_by_label("Readiness").select_option("missing")
    expect(page.locator(".empty")).to_contain_text("Nothing fits that.")
    page.get_by_role("button", name="Show all").click()
    assert cards.count() > 10


def test_a_workflow_in_the_trash_comes_back(page: Page, owner: httpx.Client) -> None:
    made(owner, "Soon gone")
    open_at(page, "workflows")
    card = page.locator(".flow-card").filter(has_text="Soon gone")
    for way in ("undo", "trash"):
        page.get_by_role("button", name="More for Soon gone").click()
        page.get_by_role("menuitem", name="Put into the trash").click()
        expect(card).to_have_count(0)
        assert owner.get("/api/workflows?q=soon+gone").json()["total"] == 0
        if way == "undo":
            page.get_by_role("button", name="Undo").last.click()
        else:
            page.get_by_role("button", name="Trash", exact=True).click()
            card.get_by_role("button", name="Take back").click()
            expect(card).to_have_count(0)
            page.get_by_role("button", name="Trash", exact=True).click()
        expect(card).to_have_count(1)


def test_a_workflow_is_shared_copied_and_exported(
    page: Page,
    open_page: OpenPage,
    site: RunningStudio,
    owner: httpx.Client,
    member_state: dict[str, Any],
) -> None:
    workflow = made(owner, "For everybody")
    mia = open_page(storage_state=member_state)
    mia.goto(f"{site.url}/#/workflows/{workflow['id']}")
    expect(mia.locator(".error-text")).to_be_visible()
    open_at(page, f"workflows/{workflow['id']}")
    page.get_by_role("button", name="More for For everybody").click()
    page.get_by_role("menuitem", name="Share with everybody").click()
    expect(page.locator(".flow-facts")).to_contain_text("Yours, shared")
    mia.get_by_role("button", name="Try again").click()
    expect(mia.get_by_role("heading", name="For everybody")).to_be_visible()
    expect(mia.get_by_role("link", name="Change", exact=True)).to_have_count(0)
    mia.get_by_role("button", name="Copy and change").click()
    expect(mia.get_by_role("heading", name="For everybody (copy)")).to_be_visible()
    mia.get_by_role("button", name="More for For everybody (copy)").click()
    with mia.expect_download() as download:
        mia.get_by_role("menuitem", name="Export as a file").click()
    assert download.value.suggested_filename == "for-everybody-copy.studio-workflow.json"
    exported = json.loads(Path(download.value.path()).read_bytes())
    assert exported["manifest"]["name"] == "For everybody (copy)"


def test_what_is_missing_says_how_to_get_it(page: Page) -> None:
    open_at(page, "workflows/wan22-image-to-video")
    missing = page.locator(".card", has=page.get_by_role("heading", name="What is missing"))
    expect(missing).to_contain_text("This needs ComfyUI.")
    # Nothing that is installed would help it to run here.
    expect(missing.get_by_role("button")).to_have_count(0)
    missing.get_by_text("What it needs there").click()
    row = missing.locator(".row").filter(has_text="wan_2.1_vae.safetensors")
    expect(row).to_contain_text("models/vae")
    expect(row.get_by_role("button", name="Install wan_2.1_vae.safetensors")).to_be_visible()
    expect(missing).to_contain_text("WanImageToVideo")
    expect(missing).not_to_contain_text("Install the custom nodes")
    expect(missing).not_to_contain_text("Similar ones")


def test_what_needs_comfyui_says_so_wherever_it_is_chosen(page: Page, site: RunningStudio) -> None:
    page.goto(f"{site.url}/#/workflows")
    card = page.locator(".flow-card", has=page.get_by_role("heading", name="Image edit"))
    expect(card).to_contain_text("Needs ComfyUI")
    expect(card).not_to_contain_text("missing")
    # Which engines there are is known a moment later, and changes.
    page.evaluate(ENGINES, {"second": "comfyui"})
    expect(card).to_contain_text("missing")
    open_at(page, "workflows/image-edit")
    expect(page.locator(".flow-facts")).to_contain_text("missing")
    page.evaluate(ENGINES, {"first": "embedded"})
    expect(page.locator(".flow-facts")).to_contain_text("Needs ComfyUI")
    page.goto(f"{site.url}/#/create")
    page.locator(".source-name").click()
    choice = page.locator(".choice", has_text="Image edit")
    expect(choice).to_contain_text("Needs ComfyUI")
    choice.locator(".choice-main").click()
    advice = page.locator(".advice")
    expect(advice).to_contain_text("This needs ComfyUI.")
    expect(advice.get_by_role("button", name="Install")).to_have_count(0)


def test_a_model_that_the_embedded_engine_pretends_to_have_is_no_file_that_is_here(
    page: Page,
) -> None:
    open_at(page, "workflows/text-to-image")
    models = page.locator(".card", has=page.get_by_role("heading", name="Models"))
    expect(models).to_contain_text("The embedded engine stands in for it")


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_names_labels_and_comments_are_text(page: Page, owner: httpx.Client, text: str) -> None:
    graph = text_to_image(text)
    graph["5"]["_meta"] = {"title": text}
    bring(page, f"{text.replace('/', '_')}.json", json.dumps(graph).encode())
    page.get_by_role("textbox", name="Name", exact=True).fill(text)
    page.locator(".wizard summary", has_text="Description").click()
    page.get_by_role("textbox", name="Description", exact=True).fill(text)
    page.locator(".input-open").first.click()
    page.locator(".input-editor").get_by_label("Label").fill(text)
    expect(page.locator(".preview")).to_contain_text(text)
    check(page)
    page.get_by_role("button", name="Save the workflow").click()
    expect(page.locator(".flow-head h1")).to_have_text(text)
    expect(page.locator(".flow-lead")).to_have_text(text)
    check(page)
    workflow = owner.get("/api/workflows", params={"q": text}).json()["items"][0]
    whole = owner.get(f"/api/workflows/{workflow['id']}").json()
    body = {"manifest": {**whole["manifest"], "tags": [text[:99]]}, "graph": graph}
    fields = {"comment": text, "base_version": 1}
    assert owner.put(f"/api/workflows/{workflow['id']}", json={**body, **fields}).status_code == 200
    page.reload()
    expect(page.locator("workflow-versions .row").first).to_contain_text(text)
    page.get_by_role("button", name="What changed in version 2").click()
    expect(page.locator(".changes")).to_contain_text(text)
    check(page)
    open_at(page, "workflows")
    expect(page.locator(".flow-card").filter(has_text=text).first).to_be_visible()
    check(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_part_fits_and_can_be_read(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
) -> None:
    long = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamte"
    workflow = made(owner, long, description=f"{long} " * 4, tags=[long])
    page = open_page(width, 740, color_scheme=scheme, storage_state=state, reduced_motion="reduce")
    page.goto(f"{site.url}/#/workflows")
    expect(page.locator(".flow-open", has_text=long).first).to_be_visible()
    check_looks(page, "list")
    assert_accessible(page)
    open_at(page, "workflows/wan22-image-to-video")
    expect(page.get_by_role("heading", name="What is missing")).to_be_visible()
    check_looks(page, "missing")
    assert_accessible(page)
    open_at(page, "workflows/new")
    expect(page.locator(".drop-zone")).to_be_visible()
    check_looks(page, "new")
    assert_accessible(page)
    open_at(page, f"workflows/{workflow['id']}")
    expect(page.locator(".flow-head h1")).to_have_text(long)
    check_looks(page, "detail")
    assert_accessible(page)
    open_at(page, f"workflows/{workflow['id']}/edit")
    page.locator(".input-open").nth(1).click()
    expect(page.locator(".preview-fields").first).to_be_visible()
    check_looks(page, "wizard")
    assert_accessible(page)
    page.get_by_role("tab", name="Text").click()
    expect(page.locator(".manifest-text")).to_be_visible()
    check_looks(page, "text")
    assert_accessible(page)


def test_on_a_phone_every_part_can_be_hit(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    workflow = made(owner, "For fingers")
    page = open_page(360, 740, has_touch=True, is_mobile=True, storage_state=state)
    page.goto(f"{site.url}/#/workflows")
    expect(page.locator(".flow-open", has_text="For fingers")).to_be_visible()
    check_for_fingers(page, "list")
    open_at(page, f"workflows/{workflow['id']}")
    expect(page.locator(".flow-head h1")).to_have_text("For fingers")
    check_for_fingers(page, "detail")
    open_at(page, f"workflows/{workflow['id']}/edit")
    page.locator(".input-open").nth(1).click()
    expect(page.locator(".preview-fields").first).to_be_visible()
    check_for_fingers(page, "wizard")


def test_a_folder_that_could_not_be_read_is_named_with_the_reason(
    page: Page, owner: httpx.Client
) -> None:
    listed = owner.get("/api/workflows").json()
    fault = {
        "folder": "broken",
        "code": "invalid_workflow",
        "message": "The file graph.json is no graph.",
        "details": {"file": "graph.json"},
    }
    page.route(
        lambda url: url.endswith(("/api/workflows", "/api/workflows?")) or "/api/workflows?" in url,
        lambda route: route.fulfill(json={**listed, "faults": [fault]}),
    )
    page.get_by_role("link", name="Workflows").click()
    told = page.locator(".flow-faults")
    told.locator("summary").click()
    expect(told.locator("li")).to_have_text("broken The file graph.json is no graph.")
