"""Models are added in a browser, and their downloads watched, ordered and tried again."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import wait_for_parts
from tests.browser.model_pages import (
    ModelSite,
    add_files,
    choice,
    download,
    fetch,
    house,
    models,
    opened,
    row,
    shelves,
)
from tests.fakes.download_rig import safetensors as model_of
from tests.fakes.hub import Repository
from tests.fakes.model_files import LORA, safetensors

__all__ = ["house", "models", "shelves"]
SLOW = 16_384
"""Bytes a second, for downloads that are to be looked at while they come; nobody waits for them."""


def test_a_link_becomes_a_model_that_is_watched_paused_and_listed(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    content = model_of(1_500_000, 1)
    hub = house.hubs.hub
    hub.repositories["a/styles"] = Repository(
        lfs={"loras/ink.safetensors": content}, card={"license": "apache-2.0"}
    )
    shelves.put("/api/downloads/limits", json={"concurrency": 1, "bytes_per_second": SLOW})
    models.get_by_role("button", name="Add", exact=True).click()
    dialog = models.get_by_role("dialog", name="Add a model")
    dialog.get_by_label("Link or reference").fill(
        f"{hub.base}/a/styles/blob/main/loras/ink.safetensors"
    )
    expect(choice(dialog, "Folder")).to_have_value("loras")
    expect(dialog).to_contain_text("Guessed by its name")
    expect(dialog).to_contain_text("apache-2.0")
    dialog.get_by_role("button", name="Fetch it").click()
    expect(dialog).to_have_count(0)
    one = download(models, "ink.safetensors")
    expect(one.locator(".download-state")).to_contain_text("of 1.5 MB")
    one.get_by_role("button", name="Pause ink.safetensors").click()
    expect(one.locator(".download-state")).to_contain_text("Paused")
    one.get_by_role("button", name="Go on with ink.safetensors").click()
    shelves.put("/api/downloads/limits", json={"concurrency": 1, "bytes_per_second": None})
    expect(row(models, "ink.safetensors")).to_be_visible()
    assert (house.models / "loras/ink.safetensors").read_bytes() == content
    row(models, "ink.safetensors").get_by_role("link").click()
    expect(models.locator("model-file .model-facts")).to_contain_text("apache-2.0")


def test_what_a_hub_refuses_says_why_and_where_to_go(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    hub = house.hubs.hub
    hub.repositories["a/gated"] = Repository(
        lfs={"one.safetensors": model_of(5_000, 2)}, gated="manual"
    )
    models.get_by_role("button", name="Add", exact=True).click()
    dialog = models.get_by_role("dialog", name="Add a model")
    dialog.get_by_label("Link or reference").fill("hf:a/gated/one.safetensors")
    expect(dialog.get_by_role("alert")).to_contain_text("behind a licence: set HF_TOKEN")
    expect(dialog.get_by_role("link", name="Set the token")).to_have_attribute(
        "href", "#/settings/services"
    )
    page = dialog.get_by_role("link", name="Open its page")
    expect(page).to_have_attribute("href", f"{hub.base}/a/gated")
    expect(dialog.get_by_role("button", name="Fetch it")).to_be_disabled()
    dialog.get_by_label("Link or reference").fill("hf:a/nowhere/one.safetensors")
    expect(dialog.get_by_role("alert")).to_contain_text("There is no a/nowhere at Hugging Face")
    dialog.get_by_label("Link or reference").fill("https://10.0.0.1/one.safetensors")
    expect(dialog.get_by_role("alert")).to_contain_text("Nothing is fetched from such an address")


def test_a_pickle_comes_at_the_owners_word_alone(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    house.hubs.hub.repositories["a/old"] = Repository(lfs={"old.ckpt": b"\x80\x02K\x01." * 50})
    models.get_by_role("button", name="Add", exact=True).click()
    dialog = models.get_by_role("dialog", name="Add a model")
    dialog.get_by_label("Link or reference").fill("hf:a/old/old.ckpt")
    expect(dialog).to_contain_text("can run code")
    choice(dialog, "Folder").select_option("checkpoints")
    expect(dialog.get_by_role("button", name="Fetch it")).to_be_disabled()
    dialog.get_by_label("I trust where this file comes from.").check()
    dialog.get_by_role("button", name="Fetch it").click()
    expect(row(models, "old.ckpt")).to_be_visible()
    assert (house.models / "checkpoints/old.ckpt").is_file()


def test_downloads_are_put_in_another_order_given_up_and_tried_again(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    hub = house.hubs.hub
    names = ("first", "second", "third")
    hub.repositories["a/line"] = Repository(
        lfs={f"{name}.safetensors": model_of(4_000_000, 3 + at) for at, name in enumerate(names)}
    )
    shelves.put("/api/downloads/limits", json={"concurrency": 1, "bytes_per_second": SLOW})
    for name in names:
        fetch(shelves, f"hf:a/line/{name}.safetensors")
    opened(models, house, "models/downloads")
    titles = models.locator("section:has(#downloads-now) .row-title")
    expect(titles).to_have_text([f"{name}.safetensors" for name in names])
    third = download(models, "third.safetensors")
    third.get_by_role("button", name="Another place in the line for third.safetensors").click()
    models.get_by_role("menuitem", name="To the front").click()
    expect(titles).to_have_text(["first.safetensors", "third.safetensors", "second.safetensors"])
    third.get_by_role("button", name="Cancel third.safetensors").click()
    failed = models.locator("section:has(#downloads-failed) .row-title")
    expect(failed).to_have_text(["third.safetensors"])
    choice(models, "At once").select_option("3")
    choice(models, "Speed").select_option("As fast as it goes")
    third.get_by_role("button", name="Try third.safetensors again").click()
    states = models.locator("section:has(#downloads-ended) .download-state")
    expect(states).to_have_text([re.compile("^Here")] * 3)
    expect(failed).to_have_count(0)
    models.get_by_role("link", name="second.safetensors").click()
    expect(models.get_by_role("heading", name="second.safetensors")).to_be_visible()
    models.go_back()
    expect(states).to_have_count(3)
    for name in names:
        assert (house.models / f"loras/{name}.safetensors").is_file()
    assert shelves.get("/api/downloads/limits").json() == {
        "concurrency": 3,
        "bytes_per_second": None,
    }


def test_limits_that_are_changed_right_after_each_other_all_count(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    shelves.put("/api/downloads/limits", json={"concurrency": 1, "bytes_per_second": SLOW})
    opened(models, house, "models/downloads")
    held: list[Route] = []

    def hold_the_first(route: Route) -> None:
        if held:
            route.continue_()
        else:
            held.append(route)

    models.route("**/api/downloads/limits", hold_the_first)
    with models.expect_request("**/api/downloads/limits"):
        choice(models, "At once").select_option("3")
    choice(models, "Speed").select_option("As fast as it goes")
    with models.expect_response(lambda answer: '"bytes_per_second":null' in answer.text()):
        held[0].continue_()
    limits = {"concurrency": 3, "bytes_per_second": None}
    assert shelves.get("/api/downloads/limits").json() == limits


def test_a_download_that_failed_says_why_and_the_owner_replaces_what_is_in_its_way(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    content = model_of(50_000, 8)
    house.hubs.hub.repositories["a/way"] = Repository(lfs={"way.safetensors": content})
    add_files(house, shelves, loras__way=safetensors(LORA))
    fetch(shelves, "hf:a/way/way.safetensors")
    opened(models, house, "models/downloads")
    one = download(models, "way.safetensors")
    expect(one).to_contain_text("Another file of that name is there already.")
    one.get_by_role("button", name="Replace the one here").click()
    expect(one.locator(".download-state")).to_contain_text("Here")
    assert (house.models / "loras/way.safetensors").read_bytes() == content


@pytest.mark.parametrize("size", [40_000, 17 << 20], ids=["at once", "in parts"])
def test_a_file_of_this_device_becomes_a_model(
    models: Page, house: ModelSite, shelves: httpx.Client, tmp_path: Path, size: int
) -> None:
    file = tmp_path / "mine.safetensors"
    file.write_bytes(model_of(size, 50))
    models.get_by_role("button", name="Add", exact=True).click()
    dialog = models.get_by_role("dialog", name="Add a model")
    dialog.get_by_role("button", name="From this device").click()
    dialog.get_by_label("Model file").set_input_files(file)
    choice(dialog, "Folder").select_option("loras")
    dialog.get_by_role("button", name="Upload").click()
    expect(dialog).to_have_count(0)
    expect(row(models, "mine.safetensors")).to_be_visible()
    assert (house.models / "loras/mine.safetensors").read_bytes() == file.read_bytes()


def test_the_keyboard_goes_there_and_keeps_its_place(
    models: Page, house: ModelSite, shelves: httpx.Client
) -> None:
    house.hubs.hub.repositories["a/keys"] = Repository(
        lfs={"keys.safetensors": model_of(4_000_000, 40)}
    )
    shelves.put("/api/downloads/limits", json={"concurrency": 1, "bytes_per_second": SLOW})
    fetch(shelves, "hf:a/keys/keys.safetensors")
    models.goto(f"{house.url}/#/create")
    expect(models.locator("#prompt")).to_be_visible()
    wait_for_parts(models)
    models.locator("main").focus()
    models.keyboard.press("g")
    models.keyboard.press("m")
    expect(models.locator("models-view .view")).to_be_visible()
    pause = models.get_by_role("button", name="Pause keys.safetensors")
    expect(download(models, "keys").locator("progress")).to_be_visible()
    pause.focus()
    models.keyboard.press("Enter")
    resume = models.get_by_role("button", name="Go on with keys.safetensors")
    expect(resume).to_be_focused()
    models.keyboard.press("Enter")
    expect(pause).to_be_focused()


def test_a_host_that_nobody_reaches_is_named_before_and_after_it_is_added(
    models: Page, shelves: httpx.Client
) -> None:
    lost = "http://127.0.0.1:1/lost.safetensors"
    models.get_by_role("button", name="Add", exact=True).click()
    dialog = models.get_by_role("dialog", name="Add a model")
    dialog.get_by_label("Link or reference").fill(lost)
    expect(dialog.get_by_role("alert")).to_contain_text("cannot be reached")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_have_count(0)
    shelves.post("/api/downloads", json={"reference": lost, "folder": "loras"})
    one = download(models, "lost.safetensors")
    expect(one.locator(".download-state")).to_contain_text("Next try in a moment")
    expect(one).to_contain_text("Its source cannot be reached")
    # The code is for programs, and for who looks it up.
    expect(one).not_to_contain_text("source_unreachable")
    expect(one.get_by_title("source_unreachable")).to_be_visible()
    one.get_by_role("button", name="Cancel lost.safetensors").click()
    expect(one).to_have_count(0)
