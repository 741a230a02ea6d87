"""What is offered for models that a workflow lacks: its size, its source, and a link by hand."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.test_first_day import PAINTS_MS
from tests.browser.test_missing_models import (
    EMBEDDED,
    MODEL,
    SIZES,
    STYLE,
    Place,
    bar,
    drop,
    place,
    row,
    saved_by_the_editor,
)

__all__ = ["place"]


@EMBEDDED
@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_what_nobody_has_is_installed_by_its_link_and_then_nothing_more_is_said_of_models(
    size: dict[str, int],
    place: Place,
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
) -> None:
    unknown = "nobody-has-it.safetensors"
    saved = saved_by_the_editor()
    [style] = [each for each in saved["nodes"] if each["type"] == "LoraLoader"]
    del style["properties"]
    style["widgets_values"][0] = unknown
    page = open_page(**size, storage_state=place.state)
    page.goto(place.studio.url)
    expect(page.locator("#prompt, .advice").first).to_be_visible()
    drop(page, "harbour.json", json.dumps(saved).encode())
    expect(page.get_by_role("button", name="Install 1 of 2")).to_be_visible()
    page.get_by_role("button", name="Look at Hugging Face and Civitai").click()
    link = row(page, unknown).get_by_label(f"Link or reference for {unknown}")
    link.fill(f"hf:harbour/models/{STYLE}@main")
    assert_accessible(page)
    link.press("Enter")
    expect(bar(page, unknown)).to_be_visible()
    place.let_go()
    page.get_by_role("button", name=f"Install {MODEL}", exact=True).click()
    expect(page.get_by_role("heading", name="What does it ask for?")).to_be_visible()
    # The card of what is missing goes as a whole: it stayed and said that all models are here.
    expect(page.locator("missing-models")).to_be_hidden(timeout=PAINTS_MS)
    assert (place.models / "loras" / unknown).read_bytes() == place.served[STYLE].content


@EMBEDDED
def test_where_the_workflow_says_only_an_address_the_catalog_says_how_large_it_is(
    place: Place, open_page: OpenPage
) -> None:
    file = "v1-5-pruned-emaonly-fp16.safetensors"
    url = f"https://huggingface.co/Comfy-Org/stable-diffusion-v1-5-archive/resolve/main/{file}"
    saved = saved_by_the_editor()
    saved["nodes"][0]["properties"] = {
        "models": [{"name": file, "url": url, "directory": "checkpoints"}]
    }
    saved["nodes"][0]["widgets_values"] = [file]
    page = open_page(storage_state=place.state)
    page.goto(place.studio.url)
    expect(page.locator("#prompt, .advice").first).to_be_visible()
    drop(page, "harbour.json", json.dumps(saved).encode())
    expect(row(page, file)).to_contain_text("2.1 GB")
    expect(row(page, file)).to_contain_text("licence creativeml-openrail-m")
    # The other one is the only one whose size nobody knows.
    expect(page.get_by_role("button", name="Ask how large it is")).to_be_visible()
