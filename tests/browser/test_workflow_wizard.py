"""A workflow that is brought is described in the wizard, and then one that runs."""

from __future__ import annotations

import io
import json
from typing import Any

import httpx
import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import Page, expect

from tests.api.graphs import solid, text_to_image, wait_ended
from tests.browser.workflow_pages import bring, made, open_at

SAVED: dict[str, Any] = {
    "last_node_id": 2,
    "last_link_id": 1,
    "nodes": [
        {
            "id": 1,
            "type": "EmptyImage",
            "title": "Blue",
            "inputs": [],
            "outputs": [{"name": "IMAGE", "type": "IMAGE", "links": [1]}],
            "widgets_values": [64, 64, 1, 255],
        },
        {
            "id": 2,
            "type": "SaveImage",
            "inputs": [{"name": "images", "type": "IMAGE", "link": 1}],
            "outputs": [],
            "widgets_values": ["blue"],
        },
    ],
    "links": [[1, 1, 0, 2, 0, "IMAGE"]],
    "version": 0.4,
}
"""What ComfyUI's editor saves of a graph of two nodes."""


def picture_of(workflow: dict[str, Any]) -> bytes:
    """A picture that carries what the editor saved."""
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", json.dumps(workflow))
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), "blue").save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


DROP = """([name, type, bytes]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([new Uint8Array(bytes)], name, { type }));
    for (const kind of ['dragenter', 'dragover', 'drop'])
        document.body.dispatchEvent(
            new DragEvent(kind, { dataTransfer: transfer, cancelable: true, bubbles: true }));
}"""


def test_a_picture_with_an_editors_workflow_becomes_one_that_runs(
    page: Page, owner: httpx.Client
) -> None:
    open_at(page, "workflows")
    expect(page.locator(".flow-open", has_text="Batch resize")).to_be_visible()
    page.evaluate(DROP, ["blue_sky.png", "image/png", list(picture_of(SAVED))])
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Blue sky")
    expect(page.locator(".preview")).to_contain_text("Size")
    color = page.get_by_role("button", name="color 255")
    expect(color).to_have_attribute("aria-pressed", "false")
    color.click()
    expect(color).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".preview").get_by_label("Color")).to_have_value("255")
    page.get_by_role("button", name="Save the workflow").click()
    expect(page.get_by_role("heading", name="Blue sky", level=1)).to_be_visible()
    page.get_by_role("link", name="Run it").click()
    expect(page.get_by_role("spinbutton", name="Color")).to_have_value("255")
    [item] = owner.get("/api/workflows?q=blue+sky").json()["items"]
    values = {"color": 16711680, "size": {"width": 16, "height": 16}}
    answer = owner.post(f"/api/workflows/{item['id']}/run", json={"values": values})
    assert answer.status_code == 201, answer.text
    assert wait_ended(owner, answer.json()["jobs"][0]["id"])["status"] == "succeeded"


