"""Fields of the form that take more than words: files, masks, LoRAs, scenes, saved prompts."""

from __future__ import annotations

import io
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.api.graphs import fresh_png, upload, wait_ended
from tests.browser.hands import add_lora
from tests.browser.test_create_view import jobs_of, values_of


def take_up(page: Page, workflow: str) -> None:
    """Begin with another workflow."""
    page.locator(".source-name").click()
    page.get_by_role("searchbox").fill(workflow)
    page.locator(".choice-main", has_text=workflow).first.click()
    expect(page.locator(".source-name")).to_contain_text(workflow)


def png_file(name: str) -> Any:
    return {"name": name, "mimeType": "image/png", "buffer": fresh_png()}


def test_a_picture_is_uploaded_and_used(page: Page, owner: httpx.Client) -> None:
    take_up(page, "Image to image")
    page.locator("file-input input[type=file]").set_input_files(png_file("fox.png"))
    expect(page.locator(".file-list .file-name")).to_have_text("fox.png")
    page.fill("#prompt", "a fox over a picture")
    page.locator("#prompt").press("Enter")
    expect(page.get_by_role("button", name="Open “a fox over a picture”")).to_be_visible()
    [job] = jobs_of(owner, "a fox over a picture")
    assert set(values_of(owner, job)["image"]) == {"asset"}
    page.reload()
    expect(page.locator(".file-list .file-name")).to_have_text("fox.png")
    page.get_by_role("button", name="Remove fox.png").click()
    expect(page.locator(".file-list")).to_have_count(0)


def test_a_picture_is_taken_from_the_library(page: Page, owner: httpx.Client) -> None:
    job = owner.post("/api/create", json={"prompt": "a fox to take", "steps": 1}).json()
    wait_ended(owner, job["id"])
    take_up(page, "Image to image")
    page.get_by_role("button", name="From the library").click()
    page.locator("library-picker .thumb").first.click()
    expect(page.locator(".file-list img")).to_have_js_property("complete", True)
    expect(page.locator(".file-list li")).to_have_count(1)


def test_a_result_becomes_the_next_input(page: Page, owner: httpx.Client) -> None:
    job = owner.post("/api/create", json={"prompt": "a fox to build on", "steps": 1}).json()
    done = wait_ended(owner, job["id"])
    page.get_by_role("button", name="More for “a fox to build on”").first.click()
    page.get_by_role("menuitem", name="Use as input").click()
    expect(page.locator(".source-name")).to_contain_text("Image to image")
    expect(page.locator(".file-list img")).to_have_attribute(
        "src", f"/api/assets/{done['outputs'][0]['id']}/thumbnail?size=large"
    )


