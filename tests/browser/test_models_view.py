"""The Models view: what is installed and what can be, one model, bundles, the catalog."""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.browser.model_pages import (
    ModelSite,
    add_files,
    choice,
    fetch,
    house,
    models,
    opened,
    row,
    shelves,
)
from tests.browser.test_looks import check as check_looks
from tests.browser.test_looks import check_for_fingers
from tests.fakes.download_rig import safetensors as model_of
from tests.fakes.hub import Repository
from tests.fakes.model_files import CHECKPOINT, LORA, SDXL, put, safetensors

__all__ = ["house", "models", "shelves"]
TAGS = {"ss_base_model_version": "sdxl_base_v1-0", "modelspec.trigger_phrase": "anna, red hair"}


def test_the_list_is_searched_filtered_and_sorted(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    add_files(
        house,
        shelves,
        loras__anna=safetensors(LORA, TAGS),
        checkpoints__base=safetensors(SDXL),
        checkpoints__stray=safetensors(LORA, fill=b"\2"),
        vae__cut=safetensors(CHECKPOINT)[:-3],
    )
    models.reload()
    names = models.locator(".models-rows .row-title")
    expect(names).to_have_count(4)
    models.get_by_label("Search models").fill("red hair")
    expect(names).to_have_text(["anna.safetensors"])
    models.get_by_label("Search models").fill("")
    expect(names).to_have_count(4)
    choice(models, "Base model").select_option("SDXL")
    expect(names).to_have_text(["anna.safetensors", "base.safetensors"])
    choice(models, "Order").select_option("Largest first")
    sizes = {one["name"]: one["size_bytes"] for one in shelves.get("/api/models").json()["items"]}
    largest = sorted(("anna.safetensors", "base.safetensors"), key=lambda name: -sizes[name])
    expect(names).to_have_text(largest)
    choice(models, "Folder").select_option("vae")
    expect(models.locator(".empty")).to_contain_text("Nothing fits that.")
    models.get_by_role("button", name="Show all").click()
    choice(models, "Condition").select_option("Damaged")
    expect(names).to_have_text(["cut.safetensors"])
    expect(row(models, "cut")).to_contain_text("Cut off")
    choice(models, "Condition").select_option("In the wrong folder")
    expect(names).to_have_text(["stray.safetensors"])
    row(models, "stray").get_by_role("button", name="Move to loras").click()
    expect(names).to_have_count(0)
    assert (house.models / "loras/stray.safetensors").is_file()


def test_deleting_says_what_would_break(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    add_files(house, shelves, checkpoints__sd_xl_base_1=safetensors(SDXL))
    put(house.models / "checkpoints/sd_xl_base_1.0.safetensors", safetensors(SDXL, fill=b"\3"))
    shelves.post("/api/models/scan")
    models.reload()
    needed = row(models, "sd_xl_base_1.0")
    needed.get_by_role("button", name="More for sd_xl_base_1.0.safetensors").click()
    models.get_by_role("menuitem", name="Delete").click()
    dialog = models.get_by_role("dialog", name="Delete this model?")
    expect(dialog).to_contain_text("would not run any more")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    assert (house.models / "checkpoints/sd_xl_base_1.0.safetensors").is_file()
    needed.get_by_role("link").click()
    users = models.locator("section:has(#model-users) a")
    expect(users.first).to_be_visible()
    models.get_by_role("button", name="Delete", exact=True).click()
    dialog.get_by_role("button", name="Delete all the same").click()
    expect(row(models, "sd_xl_base_1.safetensors")).to_be_visible()
    expect(needed).to_have_count(0)
    assert not (house.models / "checkpoints/sd_xl_base_1.0.safetensors").exists()


def test_what_its_owner_knows_better_is_kept(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    add_files(house, shelves, loras__anna=safetensors(LORA, TAGS))
    models.reload()
    row(models, "anna").get_by_role("link").click()
    expect(models.locator(".words li")).to_have_text(["anna", "red hair"])
    models.locator("summary").click()
    choice(models, "Base model").select_option("FLUX.1")
    models.get_by_role("textbox", name="Trigger words").fill("anna, blue hair")
    models.get_by_label("Notes").fill("not with turbo")
    models.get_by_role("button", name="Save").click()
    expect(models.locator(".words li")).to_have_text(["anna", "blue hair"])
    [found] = shelves.get("/api/models").json()["items"]
    assert (found["family"], found["notes"]) == ("flux-1", "not with turbo")
    assert found["trigger_words"] == ["anna", "blue hair"]


def test_an_entry_is_added_installed_changed_and_taken_out(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    content = model_of(30_000, 12)
    house.hubs.hub.repositories["a/own"] = Repository(lfs={"own.safetensors": content})
    opened(models, house, "models/entry/new")
    models.get_by_label("Name", exact=True).fill("House style")
    models.get_by_label("Source").fill("hf:a/own/own.safetensors")
    choice(models, "Folder").select_option("loras")
    models.get_by_label("File name").fill("../own.safetensors")
    models.get_by_role("button", name="Save").click()
    expect(models.get_by_label("File name")).to_have_accessible_description(re.compile("^A name"))
    models.get_by_label("File name").fill("own.safetensors")
    models.get_by_role("button", name="Save").click()
    expect(models.get_by_role("heading", name="House style")).to_be_visible()
    models.get_by_role("button", name="Install House style").click()
    expect(models.get_by_role("link", name="Show the file")).to_be_visible()
    assert (house.models / "loras/own.safetensors").read_bytes() == content
    models.locator("summary").click()
    models.get_by_label("Licence").fill("mit")
    models.get_by_role("button", name="Save").click()
    expect(models.locator(".model-facts")).to_contain_text("mit")
    models.get_by_role("button", name="Take it out of the catalog").click()
    expect(models.locator("model-list")).to_be_visible()
    listed = shelves.get("/api/catalog?q=house+style").json()
    assert listed["total"] == 0
    models.get_by_role("button", name="Undo").click()
    expect(models.locator(".notice")).to_have_count(0)
    listed = shelves.get("/api/catalog?q=house+style").json()["items"]
    assert [one["license"] for one in listed] == ["mit"]
    shelves.delete(f"/api/catalog/{listed[0]['id']}")


def test_what_the_form_of_an_entry_does_not_show_stays_when_it_is_saved(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    facts = {"name": "Gated", "folder": "loras", "file": "gated.safetensors"}
    facts |= {"reference": "hf:a/gated/gated.safetensors"}
    unseen = {"size_bytes": 1234, "gated": True, "pair": {"role": "high", "with": "own-low"}}
    assert shelves.put("/api/catalog/own-gated", json=facts | unseen).status_code == 200
    opened(models, house, "models/entry/own-gated")
    models.locator("summary").click()
    models.get_by_label("Licence").fill("mit")
    models.get_by_role("button", name="Save").click()
    expect(models.locator(".model-facts")).to_contain_text("mit")
    found = shelves.get("/api/catalog/own-gated").json()
    assert {name: found[name] for name in unseen} == unseen
    # Of another file nobody knows the size.
    models.get_by_label("Source").fill("hf:a/gated/other.safetensors")
    models.get_by_role("button", name="Save").click()
    expect(models.locator(".model-facts")).to_contain_text("other.safetensors")
    assert shelves.get("/api/catalog/own-gated").json()["size_bytes"] is None
    shelves.delete("/api/catalog/own-gated")


def test_a_bundle_fetches_what_is_missing_of_it(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    [bundle, *_] = shelves.get("/api/models/bundles").json()["items"]
    entries = [shelves.get(f"/api/catalog/{one['id']}").json() for one in bundle["entries"]]
    for at, entry in enumerate(entries):
        owner, name, path = entry["reference"].removeprefix("hf:").partition("@")[0].split("/", 2)
        content = model_of(20_000, 20 + at)
        known = house.hubs.hub.repositories.setdefault(f"{owner}/{name}", Repository())
        known.lfs[path] = content
        facts = {"sha256": hashlib.sha256(content).hexdigest(), "size_bytes": len(content)}
        answer = shelves.put(f"/api/catalog/{entry['id']}", json=facts)
        assert answer.status_code == 200, answer.text
    opened(models, house, "models/bundles")
    card = models.locator(".bundle").filter(
        has=models.get_by_role("heading", name=bundle["name"], exact=True)
    )
    expect(card).to_contain_text(f"{len(entries)} of {len(entries)} missing")
    install = card.get_by_role("button", name=re.compile(f"^Install.* {bundle['name']}$"))
    expect(install).to_contain_text(f"{len(entries) * 20} kB")
    # Whoever has scrolled down stays there while it comes.
    models.set_viewport_size({"width": 1280, "height": 300})
    models.evaluate("scrollTo(0, 500)")
    install.click()
    expect(card).to_contain_text("All here")
    expect(models.locator(".model-tabs")).not_to_be_in_viewport()
    for entry in entries:
        assert (house.models / entry["folder"] / entry["file"]).is_file()
        shelves.post(f"/api/catalog/{entry['id']}/reset")


def test_a_catalog_is_imported_whole_or_not_at_all_and_exported(
    models: Page, house: ModelSite, shelves: httpx.Client, tmp_path: Path
) -> None:
    entry = {
        "id": "house-imported",
        "name": "Imported",
        "folder": "loras",
        "file": "imported.safetensors",
        "reference": "hf:a/b/imported.safetensors",
    }
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps({"catalog": 1, "entries": [entry]}))
    bad.write_text(json.dumps({"catalog": 1, "entries": [{**entry, "file": "../out"}]}))
    menu = models.get_by_role("button", name="More for models")
    for file, said in ((bad, "../out"), (good, "1 entry was taken over.")):
        menu.click()
        with models.expect_file_chooser() as chooser:
            models.get_by_role("menuitem", name="Import entries of a catalog").click()
        chooser.value.set_files(file)
        expect(models.locator(".notice").filter(has_text=said)).to_be_visible()
    menu.click()
    with models.expect_download() as started:
        models.get_by_role("menuitem", name="Export my entries only").click()
    exported = json.loads(Path(started.value.path()).read_text())
    assert [one["id"] for one in exported["entries"]] == ["house-imported"]
    shelves.delete("/api/catalog/house-imported")


def test_what_is_not_installed_has_its_address_and_models_leads_to_those_that_are(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    ways = models.locator("model-list .empty")
    expect(ways.get_by_role("button", name="Add a model")).to_be_visible()
    expect(ways.get_by_role("link", name="Bundles")).to_have_attribute("href", "#/models/bundles")
    ways.get_by_role("link", name="Choose from the catalog").click()
    chosen = models.locator(".model-filters [aria-pressed=true]")
    expect(chosen).to_have_text("Not installed")
    models.reload()
    expect(chosen).to_have_text("Not installed")
    expect(models.locator("model-list .row.model")).not_to_have_count(0)
    add_files(house, shelves, loras__anna=safetensors(LORA, TAGS))
    models.locator(".model-tabs").get_by_role("link", name="Downloads").click()
    expect(models.locator("model-downloads")).to_be_visible()
    models.locator("studio-app nav").get_by_role("link", name="Models", exact=True).first.click()
    expect(chosen).to_have_text("Installed")
    expect(row(models, "anna")).to_be_visible()


def test_members_see_everything_and_change_nothing(
    open_page: OpenPage, house: ModelSite, shelves: httpx.Client
) -> None:
    add_files(house, shelves, loras__anna=safetensors(LORA, TAGS))
    link = shelves.post("/api/invitations", json={"role": "member"}).json()["url"]
    token = link.rpartition("/")[2]
    state = come_in(house.studio, "/api/join", token=token, name="Mia", password=PASSWORD)
    page = opened(open_page(storage_state=state), house)
    expect(row(page, "anna")).to_be_visible()
    page.get_by_role("button", name="Not installed").click()
    expect(page.locator(".models-rows .row.model")).not_to_have_count(0)
    expect(page.locator(".models-rows[aria-busy=false]")).to_be_visible()
    for name in ("^Add$", "^Install ", "^Delete"):
        expect(page.get_by_role("button", name=re.compile(name))).to_have_count(0)
    page.get_by_role("button", name="Installed", exact=True).click()
    row(page, "anna").get_by_role("link").click()
    expect(page.locator("model-file .words")).to_be_visible()
    expect(page.get_by_role("button", name="Verify")).to_have_count(0)
    expect(page.locator("model-file form")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_every_page_of_models_fits_can_be_read_and_keeps_nobody_out(
    open_page: OpenPage,
    house: ModelSite,
    shelves: httpx.Client,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
) -> None:
    long_name = "a_name_that_is_longer_than_any_screen_is_wide_" * 3
    files = {
        "loras__anna": safetensors(LORA, TAGS),
        f"checkpoints__{long_name}": safetensors(LORA, fill=b"\4"),
        "vae__cut": safetensors(CHECKPOINT)[:-3],
    }
    add_files(house, shelves, **files)
    house.hubs.hub.repositories["a/looks"] = Repository(
        lfs={"slow.safetensors": model_of(8_000_000, 41)}
    )
    shelves.put("/api/downloads/limits", json={"concurrency": 2, "bytes_per_second": 16_384})
    fetch(shelves, "hf:a/looks/slow.safetensors")
    gone = fetch(shelves, "hf:a/looks/gone.safetensors")
    while shelves.get(f"/api/downloads/{gone['id']}").json()["state"] != "failed":
        time.sleep(0.05)
    found = shelves.get("/api/models?q=anna").json()["items"][0]
    entry = shelves.get("/api/catalog").json()["items"][0]
    page = open_page(
        width, 740, color_scheme=scheme, storage_state=house.state, reduced_motion="reduce"
    )
    shown = {
        "models": ".row.model",
        "models/bundles": ".bundle",
        "models/downloads": ".row.download .row-reason",
        "models/disk": ".volume",
        f"models/file/{found['id']}": "model-file .model-facts",
        f"models/entry/{entry['id']}": "model-entry .model-facts",
    }
    for address, selector in shown.items():
        opened(page, house, address)
        expect(page.locator(selector).first).to_be_visible()
        page.wait_for_load_state("networkidle")
        check_looks(page, address)
        assert_accessible(page)
        if width == 360:
            check_for_fingers(page, address)
    opened(page, house)
    page.get_by_role("button", name="Add", exact=True).click()
    dialog = page.get_by_role("dialog", name="Add a model")
    dialog.get_by_label("Link or reference").fill("hf:a/looks/slow.safetensors")
    expect(dialog.locator(".model-facts")).to_be_visible()
    check_looks(page, "add")
    assert_accessible(page)


def test_a_guest_is_not_offered_what_they_may_not_see(
    open_page: OpenPage, site: RunningStudio, owner: httpx.Client
) -> None:
    link = owner.post("/api/invitations", json={"role": "guest"}).json()["url"]
    token = link.rpartition("/")[2]
    state = come_in(site, "/api/join", token=token, name="Guest of models", password=PASSWORD)
    page = open_page(storage_state=state)
    page.goto(site.url)
    expect(page.get_by_role("link", name="Create", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="Models", exact=True)).to_have_count(0)