def test_inputs_are_changed_moved_and_removed_and_the_form_follows(
    page: Page, owner: httpx.Client
) -> None:
    bring(page, "fox.json", json.dumps(text_to_image()).encode())
    page.get_by_role("textbox", name="Name", exact=True).fill("Foxes")
    rows = page.locator(".input-row")
    empty = page.locator(".wizard .icon path").evaluate_all(
        "paths => paths.filter((path) => !/^M/.test(path.getAttribute('d'))).length"
    )
    assert empty == 0, "an icon without an outline"
    rows.nth(0).locator(".input-open").click()
    rows.nth(0).get_by_label("Label").fill("What to see")
    expect(page.locator(".preview").get_by_label("What to see")).to_have_value("a red fox")
    rows.nth(0).locator(".input-open").press("Alt+ArrowDown")
    expect(rows.nth(1)).to_contain_text("What to see")
    expect(rows.nth(1).locator(".input-open")).to_be_focused()
    page.get_by_role("button", name="Remove CFG").click()
    expect(page.locator(".notice")).to_contain_text("“CFG” is not asked for any more.")
    expect(rows.filter(has_text="CFG")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(rows.filter(has_text="CFG")).to_have_count(1)
    page.get_by_role("button", name="Save the workflow").click()
    expect(page.get_by_role("heading", name="Foxes", level=1)).to_be_visible()
    [item] = owner.get("/api/workflows?q=foxes").json()["items"]
    manifest = owner.get(f"/api/workflows/{item['id']}").json()["manifest"]
    names = [each["name"] for each in manifest["inputs"]]
    assert names[:2] == ["Negative prompt", "What to see"]
    assert "CFG" in names


def test_what_cannot_be_saved_is_said_at_its_input(page: Page) -> None:
    bring(page, "fox.json", json.dumps(text_to_image()).encode())
    row = page.locator(".input-row").filter(has_text="Steps")
    row.locator(".input-open").click()
    row.get_by_label("Least").fill("50")
    row.get_by_label("Most").fill("5")
    row.get_by_label("Most").press("Tab")
    expect(row.locator(".error-text")).to_contain_text("min (50) is above max (5)")
    save = page.get_by_role("button", name="Save the workflow")
    expect(save).to_be_disabled()
    row.get_by_label("Most").fill("60")
    row.get_by_label("Most").press("Tab")
    expect(save).to_be_enabled()


def test_the_text_of_a_manifest_names_the_line_of_a_fault(page: Page) -> None:
    bring(page, "fox.json", json.dumps(text_to_image()).encode())
    page.get_by_role("tab", name="Form").press("ArrowRight")
    text = page.get_by_role("textbox", name="The manifest")
    before = text.input_value()
    wrong = before.replace("type: seed", "type: sead")
    text.fill(wrong)
    line = wrong.split("\n").index("    type: sead") + 1
    expect(page.locator("#manifest-problems")).to_contain_text("“sead” is none of")
    page.get_by_role("button", name=f"Line {line}", exact=True).click()
    start = text.evaluate("area => area.value.slice(area.selectionStart, area.selectionEnd)")
    assert start == "    type: sead"
    text.fill(before.replace("name: Seed", "name: Chance"))
    expect(page.get_by_role("button", name="Save the workflow")).to_be_enabled()
    page.get_by_role("tab", name="Form").click()
    expect(page.locator(".input-row").filter(has_text="Chance")).to_have_count(1)


def test_a_manifest_written_as_text_is_read_as_the_same_data(
    page: Page, owner: httpx.Client
) -> None:
    """Every shipped manifest passes through the page's YAML and comes back as it was."""
    for item in owner.get("/api/workflows").json()["items"]:
        if not item["shipped"]:
            continue
        whole = owner.get(f"/api/workflows/{item['id']}").json()
        text = page.evaluate(
            """async (manifest) =>
                (await import('/static/js/models/yaml.js')).toYaml(manifest)""",
            whole["manifest"],
        )
        body = {"manifest": text, "graph": whole["graph"]}
        answer = owner.post("/api/workflows/check", json=body)
        assert answer.status_code == 200, (item["id"], answer.text)
        assert answer.json()["manifest"] == whole["manifest"], item["id"]


def test_what_was_begun_survives_a_reload_and_a_discard_can_be_undone(page: Page) -> None:
    bring(page, "fox.json", json.dumps(text_to_image()).encode())
    name = page.get_by_role("textbox", name="Name", exact=True)
    name.fill("Half a thought")
    page.reload()
    expect(name).to_have_value("Half a thought")
    page.get_by_role("button", name="Discard").click()
    expect(page.get_by_role("heading", name="Workflows", level=1)).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(name).to_have_value("Half a thought")


def test_somebody_elses_save_meanwhile_is_told_and_nothing_is_lost(
    page: Page, owner: httpx.Client
) -> None:
    workflow = made(owner, "Two at once")
    open_at(page, f"workflows/{workflow['id']}/edit")
    page.get_by_role("textbox", name="Name", exact=True).fill("Mine wins")
    body = {key: workflow[key] for key in ("manifest", "graph")}
    path = f"/api/workflows/{workflow['id']}"
    assert owner.put(path, json={**body, "base_version": 1}).status_code == 200
    page.get_by_role("button", name="Save version").click()
    expect(page.locator(".wizard-foot .error-text code")).to_have_text("version_conflict")
    page.get_by_role("button", name="Save on top of it").click()
    expect(page.get_by_role("heading", name="Mine wins", level=1)).to_be_visible()
    assert owner.get(path).json()["version"] == 3


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("torn.json", b"{", "not valid JSON"),
        ("note.txt", b"no workflow at all", "carries no workflow"),
        ("plain.png", b"\x89PNG\r\n\x1a\n", "carries no workflow"),
    ],
)
def test_a_file_without_a_workflow_is_refused_in_words(
    page: Page, name: str, content: bytes, words: str
) -> None:
    bring(page, name, content, "application/octet-stream")
    expect(page.locator(".problem .error-text")).to_contain_text(words)
    expect(page.locator(".drop-zone")).to_be_visible()


