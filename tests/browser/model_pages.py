"""A Studio between the look-alikes of both hubs, for browser tests of models."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage, come_in
from tests.fakes.civitai import Civitai
from tests.fakes.hub import Hub
from tests.fakes.hub_thread import hubs_in_a_thread
from tests.fakes.model_files import put


@dataclass
class Hubs:
    """Both of them."""

    hub: Hub
    civitai: Civitai

    def environ(self) -> dict[str, str]:
        """What makes a Studio ask these instead of the real ones."""
        return {
            "HF_ENDPOINT": self.hub.base,
            "CIVITAI_URL": self.civitai.base,
            "STUDIO_OUTBOUND_ALLOW": "localhost,127.0.0.0/8",
        }


@dataclass
class ModelSite:
    """A Studio with models in ``models``, its hubs, and its owner's browser storage."""

    studio: RunningStudio
    hubs: Hubs
    models: Path
    state: dict[str, Any]

    @property
    def url(self) -> str:
        return self.studio.url


@contextlib.contextmanager
def running_model_site(folder: Path) -> Iterator[ModelSite]:
    """A Studio with the embedded engine and folders of models of its own."""
    models = folder / "models"
    with hubs_in_a_thread() as (hub, civitai):
        hubs = Hubs(hub, civitai)
        environ = {**hubs.environ(), "MODEL_DIR": str(models), "LLM_DIR": str(folder / "llm")}
        with run_studio(folder, environ) as studio:
            state = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
            yield ModelSite(studio, hubs, models, state)


@pytest.fixture(scope="module")
def house(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelSite]:
    with running_model_site(tmp_path_factory.mktemp("models")) as site:
        yield site


@pytest.fixture
def shelves(house: ModelSite) -> Iterator[httpx.Client]:
    """The owner's client; no download and no file of the test is left when it is over."""
    with house.studio.client() as client:
        yield client
        for one in client.get("/api/downloads").json()["items"]:
            client.delete(f"/api/downloads/{one['id']}")
            client.delete(f"/api/downloads/{one['id']}")
        client.put("/api/downloads/limits", json={"concurrency": 2, "bytes_per_second": None})
        for one in client.get("/api/models").json()["items"]:
            client.delete(f"/api/models/{one['id']}?force=1")


@pytest.fixture
def models(open_page: OpenPage, house: ModelSite, shelves: httpx.Client) -> Page:
    """The owner's page."""
    return opened(open_page(storage_state=house.state), house)


def opened(page: Page, house: ModelSite, address: str = "models") -> Page:
    page.goto(f"{house.url}/#/{address}")
    expect(page.locator("models-view .view")).to_be_visible()
    return page


def add_files(house: ModelSite, client: httpx.Client, **files: bytes) -> None:
    """Files on disk by ``folder__name``, known to Studio."""
    for place, content in files.items():
        folder, _, name = place.partition("__")
        put(house.models / folder / f"{name}.safetensors", content)
    assert client.post("/api/models/scan").status_code == 200


def row(page: Page, text: str) -> Locator:
    return page.locator(".models-rows .row.model").filter(has_text=text)


def download(page: Page, name: str) -> Locator:
    return page.locator(".row.download").filter(has_text=name)


def choice(place: Page | Locator, name: str) -> Locator:
    """A list to choose from; what helps to choose belongs to its name."""
    return place.get_by_role("combobox", name=re.compile(f"^{name}"))


def fetch(client: httpx.Client, reference: str, folder: str = "loras") -> dict[str, Any]:
    answer = client.post("/api/downloads", json={"reference": reference, "folder": folder})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
