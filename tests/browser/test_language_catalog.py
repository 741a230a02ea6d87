"""A language model of the catalog in a real browser: fetched by one click, started by the next."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.fakes.gguf_files import write_model, write_projector
from tests.fakes.hub import Repository
from tests.fakes.hub_thread import hubs_in_a_thread
from tests.fakes.llama_house import stub_python

MODEL, EYES = "Fox-Q4_K_M.gguf", "mmproj-Fox-F16.gguf"


@dataclass
class Place:
    """A Studio whose catalog has a model and its eyes, and whose hub has the bytes."""

    studio: RunningStudio
    models: Path
    state: dict[str, Any]


def entry(name: str, file: str, content: bytes) -> dict[str, Any]:
    return {
        "id": name.lower().replace(" ", "-"),
        "name": name,
        "folder": "llm",
        "file": file,
        "reference": f"hf:den/fox/{file}@main",
        "size_bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


@pytest.fixture
def place(chromium: str, tmp_path: Path) -> Iterator[Place]:
    files = {
        MODEL: write_model(tmp_path / MODEL).read_bytes(),
        EYES: write_projector(tmp_path / EYES).read_bytes(),
    }
    models = tmp_path / "llm"
    with hubs_in_a_thread() as (hub, _):
        hub.repositories["den/fox"] = Repository(lfs=files)
        variables = {
            "HF_ENDPOINT": hub.base,
            "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8,localhost",
            "LLM_DIR": str(models),
            "LLAMA_PYTHON": stub_python(tmp_path),
        }
        with run_studio(tmp_path, variables) as studio, studio.client() as owner:
            state = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
            entries = [entry("Fox", MODEL, files[MODEL]), entry("Eyes", EYES, files[EYES])]
            taken = owner.post("/api/catalog/import", json={"catalog": 1, "entries": entries})
            assert taken.status_code == 200, taken.text
            yield Place(studio, models, state)


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_a_model_of_the_catalog_runs_after_two_clicks(
    place: Place,
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
) -> None:
    page = open_page(width, 800, storage_state=place.state, color_scheme=scheme)
    page.goto(f"{place.studio.url}/#/models/language")
    offered = page.locator("language-catalog li.row")
    # Eyes come with their model, and are offered to nobody alone.
    expect(offered.filter(has_text="Fox")).to_have_count(1)
    expect(offered.filter(has_text="Eyes")).to_have_count(0)
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width

    page.get_by_role("button", name="Install Fox", exact=True).click()
    page.get_by_role("button", name="Start: Fox-Q4_K_M", exact=True).click()
    row = page.locator("language-models > section li.row").filter(has_text="Fox-Q4_K_M")
    expect(row.get_by_text("runs", exact=True)).to_be_visible()
    expect(row).to_contain_text("sees pictures")
    expect(offered.filter(has_text="Fox")).to_have_count(0)
    assert {each.name for each in place.models.glob("*.gguf")} == {MODEL, EYES}