def test_the_keyboard_alone_brings_a_workflow_and_saves_it(page: Page, owner: httpx.Client) -> None:
    open_at(page, "workflows")
    page.get_by_role("link", name="Bring a workflow").press("Enter")
    choose = page.locator(".drop-zone input")
    expect(choose).to_be_enabled()
    with page.expect_file_chooser() as chooser:
        choose.press("Enter")
    graph = json.dumps(solid("keys")).encode()
    chooser.value.set_files({"name": "keys.json", "mimeType": "text/plain", "buffer": graph})
    page.get_by_role("textbox", name="Name", exact=True).press("ControlOrMeta+a")
    page.keyboard.type("Made with keys")
    field = page.get_by_role("button", name="batch_size 1")
    field.press("Enter")
    expect(page.get_by_role("button", name="Remove Batch size")).to_have_count(0)
    expect(field).to_have_attribute("aria-pressed", "false")
    field.press("Enter")
    expect(field).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Save the workflow").press("Enter")
    expect(page.get_by_role("heading", name="Made with keys", level=1)).to_be_visible()
    assert owner.get("/api/workflows?q=made+with+keys").json()["total"] == 1


def test_a_dropped_workflow_gives_way_to_the_next_and_comes_back(page: Page) -> None:
    bring(page, "first.json", json.dumps(text_to_image()).encode())
    name = page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_have_value("First")
    page.evaluate(DROP, ["second.json", "application/json", list(json.dumps(solid("s")).encode())])
    expect(name).to_have_value("Second")
    page.get_by_role("button", name="Undo").click()
    expect(name).to_have_value("First")


def test_another_export_of_the_same_graph_keeps_what_is_asked_for(
    page: Page, owner: httpx.Client
) -> None:
    """Nodes have other numbers there; their classes and titles are the same."""
    named = text_to_image()
    named["2"]["_meta"], named["3"]["_meta"] = {"title": "Wanted"}, {"title": "Unwanted"}
    workflow = made(owner, "Exported twice", named)
    open_at(page, f"workflows/{workflow['id']}/edit")
    text = json.dumps(workflow["graph"])
    for number in "1234567":
        text = text.replace(f'"{number}":', f'"4{number}":').replace(
            f'["{number}",', f'["4{number}",'
        )
    graph = json.loads(text)
    graph["45"]["inputs"]["steps"] = 7
    page.locator(".take-graph input").set_input_files(
        {"name": "again.json", "mimeType": "text/plain", "buffer": json.dumps(graph).encode()}
    )
    expect(page.locator(".notice")).to_contain_text("The graph is another one now.")
    expect(page.get_by_role("button", name="steps 7")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Save version").click()
    expect(page.locator("workflow-versions .row").first).to_contain_text("Version 2")
    path = f"/api/workflows/{workflow['id']}"
    answer = owner.post(f"{path}/compile", json={"values": {"steps": 3}})
    assert answer.json()["graph"]["45"]["inputs"]["steps"] == 3
