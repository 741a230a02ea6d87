"""Programs in Settings: what draws under which name, and how a program is told where Studio is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from openai import OpenAI
from playwright.sync_api import Page, expect

from tests.api.studio_process import OWNER_KEY, RunningStudio
from tests.browser.conftest import AssertAccessible, OpenPage


@pytest.fixture
def preset(owner: httpx.Client) -> Iterator[dict[str, Any]]:
    """A saved preset, which is gone when the test is over."""
    body = {
        "name": "Small foxes",
        "workflow_id": "text-to-image",
        "values": {"size": {"width": 64, "height": 128}, "steps": 2},
    }
    saved = owner.post("/api/presets", json=body).json()
    yield saved
    owner.delete("/api/drawing-models/foxes")
    owner.delete(f"/api/presets/{saved['id']}")


def programs(open_page: OpenPage, site: RunningStudio, state: dict[str, Any], **more: Any) -> Page:
    """The section on a phone."""
    page = open_page(360, 740, storage_state=state, reduced_motion="reduce", **more)
    page.goto(f"{site.url}/#/settings/programs")
    expect(page.locator("settings-drawing-models .row").first).to_be_visible()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_section_fits_a_phone_and_keeps_nobody_out(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    assert_accessible: AssertAccessible,
    scheme: str,
) -> None:
    page = programs(open_page, site, state, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert_accessible(page)
    page.get_by_role("button", name="Add a name").click()
    expect(page.get_by_role("dialog", name="What draws")).to_be_visible()
    assert_accessible(page)


def test_a_preset_is_given_a_name_and_draws_under_it(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], preset: dict[str, Any]
) -> None:
    page = programs(open_page, site, state)
    page.get_by_role("button", name="Add a name").click()
    dialog = page.get_by_role("dialog", name="What draws")
    dialog.get_by_role("textbox", name="Name").fill("foxes")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_role("alert")).to_contain_text("generate, edit, or both")
    dialog.get_by_label("Pictures from words").select_option(label=preset["name"])
    dialog.get_by_text("Which input takes what").click()
    dialog.get_by_role("combobox", name="Prompt", exact=True).select_option("negative")
    dialog.get_by_role("combobox", name="Prompt", exact=True).select_option("prompt")
    dialog.get_by_role("button", name="Save").click()
    row = page.locator("settings-drawing-models .row", has_text="foxes")
    expect(row).to_contain_text("Draws with “Small foxes”")
    with OpenAI(base_url=f"{site.url}/v1", api_key=OWNER_KEY, max_retries=0) as program:
        made = program.images.generate(model="foxes", prompt="a fox")
    assert made.data is not None
    assert made.data[0].b64_json

    row.get_by_role("button", name="Change").click()
    expect(dialog.get_by_label("Pictures from words")).to_have_value(f"preset:{preset['id']}")
    expect(dialog.get_by_role("textbox", name="Name")).to_have_value("foxes")
    dialog.get_by_role("button", name="Cancel").click()
    row.get_by_role("button", name="Remove").click()
    expect(row).to_have_count(0)
    expect(page.locator("settings-drawing-models .row")).to_have_count(1)


def test_how_programs_are_set_up_can_be_copied(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = programs(open_page, site, state, permissions=["clipboard-read", "clipboard-write"])
    expect(page.get_by_label("Address for OpenAI’s clients").first).to_have_value(f"{site.url}/v1")
    page.get_by_role("button", name="Agents", exact=True).click()
    page.get_by_role("button", name="Copy", exact=True).click()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert f'"url": "{site.url}/mcp"' in copied
    page.get_by_role("button", name="Agents, by a bridge").click()
    page.get_by_role("button", name="Copy", exact=True).click()
    bridge = json.loads(page.evaluate("navigator.clipboard.readText()"))["mcpServers"]["studio"]
    assert bridge["args"][:3] == ["-y", "mcp-remote", f"{site.url}/mcp"]
    assert "--allow-http" not in bridge["args"]
    assert bridge["args"][-1] == "Authorization:${STUDIO_KEY}"
    assert bridge["env"] == {"STUDIO_KEY": "Bearer studio_..."}
    assert OWNER_KEY not in page.content()


def test_a_member_sees_what_draws_and_changes_nothing(
    open_page: OpenPage, site: RunningStudio, member_state: dict[str, Any]
) -> None:
    page = programs(open_page, site, member_state)
    expect(page.locator("settings-drawing-models .row")).to_contain_text("Text to image")
    expect(page.get_by_role("button", name="Add a name")).to_have_count(0)
    expect(page.get_by_role("button", name="Change")).to_have_count(0)
