"""Models in the page: what an entry must say, what jobs wait for, and emptying their cache."""

from __future__ import annotations

import httpx
from playwright.sync_api import Page, expect

from tests.api.on_demand_client import with_lora
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.model_pages import ModelSite, house, models, shelves
from tests.fakes.download_rig import safetensors as model_of
from tests.fakes.hub import Repository

__all__ = ["house", "models", "shelves"]


def test_what_an_entry_of_the_catalog_cannot_say_is_said_beside_its_field(
    models: Page, house: ModelSite, shelves: httpx.Client, assert_accessible: AssertAccessible
) -> None:
    models.goto(f"{house.url}/#/models/entry/new")
    name, file = models.get_by_label("Name", exact=True), models.get_by_label("File name")
    name.fill("Fog")
    models.get_by_label("Source").fill("hf:a/fog/fog.safetensors")
    hash_field = models.get_by_label("SHA-256")
    hash_field.fill("abc")
    models.get_by_role("combobox", name="Base model").select_option("SDXL")
    models.get_by_role("button", name="Save").click()
    expect(file).to_have_accessible_description("This is needed.")
    expect(file).to_be_focused()
    expect(hash_field).to_have_accessible_description("64 characters, of 0 to 9 and a to f.")
    expect(name).to_have_accessible_description("")
    # In words alone: neither the expression that it was checked with, nor what a program calls it.
    expect(models.locator(".entry-form")).not_to_contain_text("^[")
    assert_accessible(models)
    file.fill("fog.safetensors")
    hash_field.fill("AB" * 32)
    models.get_by_role("button", name="Save").click()
    expect(models.get_by_role("heading", name="Fog")).to_be_visible()
    [entry] = shelves.get("/api/catalog?q=fog.safetensors").json()["items"]
    assert (entry["family"], entry["sha256"]) == ("sdxl", "ab" * 32)


def test_the_cache_of_models_is_emptied_and_its_downloads_are_called_by_their_address(
    models: Page, house: ModelSite, shelves: httpx.Client, assert_accessible: AssertAccessible
) -> None:
    house.hubs.hub.repositories["a/style"] = Repository(
        lfs={"style.safetensors": model_of(30_000, 3)}
    )
    graph = with_lora("hf:a/style/style.safetensors")
    job = shelves.post("/api/v2/jobs", json={"workflow": graph}).json()
    with shelves.stream("GET", f"/api/v2/jobs/{job['id']}/events") as events:
        assert "succeeded" in "".join(events.iter_text())

    models.goto(f"{house.url}/#/models/downloads")
    expect(models.locator(".download .row-title")).to_have_text(["style.safetensors"])
    models.goto(f"{house.url}/#/models/disk")
    spare = models.locator("section", has=models.get_by_role("heading", name="What can go"))
    expect(spare).to_contain_text("Models that jobs named by their address")
    assert_accessible(models)
    spare.get_by_role("button", name="Empty the cache").click()
    expect(spare).to_have_count(0)
    assert shelves.get("/api/models/disk").json()["usage"]["cache"] == 0


def test_a_job_that_waits_for_its_model_says_so_in_the_language_of_the_page(
    open_page: OpenPage, house: ModelSite, shelves: httpx.Client
) -> None:
    house.hubs.hub.repositories["a/long"] = Repository(
        lfs={"long.safetensors": model_of(6_000_000, 4)}
    )
    shelves.put("/api/downloads/limits", json={"concurrency": 2, "bytes_per_second": 100_000})
    job = shelves.post(
        "/api/v2/jobs", json={"workflow": with_lora("hf:a/long/long.safetensors")}
    ).json()
    page = open_page(storage_state=house.state, locale="de-DE")
    page.goto(f"{house.url}/#/queue")
    row = page.locator(".row-words", has_text="long.safetensors")
    expect(row).to_contain_text("long.safetensors wird geholt: ")
    expect(row).to_contain_text(" von 6")
    shelves.post(f"/api/v2/jobs/{job['id']}/cancel")
    shelves.put("/api/downloads/limits", json={"concurrency": 2, "bytes_per_second": None})
