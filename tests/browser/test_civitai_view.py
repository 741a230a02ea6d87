"""Civitai's models and pictures in the page: looked at, kept, starred, used."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.api.civitai_house import picture, png
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.fakes.civitai import Civitai, running_civitai
from tests.fakes.model_files import CHECKPOINT, LORA, safetensors

BASE, INK = safetensors(CHECKPOINT), safetensors(LORA)
META = {
    "prompt": "a fox under a red maple <lora:ink:0.8>",
    "negativePrompt": "blurry",
    "seed": 42,
    "steps": 28,
    "sampler": "Euler a",
    "cfgScale": 6.5,
    "Size": "832x1216",
    "hashes": {"model": hashlib.sha256(BASE).hexdigest()[:10]},
    "Model": "base",
    "resources": [{"name": "nowhere", "type": "lora", "weight": 0.5}],
    "civitaiResources": [{"type": "lora", "weight": 0.8, "modelVersionId": 10}],
}
PICTURES = range(1, 15)


def furnish(civitai: Civitai) -> None:
    """A LoRA in two versions, a checkpoint, and pictures that were made with both."""
    early = civitai.version(
        11,
        (110, "ink-3.safetensors", INK + b""),
        name="v3.0",
        availability="EarlyAccess",
        earlyAccessEndsAt="2030-12-24T00:00:00.000Z",
    )
    first = civitai.version(10, (100, "ink.safetensors", INK), (101, "ink.ckpt", b"pickle"))
    civitai.add_model(1, first, early)
    base = civitai.version(20, (200, "base.safetensors", BASE), trainedWords=[])
    civitai.add_model(2, base, type="Checkpoint", name="Base")
    for number in PICTURES:
        civitai.origin.serve(f"{number}.png", png(number, 48))
        url = civitai.origin.url(f"{number}.png")
        civitai.images.append(picture(number, url, meta=META if number == 1 else None))


@contextlib.contextmanager
def beside() -> Iterator[Civitai]:
    """A Civitai in a thread of its own, for the browser keeps this one's event loop."""
    found: list[Civitai] = []
    is_up = threading.Event()
    loop, done = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with running_civitai() as civitai:
            furnish(civitai)
            found.append(civitai)
            is_up.set()
            await done.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert is_up.wait(60)
        yield found[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def civitai(chromium: str) -> Iterator[Civitai]:
    with beside() as made:
        yield made


@pytest.fixture(scope="module")
def site(civitai: Civitai, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio that knows this Civitai alone."""
    folder = tmp_path_factory.mktemp("civitai")
    environ = {
        "CIVITAI_URL": civitai.base,
        "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8",
        "MODEL_DIR": str(folder / "models"),
    }
    with run_studio(folder, environ) as running:
        yield running


@pytest.fixture(scope="module")
def state(site: RunningStudio) -> dict[str, Any]:
    return come_in(site, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


@pytest.fixture
def reachable(civitai: Civitai) -> Iterator[None]:
    """Whatever a test had Civitai refuse is over when it ends."""
    yield
    civitai.answers.clear()


Go = Callable[[Page, str], None]


@pytest.fixture
def go(site: RunningStudio) -> Go:
    """Opens what an address at Civitai leads to; none is everything that is kept."""

    def open_view(page: Page, address: str = "") -> None:
        page.goto(f"{site.url}/#/civitai/{quote(address, safe='')}")
        page.locator("civitai-view input[name=link]").wait_for()

    return open_view


def overflow(page: Page) -> int:
    found: int = page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )
    return found


def test_a_pasted_model_shows_its_files_and_one_of_them_is_fetched(
    open_page: OpenPage,
    state: dict[str, Any],
    civitai: Civitai,
    go: Go,
    assert_accessible: AssertAccessible,
) -> None:
    page = open_page(storage_state=state)
    go(page, "")
    page.locator("civitai-view input[name=link]").fill(f"{civitai.base}/models/2")
    page.keyboard.press("Enter")
    file = page.locator(".civitai-file", has_text="base.safetensors")
    file.get_by_role("button", name="Download base.safetensors").click()
    expect(file.get_by_role("link", name="Here")).to_be_visible()
    expect(file.get_by_role("button", name="Download")).to_have_count(0)
    file.get_by_role("button", name="Add to the catalog").click()
    expect(page.get_by_text("is in the catalog now")).to_be_visible()
    assert_accessible(page)


def test_versions_are_chosen_and_early_access_is_explained(
    open_page: OpenPage, state: dict[str, Any], civitai: Civitai, go: Go
) -> None:
    page = open_page(storage_state=state)
    go(page, f"{civitai.base}/models/1")
    expect(page.locator(".civitai-file")).to_have_count(2)
    expect(page.get_by_role("button", name="inkwash", exact=True)).to_be_visible()
    page.get_by_label("Version").select_option("11")
    expect(page.locator(".civitai-file")).to_have_count(1)
    expect(page.get_by_text("Early access until")).to_be_visible()


def test_examples_are_kept_with_stars_and_are_there_without_civitai(
    open_page: OpenPage, state: dict[str, Any], civitai: Civitai, go: Go, reachable: None
) -> None:
    page = open_page(storage_state=state)
    go(page, "civitai:10")
    tiles = page.locator(".civitai-tiles > li")
    expect(tiles).to_have_count(12)
    page.get_by_role("button", name="Fetch more from Civitai").click()
    expect(tiles).to_have_count(len(PICTURES))
    tiles.nth(3).get_by_role("button", name="4 stars").click()
    expect(tiles.nth(3).get_by_role("button", name="4 stars")).to_have_attribute(
        "aria-pressed", "true"
    )
    civitai.forced("/", 500)
    go(page, "")
    expect(tiles).to_have_count(len(PICTURES))
    page.get_by_role("button", name="With my stars").click()
    expect(tiles).to_have_count(1)
    expect(tiles.get_by_role("button", name="4 stars")).to_have_attribute("aria-pressed", "true")
    go(page, "civitai:20")
    expect(page.get_by_role("alert")).to_contain_text("Civitai cannot be reached")


def test_a_picture_says_what_it_was_made_with_and_fills_the_form(
    open_page: OpenPage,
    state: dict[str, Any],
    civitai: Civitai,
    go: Go,
    assert_accessible: AssertAccessible,
) -> None:
    page = open_page(storage_state=state)
    go(page, f"{civitai.base}/images/1")
    used = page.locator("civitai-picture .civitai-file")
    expect(used).to_have_count(3)
    expect(used.filter(has_text="nowhere")).to_contain_text("Missing")
    shown = page.locator("img.civitai-media")
    expect(shown).to_be_visible()
    expect(shown).to_have_attribute("src", "/api/civitai/pictures/1/content")
    assert_accessible(page)
    page.get_by_role("button", name="Make a preset").click()
    expect(page.get_by_text("is stored")).to_contain_text("a fox under a red maple")
    page.get_by_role("button", name="Use these parameters").click()
    expect(page.locator("#prompt")).to_have_value("a fox under a red maple")
    # Where one LoRA is here, as another test may have left it, and another one is not, only their
    # names tell which.
    said = page.get_by_text(re.compile("^Not taken over: "))
    expect(said).to_contain_text(re.compile(r"LoRA \((.*, )?nowhere\)"))


def test_a_tile_opens_by_the_keyboard_and_the_picture_becomes_an_input(
    open_page: OpenPage,
    state: dict[str, Any],
    go: Go,
    assert_accessible: AssertAccessible,
) -> None:
    page = open_page(storage_state=state)
    go(page, "civitai:10")
    page.locator(".civitai-tiles .tile").first.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Picture")
    expect(dialog.get_by_text("Made with")).to_be_visible()
    assert_accessible(page)
    dialog.get_by_role("button", name="Use as input").click()
    expect(page.get_by_text("It is one of your files now")).to_be_visible()
    expect(page.locator("create-view")).to_contain_text("civitai-1.png")


def test_the_pictures_beside_one_are_a_key_away_and_nothing_of_them_is_cut_off(
    open_page: OpenPage, state: dict[str, Any], go: Go
) -> None:
    page = open_page(storage_state=state)
    go(page, "civitai:10")
    tiles = page.locator(".civitai-tiles .tile")
    expect(tiles.nth(1)).to_be_visible()
    expect(tiles.first.locator("img")).to_have_css("object-fit", "contain")
    tiles.first.click()
    dialog = page.get_by_role("dialog", name="Picture")
    shown = dialog.locator("img.civitai-media")
    before, after = (
        dialog.get_by_role("button", name=f"{name} picture") for name in ("Previous", "Next")
    )
    expect(before).to_have_attribute("aria-disabled", "true")
    at_first = shown.get_attribute("src")
    after.click()
    expect(shown).not_to_have_attribute("src", at_first or "")
    page.keyboard.press("ArrowLeft")
    expect(shown).to_have_attribute("src", at_first or "")


def test_stars_are_in_the_way_of_no_picture_but_where_a_finger_could_not_find_them(
    open_page: OpenPage, state: dict[str, Any], go: Go
) -> None:
    page = open_page(storage_state=state)
    go(page, "civitai:10")
    tile = page.locator(".civitai-tiles > li").nth(6)
    expect(tile.locator(".stars")).to_have_css("opacity", "0")
    tile.get_by_role("button", name="2 stars").focus()
    expect(tile.locator(".stars")).to_have_css("opacity", "1")
    touched = open_page(storage_state=state, has_touch=True, is_mobile=True)
    go(touched, "civitai:10")
    expect(touched.locator(".civitai-tiles > li").nth(6).locator(".stars")).to_have_css(
        "opacity", "1"
    )


def test_who_may_not_fetch_models_is_told_who_may(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], civitai: Civitai, go: Go
) -> None:
    with site.client() as owner:
        link = owner.post("/api/invitations", json={"role": "member"}).json()["url"]
    token = link.rpartition("/")[2]
    member = come_in(site, "/api/join", token=token, name="Mia", password=PASSWORD)
    page = open_page(storage_state=member)
    go(page, f"{civitai.base}/models/1")
    file = page.locator(".civitai-file", has_text="ink.safetensors")
    expect(file).to_contain_text("Only the owner of this Studio downloads models.")
    expect(page.get_by_role("button", name="Add to the catalog")).to_have_count(0)


def test_what_leads_nowhere_is_said_in_words(
    open_page: OpenPage, state: dict[str, Any], civitai: Civitai, go: Go
) -> None:
    page = open_page(storage_state=state)
    go(page, "https://example.org/models/1")
    expect(page.get_by_role("alert")).to_contain_text("That is no address")
    go(page, f"{civitai.base}/models/999")
    expect(page.get_by_role("alert")).to_contain_text("That is not at Civitai")


def test_it_fits_on_a_phone_in_both_languages(
    open_page: OpenPage, state: dict[str, Any], civitai: Civitai, go: Go
) -> None:
    for language in ("en-US", "de-DE"):
        page = open_page(360, 740, storage_state=state, locale=language)
        go(page, f"{civitai.base}/models/1")
        expect(page.locator(".civitai-tiles > li").first).to_be_visible()
        assert overflow(page) == 0
        go(page, f"{civitai.base}/images/1")
        expect(page.locator("civitai-picture .civitai-file")).to_have_count(3)
        assert overflow(page) == 0
