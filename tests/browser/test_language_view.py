"""Language models in a real browser: vouched for, started, set, stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.api.studio_process import OWNER_KEY
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.fakes.gguf_files import write_projector
from tests.fakes.llama_house import LlamaHouse, llama_house


@pytest.fixture(scope="module")
def house(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LlamaHouse]:
    folder = tmp_path_factory.mktemp("llama-view")
    write_projector(folder / "llm" / "eyes.gguf")
    with llama_house(folder, "fox", "deep/hare") as opened:
        yield opened


@pytest.fixture(scope="module")
def storage(house: LlamaHouse) -> dict[str, Any]:
    return come_in(house.studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_the_owner_vouches_for_a_model_and_starts_and_stops_it(
    house: LlamaHouse,
    storage: dict[str, Any],
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
) -> None:
    name = "fox" if width == 360 else "deep/hare"
    page = open_page(width, 800, storage_state=storage, color_scheme=scheme)
    page.goto(f"{house.studio.url}/#/models/language")
    row = page.locator("language-models li.row").filter(has_text=name)
    expect(row.get_by_text("Nobody knows this file")).to_be_visible()
    assert row.get_by_role("button", name=f"Start: {name}").count() == 0
    row.get_by_role("button", name=f"Confirm the file: {name}").click()
    row.get_by_role("button", name=f"Start: {name}").click()
    expect(row.get_by_text("runs", exact=True)).to_be_visible()
    row.get_by_text("How it runs").click()
    row.get_by_label("Context in tokens").fill("128")
    row.get_by_label("Projector, by which it sees pictures").select_option("eyes.gguf")
    row.get_by_label("How a chat becomes a text").select_option("chatml")
    row.get_by_role("button", name="Save, for its next start").click()
    expect(row.get_by_text("remembers 128 tokens")).to_be_visible()
    expect(row.get_by_text("sees pictures", exact=False).first).to_be_visible()
    said = house.model(name)["settings"]
    assert (said["projector"], said["chat_format"]) == ("eyes.gguf", "chatml")
    row.get_by_label("Projector, by which it sees pictures").select_option("*")
    row.get_by_role("button", name="Save, for its next start").click()
    house.until(name, lambda model: model["settings"]["projector"] is None)
    row.get_by_role("button", name=f"Show its log: {name}").click()
    expect(row.locator("pre")).to_contain_text("/v1/models")
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    row.get_by_role("button", name=f"Stop: {name}").click()
    expect(row.get_by_text("stopped", exact=True)).to_be_visible()
