"""A form behind a link on a phone: a mask is painted, a LoRA added, a picture seen as it grows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.api.graphs import png
from tests.api.presets import good, preset
from tests.api.studio_process import RunningStudio
from tests.api.test_share_extras import MASK_GRAPH, MASK_MANIFEST
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.test_shared_pages import PHONE, assert_fits, link_to


def paint(page: Page) -> None:
    """One stroke across the picture in the painter."""
    canvas = page.locator("mask-painter canvas")
    expect(canvas).to_be_visible()
    expect(canvas).to_have_js_property("width", 64)
    page.locator("dialog").evaluate(
        "(each) => Promise.all(each.getAnimations({subtree: true}).map(({finished}) => finished))"
    )
    page.get_by_role("slider", name="Size of the brush").fill("20")
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.5)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.5, steps=5)
    page.mouse.up()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_stranger_paints_a_mask_over_their_picture(
    open_page: OpenPage,
    site: RunningStudio,
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
    tmp_path: Path,
    scheme: str,
) -> None:
    body = {"manifest": MASK_MANIFEST, "graph": MASK_GRAPH}
    workflow = good(owner.post("/api/workflows", json=body), 201)
    made = {"name": f"Cut out, {scheme}", "workflow_id": workflow["id"]}
    url = link_to(owner, "preset", good(owner.post("/api/presets", json=made), 201)["id"])
    page = open_page(**PHONE, color_scheme=scheme)
    page.goto(url)
    page.get_by_role("button", name="Paint a mask").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose a picture first")
    picture = tmp_path / "photo.png"
    picture.write_bytes(png("teal", (64, 64)))
    page.get_by_label("photo", exact=True).set_input_files(picture)
    expect(page.get_by_text("Ready")).to_be_visible()
    page.get_by_role("button", name="Paint a mask").click()
    paint(page)
    assert_fits(page)
    assert_accessible(page)
    page.get_by_role("button", name="Use the mask").click()
    expect(page.get_by_text("Ready")).to_have_count(2)
    page.get_by_role("button", name="Create").click()
    result = page.get_by_role("img", name="Your result")
    expect(result).to_have_js_property("complete", True)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    with Image.open(download.value.path()) as image:
        # Only what was painted over is another colour.
        reds = [image.getchannel("R").getpixel(at) for at in ((32, 32), (32, 60))]
    assert reds == [255, 0]
    assert_fits(page)
    assert_accessible(page)


def test_a_stranger_adds_a_lora_and_watches_the_picture_grow(
    open_page: OpenPage,
    site: RunningStudio,
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    made = good(owner.post("/api/presets", json=preset(name="Dressed")), 201)
    page = open_page(**PHONE)
    page.goto(link_to(owner, "preset", made["id"], fields=["loras"]))
    page.get_by_label("Which animal?").select_option("owl")
    page.get_by_role("combobox", name="Add to LoRAs").select_option(label="embedded-vivid")
    page.get_by_role("slider", name="Strength of embedded-vivid").fill("0.5")
    assert_fits(page)
    assert_accessible(page)
    unfinished = png("gray", (64, 64))
    held: list[Any] = []

    def runs(route: Route) -> None:
        """What Studio answers, but for how far the first answers say that it is."""
        answer = route.fetch()
        if route.request.method == "POST" or len(held) > 1:
            route.fulfill(response=answer)
            return
        items = answer.json()["items"]
        held.append(items)
        now: dict[str, Any] = {
            "status": "running",
            "completed_at": None,
            "outputs": [],
            "preview": "a1",
        }
        route.fulfill(json={"items": [{**run, **now, "progress": 0.5} for run in items]})

    page.route("**/runs", runs)
    page.route(
        "**/preview?*", lambda route: route.fulfill(body=unfinished, content_type="image/png")
    )
    page.get_by_role("button", name="Create").click()
    preview = page.get_by_role("img", name="Your picture as it is now")
    expect(preview).to_be_visible()
    expect(page.get_by_text("Working, 50 %")).to_be_visible()
    expect(page.get_by_role("img", name="Your result")).to_have_js_property("complete", True)
    expect(preview).to_have_count(0)
    [job] = [one for one in good(owner.get("/api/jobs"))["jobs"] if one["origin"] == "share"][:1]
    graph = good(owner.get(f"/api/v2/jobs/{job['id']}/workflow"))["workflow"]
    assert "embedded-vivid" in str(graph)
    assert_fits(page)
