"""Variations of a form, and the grid that comes of them."""

from __future__ import annotations

import re

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.hands import add_lora
from tests.browser.test_hostile import HOSTILE, check


def vary(page: Page, name: str, text: str) -> None:
    page.get_by_role("button", name=f"Vary {name}", exact=True).click()
    page.locator("vary-field [name=text]").fill(text)
    page.get_by_role("button", name="Vary this").click()
    expect(page.locator("dialog")).to_have_count(0)


def test_two_fields_that_are_varied_make_a_grid(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox in a grid")
    page.locator("details.more summary").click()
    vary(page, "Steps", "1-3:2")
    vary(page, "CFG", "5, 7")
    page.get_by_role("button", name="Create 4").click()
    expect(page).to_have_url(re.compile("#/batch/"))
    expect(page.locator("h1")).to_have_text("a fox in a grid")
    expect(page.locator(".batch-grid thead th")).to_have_text(["5", "7"])
    expect(page.locator(".batch-grid tbody th")).to_have_text(["1", "3"])
    expect(page.locator(".batch-grid button.thumb img")).to_have_count(4)
    expect(page.locator("batch-view [role=status]").first).to_contain_text("4 of 4 done")
    page.locator(".batch-grid button.thumb").nth(1).click()
    expect(page.locator("dialog.lightbox img").first).to_be_visible()
    page.keyboard.press("Escape")
    with page.expect_download() as saved:
        page.get_by_role("link", name="As one picture").click()
    assert saved.value.suggested_filename.endswith(".png")
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_on_a_phone_three_columns_are_seen_and_a_cell_in_the_trash_says_so(
    page: Page, owner: httpx.Client
) -> None:
    page.fill("#prompt", "a fox on a phone")
    page.locator("details.more summary").click()
    vary(page, "Steps", "1, 2")
    vary(page, "CFG", "5, 7, 9")
    page.get_by_role("button", name="Create 6").click()
    thumbs = page.locator(".batch-grid button.thumb")
    expect(thumbs).to_have_count(6)
    expect(page.locator("batch-view [role=status]").first).to_contain_text("6 of 6 done")
    batch = owner.get(f"/api/batches/{page.url.rpartition('/')[2]}").json()
    (asset,) = batch["cells"][5]["assets"]
    trash = {"ids": [asset], "action": "trash"}
    assert owner.post("/api/library/actions", json=trash).status_code == 200
    page.set_viewport_size({"width": 360, "height": 740})
    page.reload()
    expect(page.locator(".batch-grid .thumb").last).to_have_text("In the trash")
    expect(thumbs.nth(2)).to_be_in_viewport(ratio=1)


def test_what_is_varied_outlives_a_reload_and_can_be_left(page: Page) -> None:
    page.fill("#prompt", "a fox not yet varied")
    vary(page, "Prompt", "a red fox\na grey fox")
    expect(page.locator(".varied")).to_contain_text("a red fox · a grey fox")
    page.reload()
    expect(page.get_by_role("button", name="Create 2")).to_be_visible()
    page.get_by_role("button", name="No longer vary Prompt").click()
    expect(page.get_by_role("button", name="Create", exact=True)).to_be_visible()


def test_lists_are_taken_side_by_side(page: Page, owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    vary(page, "Prompt", "a first fox\na second fox")
    page.get_by_role("button", name="Vary Seed", exact=True).click()
    page.locator("vary-field [name=text]").fill("1, 2")
    page.get_by_label("Side by side").check()
    page.get_by_role("button", name="Vary this").click()
    page.get_by_role("button", name="Vary Prompt", exact=True).wait_for(state="hidden")
    page.locator(".varied", has_text="a first fox").get_by_role("button", name="Change").click()
    page.get_by_label("Side by side").check()
    page.get_by_role("button", name="Vary this").click()
    page.get_by_role("button", name="Create 2").click()
    expect(page.locator(".batch-flow li")).to_have_count(2)
    page.get_by_role("button", name="Cancel the rest").click()
    expect(page.locator("batch-view [role=status]").first).to_contain_text("2 of 2 done")


def test_values_that_are_no_numbers_are_refused(page: Page) -> None:
    page.locator("details.more summary").click()
    page.get_by_role("button", name="Vary Steps", exact=True).click()
    page.locator("vary-field [name=text]").fill("5, many")
    page.get_by_role("button", name="Vary this").click()
    expect(page.locator("vary-field .error-text")).to_contain_text("at least one value that fits")


@pytest.mark.parametrize("text", HOSTILE[:2])
def test_labels_of_a_grid_are_text(page: Page, owner: httpx.Client, text: str) -> None:
    owner.post("/api/queue/pause")
    body = {
        "workflow_id": "text-to-image",
        "values": {"prompt": "a fox"},
        "axes": [
            {"input": "prompt", "values": ["a", "b"], "labels": [text, "b"]},
            {"input": "steps", "values": [1, 2], "labels": [text, "2"]},
        ],
        "title": text,
    }
    answer = owner.post("/api/batches", json=body)
    assert answer.status_code == 201, answer.text
    page.evaluate(f"location.hash = '#/batch/{answer.json()['id']}'")
    expect(page.locator("h1")).to_have_text(text)
    expect(page.locator(".batch-grid tbody th").first).to_have_text(text)
    check(page)


def test_the_list_says_how_much_of_a_batch_is_still_here(page: Page, owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    vary(page, "Prompt", "a fox that stays\na fox that goes\nanother that goes")
    page.get_by_role("button", name="Create 3").click()
    expect(page).to_have_url(re.compile("#/batch/"))
    batch = page.url.rpartition("/")[2]

    def in_a_year(route: Route) -> None:
        """What Studio answers once retention has taken two of the jobs."""
        answer = route.fetch()
        found = answer.json()
        for item in found["items"]:
            if item["id"] == batch:
                item["counts"] = {"queued": 1, "purged": 2}
        route.fulfill(response=answer, json=found)

    listed = page.locator(f'a[href="#/batch/{batch}"]')
    page.get_by_role("link", name="Batches and grids").click()
    expect(listed).to_contain_text("3 pictures")
    page.route("**/api/batches", in_a_year)
    page.reload()
    expect(listed).to_contain_text("1 of 3 are still here")


def test_the_answer_to_a_question_and_the_strength_of_a_lora_are_varied(
    page: Page, owner: httpx.Client
) -> None:
    add_lora(page, "embedded-vivid")
    page.fill("#prompt", "a [[Which animal?:fox|owl|hare]] in the [[place=Where?]]")
    page.get_by_role("button", name="Vary Strength of embedded-vivid").click()
    page.locator("vary-field [name=text]").fill("0.4, 0.8")
    page.get_by_role("button", name="Vary this").click()
    expect(page.locator("lora-input .varied")).to_contain_text("0.4 · 0.8")
    page.get_by_role("button", name="Vary Prompt", exact=True).click()
    page.get_by_label("What varies").select_option(label="The answer to “Which animal?”")
    dialog = page.locator("vary-field")
    expect(dialog.get_by_label("fox")).to_be_checked()
    dialog.get_by_label("owl").check()
    page.get_by_role("button", name="Vary this").click()
    expect(page.locator("varied-answers .varied")).to_contain_text("fox · owl")
    page.reload()
    page.get_by_role("button", name="Create 4").click()
    asked = page.locator("form.ask")
    expect(asked.locator("label")).to_have_text("Where?")
    asked.locator("input").fill("snow")
    asked.get_by_role("button", name="Create").click()
    expect(page.locator(".batch-grid thead th")).to_have_text(["fox", "owl"])
    expect(page.locator(".batch-grid tbody th")).to_have_text(["0.4", "0.8"])
    expect(page.locator(".batch-grid button.thumb img")).to_have_count(4)
    batch = owner.get(f"/api/batches/{page.url.rpartition('/')[2]}").json()
    recipe = owner.get(f"/api/jobs/{batch['cells'][-1]['job_id']}").json()["recipe"]
    assert recipe["values"]["loras"][0]["strength"] == 0.8
    assert recipe["values"]["prompt"] == "a owl in the snow"
    page.get_by_role("link", name="Create", exact=True).click()
    page.get_by_role("button", name="Remove embedded-vivid").click()
    expect(page.get_by_role("button", name="Create 2")).to_be_visible()
    page.get_by_role("button", name="No longer vary Which animal?").click()
    expect(page.get_by_role("button", name="Create", exact=True)).to_be_visible()


def test_everything_as_it_was_leaves_nothing_varied(page: Page) -> None:
    once = page.get_by_role("button", name="Create", exact=True)
    add_lora(page, "embedded-vivid")
    page.get_by_role("button", name="Vary Strength of embedded-vivid").click()
    page.locator("vary-field [name=text]").fill("0.4, 0.8")
    page.get_by_role("button", name="Vary this").click()
    vary(page, "Seed", "1, 2")
    expect(page.get_by_role("button", name="Create 4")).to_be_visible()
    page.get_by_role("button", name="More about this form").click()
    page.get_by_role("menuitem", name="Everything as it was").click()
    expect(once).to_be_visible()
    page.reload()
    expect(page.get_by_label("Add a LoRA")).to_be_visible()
    expect(once).to_be_visible()


def test_what_is_varied_and_no_longer_there_is_dropped(page: Page) -> None:
    vary(page, "Seed", "1, 2")
    page.evaluate("""() => {
        const kept = JSON.parse(localStorage.getItem('studio.create'));
        kept.varied['loras[0].strength'] = { values: [1, 2, 3] };
        kept.varied['of_yesterday'] = { values: [1, 2, 3] };
        localStorage.setItem('studio.create', JSON.stringify(kept));
    }""")
    page.reload()
    expect(page.get_by_role("button", name="Create 2", exact=True)).to_be_visible()
