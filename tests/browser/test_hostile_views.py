"""Every view, with names that are markup wherever people, files, models and hubs have names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.chats import begin
from tests.api.civitai_house import picture, png
from tests.api.graphs import wait_ended, wait_for_library
from tests.api.presets import SMALL, WORKFLOW
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.browser.test_hostile import HOSTILE, check
from tests.fakes.civitai import Civitai
from tests.fakes.hub_thread import hubs_in_a_thread
from tests.fakes.model_files import LORA, put, safetensors
from tests.policy.source import table_in

TEXT = HOSTILE[0]
UNNAMED_VIEWS = {"system", "help"}
"""What Studio says there is its own, or the machine's."""
UNNAMED_SECTIONS = {
    *("account", "looks", "defaults", "alerts", "keyboard", "programs", "services", "telegram"),
    *("retention", "server"),
}


@dataclass
class House:
    studio: RunningStudio
    state: dict[str, Any]
    addresses: dict[str, str]
    """Where a view has something with that name, if not at its own address."""
    share: str
    reset: str


@pytest.fixture(scope="module")
def house(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("hostile")
    with hubs_in_a_thread() as (hub, civitai):
        environ = {
            "HF_ENDPOINT": hub.base,
            "CIVITAI_URL": civitai.base,
            "STUDIO_OUTBOUND_ALLOW": "localhost,127.0.0.0/8",
            "MODEL_DIR": str(folder / "models"),
        }
        tags = {"ss_base_model_version": TEXT, "modelspec.trigger_phrase": TEXT}
        put(folder / f"models/loras/{TEXT}.safetensors", safetensors(LORA, tags))
        publish(civitai)
        with run_studio(folder, environ) as studio, studio.client() as owner:
            state = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
            yield furnish(studio, owner, state)


def told(answer: httpx.Response) -> dict[str, Any]:
    """What an answer says that is no refusal."""
    assert answer.is_success, answer.text
    return dict(answer.json())


def publish(civitai: Civitai) -> None:
    """A model and its picture at Civitai, said to be what markup says."""
    facts = {"description": TEXT, "tags": [TEXT], "creator": {"username": TEXT, "image": None}}
    version = civitai.version(
        10, (100, "ink.safetensors", safetensors(LORA)), name=TEXT, trainedWords=[TEXT]
    )
    civitai.add_model(1, version, name=TEXT, **facts)
    civitai.origin.serve("1.png", png(1, 48))
    meta = {"prompt": TEXT, "negativePrompt": TEXT, "sampler": TEXT, "Model": TEXT}
    url = civitai.origin.url("1.png")
    civitai.images.append(picture(1, url, username=TEXT, meta=meta))


def furnish(studio: RunningStudio, owner: httpx.Client, state: dict[str, Any]) -> House:
    """One of everything that has a name."""
    told(owner.post("/api/models/scan"))
    link = told(owner.post("/api/invitations", json={"role": "member"}))["url"]
    come_in(studio, "/api/join", token=link.rpartition("/")[2], name=TEXT, password=PASSWORD)
    [member] = [each for each in owner.get("/api/users").json()["users"] if each["name"] == TEXT]
    reset = told(owner.post(f"/api/users/{member['id']}/reset"))["url"]
    values = {**SMALL, "prompt": TEXT, "negative": TEXT}
    axes = [{"input": "prompt", "values": [TEXT, f"{TEXT} twice"]}]
    body = {"workflow_id": WORKFLOW, "values": values, "axes": axes, "title": TEXT}
    batch = told(owner.post("/api/batches", json=body))["id"]
    job = told(owner.post("/api/create", json={"prompt": TEXT, "steps": 1}))
    [output] = wait_ended(owner, job["id"])["outputs"]
    wait_for_library(owner, output["id"])
    board = told(owner.post("/api/boards", json={"name": TEXT}))["id"]
    action = {"ids": [output["id"]], "action": "add_to_board", "value": board}
    told(owner.post("/api/library/actions", json=action))
    shared = {"kind": "board", "target": board, "label": TEXT, "with_recipe": True}
    share = told(owner.post("/api/share-links", json=shared))["url"]
    preset = {"name": TEXT, "description": TEXT, "tags": [TEXT], "values": {"prompt": TEXT}}
    told(owner.post("/api/presets", json={"workflow_id": WORKFLOW, **preset}))
    told(owner.post("/api/prompts", json={"name": TEXT, "kind": "positive", "text": TEXT}))
    copy = told(owner.post(f"/api/workflows/{WORKFLOW}/copy"))["id"]
    whole = told(owner.get(f"/api/workflows/{copy}"))
    manifest = {**whole["manifest"], "name": TEXT, "description": TEXT}
    renamed = {"manifest": manifest, "graph": whole["graph"], "base_version": whole["version"]}
    told(owner.put(f"/api/workflows/{copy}", json={**renamed, "comment": TEXT}))
    told(owner.post("/api/keys", json={"name": TEXT}))
    hook = {"url": "http://127.0.0.1:9/hook", "name": TEXT, "events": ["job.queued"]}
    told(owner.post("/api/webhooks", json=hook))
    chat = begin(owner)
    told(owner.patch(f"/api/chats/{chat}", json={"title": TEXT}))
    asked = told(httpx.post(f"{studio.url}/api/device/code", json={"name": TEXT}))
    owner.post("/api/queue/pause")
    told(owner.post("/api/create", json={"prompt": TEXT}))
    addresses = {
        "batch": f"batch/{batch}",
        "civitai": f"civitai/{quote('civitai:10', safe='')}",
        "device": f"device/{asked['user_code']}",
        "settings": "settings/people",
        "workflows": f"workflows/{copy}",
    }
    return House(studio, state, addresses, share, reset)


def opened(page: Page, house: House, address: str) -> None:
    page.goto(f"{house.studio.url}/#/{address}")
    page.wait_for_load_state("networkidle")


def shown(page: Page) -> Locator:
    """Where that name can be read."""
    return page.get_by_text(TEXT).filter(visible=True).first


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1280, "light")])
def test_every_view_shows_markup_as_text_and_keeps_nobody_out(
    open_page: OpenPage,
    house: House,
    assert_accessible: AssertAccessible,
    width: int,
    scheme: str,
) -> None:
    views = table_in("parts.js", "VIEWS")
    assert {"create", "queue", "library", "chat", "activity"} <= set(views)
    look = {"color_scheme": scheme, "reduced_motion": "reduce"}
    page = open_page(width, 740, storage_state=house.state, **look)
    for view in views:
        opened(page, house, house.addresses.get(view, view))
        expect(page.locator(f"{view}-view .view")).to_be_visible()
        if view == "device":
            page.get_by_role("button", name="Continue").click()
        if view == "create":
            page.locator(".source-name").click()
        if view == "library":
            page.locator(".cell:not(.is-unknown)").first.click()
        if view not in UNNAMED_VIEWS:
            expect(shown(page), view).to_be_visible()
        check(page)
        assert_accessible(page)
        assert fits(page), view


