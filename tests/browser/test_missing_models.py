"""A dropped workflow lacks models: they are installed where it says so, and then it runs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.graphs import CHECKPOINT, Graph, text_to_image
from tests.api.studio_process import OWNER_KEY, RunningStudio, comfyui_variables, run_studio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.browser.editor_graphs import harbour_with_lora
from tests.browser.test_first_day import PAINTS_MS
from tests.browser.test_workflow_wizard import DROP
from tests.fakes.bootstrap_family import Line
from tests.fakes.download_rig import safetensors
from tests.fakes.hub import Hub, Repository
from tests.fakes.hub_thread import hubs_in_a_thread
from tests.fakes.origin import Served

MODEL, STYLE = "harbour-model.safetensors", "harbour-style.safetensors"
FOLDERS = {MODEL: "checkpoints", STYLE: "loras"}
HELD = 300_000
RESTARTS_S = 120.0
EMBEDDED = pytest.mark.parametrize("place", ["embedded"], indirect=True)
SIZES = {"width": 1280, "height": 900}, {"width": 360, "height": 740}


@dataclass
class Place:
    """A Studio of its own, whose hub has both models and holds them back."""

    studio: RunningStudio
    hub: Hub
    served: dict[str, Served]
    models: Path
    state: dict[str, Any]

    def jobs(self) -> list[dict[str, Any]]:
        """Everything that was run."""
        with self.studio.client() as owner:
            found: list[dict[str, Any]] = owner.get("/api/jobs").json()["jobs"]
        return found

    def let_go(self) -> None:
        """The rest of both files leaves."""
        for each in self.served.values():
            each.holds_after = None


@pytest.fixture(params=["embedded", "comfyui"])
def place(request: pytest.FixtureRequest, chromium: str, tmp_path: Path) -> Iterator[Place]:
    model = safetensors(1 << 20, 1)
    variables = {"MODEL_DIR": str(tmp_path / "models")}
    if request.param == "comfyui":
        cache: pytest.Cache = request.config.cache
        variables = comfyui_variables(tmp_path, cache.mkdir("contract"))
        there = Path(variables["MODEL_DIR"], "checkpoints", CHECKPOINT)
        model = there.read_bytes()
        there.unlink()
    with hubs_in_a_thread() as (hub, civitai):
        files = {MODEL: model, STYLE: safetensors(1 << 20, 2)}
        hub.repositories["harbour/models"] = Repository(lfs=files, card={"license": "apache-2.0"})
        served = {
            name: hub.origin.serve(
                f"xet/{hashlib.sha256(content).hexdigest()}", content, holds_after=HELD
            )
            for name, content in files.items()
        }
        variables |= {
            "HF_ENDPOINT": hub.base,
            "CIVITAI_URL": civitai.base,
            "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8,localhost",
        }
        with run_studio(tmp_path, variables) as studio:
            state = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
            made = Place(studio, hub, served, Path(variables["MODEL_DIR"]), state)
            yield made
        # Answers that are still held end by themselves.
        made.let_go()


def says(file: str) -> dict[str, str]:
    """What a node of a saved workflow says of the model that it wants."""
    url = f"https://huggingface.co/harbour/models/resolve/main/{file}"
    return {"name": file, "url": url, "directory": FOLDERS[file]}


def saved_by_the_editor() -> dict[str, Any]:
    """A checkpoint and a LoRA, with where they can be had."""
    graph = harbour_with_lora(MODEL, STYLE)
    for node in graph["nodes"]:
        for file in {MODEL, STYLE}.intersection(map(str, node["widgets_values"])):
            node["properties"] = {"models": [says(file)]}
    return graph


def drop(page: Page, name: str, content: bytes) -> None:
    page.evaluate("customElements.whenDefined('drop-sheet')")
    page.evaluate(DROP, [name, "application/json", list(content)])


def row(page: Page, file: str) -> Locator:
    return page.locator("missing-models .row", has_text=file)


def bar(page: Page, file: str) -> Locator:
    return row(page, file).get_by_role("progressbar", name=f"How much of {file} is here")


def pid_of(studio: RunningStudio) -> int | None:
    """The process of Studio itself, while it runs."""
    with Line(studio.run_dir / "bootstrap.sock") as line:
        child = line.ask(b'{"verb": "status"}')["children"]["studio"]
    return child["pid"] if child["state"] == "running" else None


def kill_studio(studio: RunningStudio) -> None:
    """End Studio at once; bootstrap starts it again on the same folder and port."""
    before = pid_of(studio)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    deadline = time.monotonic() + RESTARTS_S
    while pid_of(studio) in (None, before) or not studio.is_ready():
        assert time.monotonic() < deadline, "Studio does not come back"
        time.sleep(0.1)


@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_both_models_come_through_a_kill_of_studio_and_then_it_runs(
    size: dict[str, int], place: Place, open_page: OpenPage
) -> None:
    page = open_page(**size, storage_state=place.state)
    page.goto(place.studio.url)
    expect(page.locator("#prompt, .advice").first).to_be_visible()
    drop(page, "harbour.json", json.dumps(saved_by_the_editor()).encode())
    for file, folder in FOLDERS.items():
        expect(row(page, file)).to_contain_text(f"models/{folder}")
        expect(row(page, file)).to_contain_text("where the workflow itself says")
    page.get_by_role("button", name="Install all 2").click()
    part = re.compile(r"^[1-9]")
    for file in FOLDERS:
        expect(bar(page, file)).to_be_visible()
    expect(bar(page, STYLE)).to_have_attribute("value", part)

    kill_studio(place.studio)
    for file in FOLDERS:
        expect(bar(page, file)).to_be_visible()
    page.reload()
    for file in FOLDERS:
        expect(bar(page, file)).to_be_visible()
    expect(bar(page, STYLE)).to_have_attribute("value", part)

    place.let_go()
    expect(page.locator("missing-models .row")).to_have_count(0, timeout=PAINTS_MS)
    page.get_by_role("button", name="Save the workflow").click()
    page.get_by_role("link", name="Run it").click()
    expect(page.locator("#prompt")).to_be_visible()
    page.get_by_role("button", name="Create", exact=True).click()
    made = page.get_by_role("button", name=re.compile("^Open “")).first
    expect(made).to_be_visible(timeout=PAINTS_MS)
    [job] = place.jobs()
    assert job["status"] == "succeeded"
    assert {MODEL, STYLE} <= set(job["models"])
    for file, folder in FOLDERS.items():
        content = place.served[file].content
        assert (place.models / folder / file).read_bytes() == content


def graph() -> Graph:
    """The same as a program sends it, which cannot say where models can be had."""
    graph = text_to_image("a quiet harbour", steps=2)
    [loader] = [name for name, node in graph.items() if "ckpt_name" in node["inputs"]]
    graph[loader]["inputs"]["ckpt_name"] = MODEL
    both = {"model": [loader, 0], "clip": [loader, 1]}
    strengths = {"strength_model": 0.5, "strength_clip": 0.5}
    style = {"class_type": "LoraLoader", "inputs": {**both, **strengths, "lora_name": STYLE}}
    for each in graph.values():
        for name, value in each["inputs"].items():
            if value in both.values():
                each["inputs"][name] = ["style", value[1]]
    return {**graph, "style": style}


def bring(page: Page, place: Place) -> Locator:
    """Drop that graph onto the form; its Run button."""
    page.goto(place.studio.url)
    expect(page.locator("create-bring .bring")).to_be_visible()
    drop(page, "harbour.json", json.dumps(graph()).encode())
    for file in FOLDERS:
        expect(row(page, file)).to_contain_text("Neither the workflow nor the catalog")
    return page.locator("graph-panel").get_by_role("button", name="Run it")


@EMBEDDED
@pytest.mark.parametrize("size", SIZES, ids=["desktop", "phone"])
def test_what_only_a_hub_knows_is_chosen_there_and_a_reload_forgets_nothing(
    size: dict[str, int],
    place: Place,
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
) -> None:
    page = open_page(**size, storage_state=place.state)
    run = bring(page, place)
    page.get_by_role("button", name="Look at Hugging Face and Civitai").click()
    for file in FOLDERS:
        expect(row(page, file)).to_contain_text("Found by its name alone")
        expect(row(page, file).get_by_role("link", name="Its page")).to_be_visible()
    assert_accessible(page)
    for file in FOLDERS:
        this = re.compile(f"^Install this one: .* as {file}$")
        row(page, file).get_by_role("button", name=this).click()
        expect(bar(page, file)).to_be_visible()
    # None of these buttons is one of the form around them.
    expect(page.locator("graph-panel .error-text")).to_have_count(0)
    page.reload()
    for file in FOLDERS:
        expect(bar(page, file)).to_be_visible()
    assert_accessible(page)
    expect(run).to_be_disabled()
    place.let_go()
    expect(run).to_be_enabled(timeout=PAINTS_MS)
    run.click()
    expect(page.get_by_role("button", name="Open “a quiet harbour”").first).to_be_visible(
        timeout=PAINTS_MS
    )
    [job] = place.jobs()
    assert {MODEL, STYLE} <= set(job["models"])


@EMBEDDED
def test_a_graph_that_was_closed_stays_closed(place: Place, open_page: OpenPage) -> None:
    page = open_page(storage_state=place.state)
    bring(page, place)
    page.locator("graph-panel").get_by_role("button", name="Close").click()
    page.reload()
    expect(page.locator("create-bring .bring")).to_be_visible()
    expect(page.locator("#prompt")).to_be_visible()
    expect(page.locator("graph-panel")).to_have_count(0)


@EMBEDDED
def test_a_member_is_told_who_installs_and_watches_it_come(
    place: Place, open_page: OpenPage
) -> None:
    with place.studio.client() as owner:
        link = owner.post("/api/invitations", json={"role": "member"}).json()["url"]
        token = link.rpartition("/")[2]
        mia = come_in(place.studio, "/api/join", token=token, name="Mia", password=PASSWORD)
        page = open_page(storage_state=mia)
        run = bring(page, place)
        panel = page.locator("missing-models")
        expect(panel).to_contain_text("The owner of this Studio can install what is missing.")
        expect(panel.get_by_role("button")).to_have_count(0)
        for file, folder in FOLDERS.items():
            wish = {"reference": f"hf:harbour/models/{file}@main", "folder": folder, "name": file}
            assert owner.post("/api/downloads", json=wish).status_code == 201
            expect(bar(page, file)).to_be_visible()
        expect(panel.get_by_role("button")).to_have_count(0)
    place.let_go()
    expect(run).to_be_enabled(timeout=PAINTS_MS)


@EMBEDDED
def test_a_gated_model_leads_to_its_licence_and_to_the_token(
    place: Place, open_page: OpenPage
) -> None:
    place.hub.repositories["harbour/models"].gated = "auto"
    page = open_page(storage_state=place.state)
    page.goto(place.studio.url)
    expect(page.locator("#prompt, .advice").first).to_be_visible()
    drop(page, "harbour.json", json.dumps(saved_by_the_editor()).encode())
    row(page, STYLE).get_by_role("button", name=f"Install {STYLE}").click()
    expect(row(page, STYLE)).to_contain_text("behind a licence: set HF_TOKEN")
    expect(row(page, STYLE).get_by_role("link", name="Set the token")).to_be_visible()
    expect(row(page, STYLE).get_by_role("link", name="Open its page")).to_have_attribute(
        "href", re.compile("/harbour/models")
    )
    place.hub.repositories["harbour/models"].gated = False
    row(page, STYLE).get_by_role("button", name=f"Try {STYLE} again").click()
    expect(bar(page, STYLE)).to_be_visible()