def test_a_mask_is_painted_over_its_picture(page: Page, owner: httpx.Client) -> None:
    take_up(page, "Inpainting")
    page.get_by_role("button", name="Paint", exact=True).click()
    expect(page.locator(".notice")).to_contain_text("Choose the picture")
    page.locator("[data-input=image] input[type=file]").set_input_files(png_file("fox.png"))
    expect(page.locator("[data-input=image] .file-name")).to_have_text("fox.png")
    page.get_by_role("button", name="Paint", exact=True).click()
    canvas = page.locator("mask-painter canvas")
    expect(canvas).to_be_visible()
    page.wait_for_function("document.querySelector('mask-painter').brush")
    width, height = canvas.evaluate("each => [each.width, each.height]")
    page.get_by_role("slider", name="Size of the brush").fill("40")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2 + 2, box["y"] + box["height"] / 2)
    page.mouse.up()
    page.get_by_role("button", name="Use the mask").click()
    expect(page.locator("[data-input=mask] .file-name")).to_have_text("mask.png")
    source = page.locator("[data-input=mask] img").get_attribute("src") or ""
    asset = source.split("/")[3]
    mask = Image.open(io.BytesIO(owner.get(f"/api/v2/assets/{asset}/content").content)).convert("L")
    assert mask.size == (width, height)
    assert mask.getpixel((width // 2, height // 2)) == 255
    assert mask.getpixel((0, 0)) == 0


def test_loras_have_strengths(page: Page, owner: httpx.Client) -> None:
    add_lora(page, "embedded-vivid")
    page.get_by_role("spinbutton", name="Strength of embedded-vivid").fill("0.6")
    page.get_by_role("spinbutton", name="Strength of embedded-vivid").press("Tab")
    page.fill("#prompt", "a fox with a style")
    page.locator("#prompt").press("Enter")
    expect(page.get_by_role("button", name="Open “a fox with a style”")).to_be_visible()
    [job] = jobs_of(owner, "a fox with a style")
    assert values_of(owner, job)["loras"][0]["strength"] == 0.6


def test_models_of_two_passes_take_pairs_and_scenes_have_an_order(page: Page) -> None:
    take_up(page, "Scenes to video")
    add_lora(page, "embedded-vivid")
    page.get_by_label("Pair").check()
    expect(page.get_by_label("File of the second pass")).to_be_visible()
    page.get_by_role("button", name="Add a scene").click()
    page.get_by_label("Scene 1", exact=True).fill("a fox wakes")
    page.get_by_role("button", name="Add a scene").click()
    page.get_by_label("Scene 2", exact=True).fill("it runs")
    expect(page.locator("scene-input")).to_contain_text("10 seconds in all")
    page.get_by_role("button", name="Move scene 2 up").click()
    expect(page.get_by_label("Scene 1", exact=True)).to_have_value("it runs")


def test_a_prompt_is_saved_and_taken_again(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox worth keeping")
    page.get_by_role("button", name="Saved prompts for Prompt").click()
    page.get_by_label("Name for the present text").fill("My fox")
    page.locator("saved-prompts").get_by_role("button", name="Save").click()
    expect(page.locator("saved-prompts .row")).to_contain_text(["My fox"])
    page.keyboard.press("Escape")
    page.fill("#prompt", "something else")
    page.get_by_role("button", name="Saved prompts for Prompt").click()
    page.locator(".prompt-row", has_text="My fox").click()
    expect(page.locator("#prompt")).to_have_value("a fox worth keeping")


def test_word_lists_are_written_beside_the_prompts(page: Page, owner: httpx.Client) -> None:
    page.get_by_role("button", name="Saved prompts for Prompt").click()
    page.get_by_text("Word lists").click()
    page.get_by_role("button", name="New list").click()
    page.get_by_label("Name, such as colours").fill("fur")
    page.get_by_label("One choice on each line").fill("red\ngrey")
    page.locator(".list-form").get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Edit fur").click()
    expect(page.get_by_label("One choice on each line")).to_have_value("red\ngrey")
    page.get_by_role("button", name="__fur__", exact=True).click()
    expect(page.locator("#prompt")).to_have_value("__fur__")
    assert owner.get("/api/wildcards/fur").json()["text"] == "red\ngrey"


@pytest.mark.parametrize("kind", ["drop", "paste"])
def test_a_picture_is_dropped_or_pasted_into_its_field(page: Page, kind: str) -> None:
    take_up(page, "Image to image")
    page.evaluate(
        """([kind, bytes]) => {
            const transfer = new DataTransfer();
            const parts = [new Uint8Array(bytes)];
            transfer.items.add(new File(parts, 'brought.png', { type: 'image/png' }));
            const options = { bubbles: true, cancelable: true };
            const event = kind === 'drop'
                ? new DragEvent('drop', { dataTransfer: transfer, ...options })
                : new ClipboardEvent('paste', { clipboardData: transfer, ...options });
            document.querySelector('file-input .files').dispatchEvent(event);
        }""",
        [kind, list(fresh_png())],
    )
    expect(page.locator(".file-list .file-name")).to_have_text("brought.png")


def test_an_asset_that_is_gone_leaves_a_field_that_can_be_filled_again(
    page: Page, owner: httpx.Client
) -> None:
    asset = upload(owner, fresh_png(), "gone.png")
    page.evaluate(
        """(asset) => localStorage.setItem('studio.create', JSON.stringify({
            workflowId: 'image-to-image', values: { image: { asset, name: 'gone.png' } },
        }))""",
        asset["id"],
    )
    assert owner.delete(f"/api/v2/assets/{asset['id']}").status_code == 204
    page.reload()
    expect(page.locator(".file-list .is-missing")).to_be_visible()
    page.fill("#prompt", "a fox over nothing")
    page.locator("#prompt").press("Enter")
    expect(page.locator("prompt-composer .error-text")).to_be_visible()
