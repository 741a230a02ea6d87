"""Node packs in System, with real ComfyUI where COMFYUI_DIR names one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.api.studio_process import OWNER_KEY, RunningStudio, comfyui_variables, run_studio
from tests.browser.conftest import PASSWORD, OpenPage, come_in
from tests.fakes.pack_places import NODE, PackPlaces, pack_places

CHANGED_MS = 300_000
"""A change ends once ComfyUI has started again."""


@dataclass
class House:
    studio: RunningStudio
    places: PackPlaces
    state: dict[str, Any]


@pytest.fixture(scope="module")
def house(
    chromium: str, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[House]:
    """A Studio with ComfyUI whose owner came in."""
    folder = tmp_path_factory.mktemp("packs")
    cache: pytest.Cache = request.config.cache
    variables = comfyui_variables(folder, cache.mkdir("contract"))
    with pack_places(folder / "places") as places:
        variables |= {
            "COMFYUI_FLAGS": "--cpu --disable-api-nodes",
            "STUDIO_OUTBOUND_ALLOW": "127.0.0.1",
            **places.pip,
        }
        with run_studio(folder, variables) as studio:
            state = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
            yield House(studio, places, state)


def test_the_owner_installs_a_pack_by_its_address_and_removes_it(
    house: House, open_page: OpenPage
) -> None:
    repository = house.places.repository("hello-pack")
    commit = repository.commit({"__init__.py": NODE.format(name="HelloNode", value="text")})
    page = open_page(storage_state=house.state)
    page.goto(f"{house.studio.url}/#/system")
    packs = page.locator("node-packs")
    packs.get_by_label("Search by name or node class").fill("UnetLoaderGGUF")
    expect(packs.get_by_role("button", name="Install: ")).to_have_count(1)
    packs.get_by_text("From a repository").click()
    packs.get_by_label("Address").fill(repository.url)
    packs.get_by_role("button", name="Install", exact=True).click()
    hello = packs.locator("li.row").filter(has_text="hello-pack")
    expect(hello.get_by_text("1 node class")).to_be_visible(timeout=CHANGED_MS)
    expect(hello.get_by_text(commit[:10])).to_be_visible()
    remove = packs.get_by_role("button", name="Remove: hello-pack")
    expect(remove).to_be_enabled(timeout=CHANGED_MS)
    remove.click()
    expect(hello.get_by_text("removed", exact=True)).to_be_visible(timeout=CHANGED_MS)
    expect(packs.get_by_role("button", name="Back: hello-pack")).to_be_enabled(timeout=CHANGED_MS)


def test_a_workflow_that_lacks_classes_leads_to_the_pack_that_brings_them(
    house: House, open_page: OpenPage
) -> None:
    graph = {
        "1": {"class_type": "UnetLoaderGGUF", "inputs": {"unet_name": "x.gguf"}},
        "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}},
    }
    body = {"manifest": {"manifest": 1, "name": "Lacking", "inputs": []}, "graph": graph}
    with house.studio.client() as http:
        made = http.post("/api/workflows", json=body)
        assert made.status_code == 201, made.text
    page = open_page(storage_state=house.state)
    page.goto(f"{house.studio.url}/#/workflows/{made.json()['id']}")
    offered = page.locator("missing-packs li.row")
    expect(offered).to_contain_text("The node pack GGUF brings")
    expect(offered).to_contain_text("UnetLoaderGGUF")
    expect(offered.get_by_role("button", name="Install")).to_be_visible()
