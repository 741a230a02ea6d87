"""What people write is shown as text, in every view."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import fresh_png, invert, solid, upload, wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage

HOSTILE = [
    "<img src=x onerror=window.pwned=1>",
    "<script>window.pwned=1</script>",
    '"><svg/onload=window.pwned=1>',
    "javascript:window.pwned=1//",
    "</textarea><iframe srcdoc='<script>top.pwned=1</script>'>",
    "${window.pwned=1}{{constructor.constructor('window.pwned=1')()}}",
]
MADE_BY_TEXT = (
    "script:not([src])",
    "iframe",
    "img[src=x]",
    "[onerror]",
    "[onload]",
    "a[href^=java]",
)
DROP = """([name, text]) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([text], name, { type: 'application/json' }));
    for (const kind of ['dragenter', 'dragover', 'drop'])
        dispatchEvent(new DragEvent(kind, { dataTransfer: transfer, cancelable: true }));
}"""


def check(page: Page) -> None:
    assert page.evaluate("window.pwned") is None
    for selector in MADE_BY_TEXT:
        assert page.locator(f"body {selector}").count() == 0, selector


def test_a_prompt_is_text_wherever_it_is_shown(page: Page, owner: httpx.Client) -> None:
    for text in HOSTILE:
        job = owner.post("/api/create", json={"prompt": text, "steps": 1}).json()
        wait_ended(owner, job["id"])
        page.get_by_role("link", name="Create", exact=True).click()
        tile = page.locator(".tile.is-picture").first
        expect(tile).to_have_attribute("aria-label", f"Open “{text}”")
        check(page)
        tile.click()
        expect(page.locator(".prompt-text p").first).to_have_text(text)
        lightbox = page.get_by_role("dialog", name="Picture")
        lightbox.get_by_role("button", name="Use again").click()
        page.get_by_role("menuitem", name="Everything").click()
        expect(page.locator("#prompt")).to_have_value(text)
        check(page)
        page.get_by_role("link", name="Queue").click()
        expect(page.locator(".row-title").first).to_have_text(text)
        check(page)
        page.get_by_role("link", name="Library").click()
        page.get_by_label("Search prompts").fill(f"nothing {text}")
        expect(page.locator(".empty")).to_contain_text(text)
        check(page)


@pytest.mark.parametrize("text", HOSTILE[:4])
def test_names_of_graphs_files_nodes_and_keys_are_text(
    page: Page, owner: httpx.Client, text: str
) -> None:
    name = text.replace("/", "_")
    graph: dict[str, Any] = invert(f"{name}.png")
    graph["1"]["_meta"] = {"title": text}
    graph["note"] = {"class_type": f"Text {text}", "inputs": {"text": text}}
    page.evaluate("() => customElements.whenDefined('drop-sheet').then(() => true)")
    page.evaluate(DROP, [f"{name}.json", json.dumps(graph)])
    expect(page.locator("graph-panel h2")).to_have_text(f"{name}.json")
    expect(page.locator("graph-panel blockquote")).to_have_text(text)
    expect(page.locator("graph-panel .field")).to_contain_text(text)
    page.locator("graph-panel input[type=file]").set_input_files(
        {"name": f"{name}.png", "mimeType": "image/png", "buffer": fresh_png()}
    )
    page.get_by_role("button", name="Run it").click()
    expect(page.locator("graph-panel .error-text")).to_contain_text("invalid_workflow")
    check(page)
    assert owner.post("/api/keys", json={"name": text}).status_code == 201
    page.get_by_role("link", name="Settings").click()
    page.get_by_role("link", name="API keys").click()
    expect(page.locator("api-keys .row-title", has_text=text).first).to_be_visible()
    check(page)


def test_a_file_that_is_a_page_is_never_one_of_studios(page: Page, owner: httpx.Client) -> None:
    asset = upload(owner, b"<!doctype html><script>window.pwned=1</script>", "evil.html")
    with page.expect_download():
        page.evaluate(f"location.href = '/api/v2/assets/{asset['id']}/content'")
    check(page)


def test_titles_and_names_of_browsers_are_text(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    job = owner.post("/api/jobs", json={"workflow": solid("x"), "title": HOSTILE[0]}).json()
    wait_ended(owner, job["id"])
    page = open_page(storage_state=state, user_agent=HOSTILE[0])
    page.goto(f"{site.url}/#/settings")
    expect(page.locator("account-sessions .row").first).to_be_visible()
    check(page)
    page.goto(f"{site.url}/#/library")
    shown = page.get_by_role("option", name=HOSTILE[0]).first
    expect(shown).to_be_visible()
    shown.click()
    expect(page.locator(".title-field")).to_have_value(HOSTILE[0])
    check(page)