def test_every_part_of_settings_shows_markup_as_text(open_page: OpenPage, house: House) -> None:
    sections = table_in("models/sections.js", "SECTIONS")
    assert {"account", "people", "webhooks"} <= set(sections)
    page = open_page(360, 740, storage_state=house.state)
    for section in sections:
        opened(page, house, f"settings/{section}")
        expect(page.locator(".settings-section")).to_be_visible()
        if section not in UNNAMED_SECTIONS:
            expect(shown(page), section).to_be_visible()
        check(page)
        assert fits(page), section


@pytest.mark.parametrize("address", ["models", "models/catalog", "models/downloads", "models/disk"])
def test_names_of_models_are_text(open_page: OpenPage, house: House, address: str) -> None:
    page = open_page(360, 740, storage_state=house.state)
    opened(page, house, address)
    expect(page.locator("models-view .view")).to_be_visible()
    check(page)
    assert fits(page)
    if address == "models":
        page.get_by_role("link", name=f"{TEXT}.safetensors").click()
        expect(page.locator("h1, h2").filter(has_text=TEXT).first).to_be_visible()
        check(page)
        assert fits(page)


def test_strangers_are_shown_markup_as_text(open_page: OpenPage, house: House) -> None:
    page = open_page(360, 740)
    page.goto(house.share)
    expect(shown(page)).to_be_visible()
    check(page)
    assert fits(page)
    page.goto(house.reset)
    expect(page.get_by_label("Name")).to_have_value(TEXT)
    check(page)
