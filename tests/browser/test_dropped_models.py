"""Models that a dropped graph lacks are chosen among those that are there."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.graphs import CHECKPOINT, Graph
from tests.api.studio_process import ROOT
from tests.browser.test_create_view import jobs_of
from tests.browser.test_dropped_graphs import bring

PROMPT = "a lighthouse at dusk"


def example(checkpoint: str = "") -> Graph:
    graph: Graph = json.loads((ROOT / "examples/graph.json").read_text(encoding="utf-8"))
    graph["4"]["inputs"]["ckpt_name"] = checkpoint
    return graph


def loaded(owner: httpx.Client) -> Any:
    """The checkpoint of the newest job from the example."""
    job = jobs_of(owner, PROMPT)[0]
    graph = owner.get(f"/api/v2/jobs/{job['id']}/workflow").json()["workflow"]
    return graph["4"]["inputs"]["ckpt_name"]


def test_the_example_as_it_is_runs_with_the_checkpoint_that_is_there(
    page: Page, owner: httpx.Client
) -> None:
    bring(page, "graph.json", json.dumps(example()).encode())
    panel = page.locator("graph-panel")
    expect(panel.get_by_label("Checkpoint")).to_have_value(CHECKPOINT)
    expect(panel).to_contain_text("names no model")
    panel.get_by_role("button", name="Run it").click()
    expect(page.get_by_role("button", name=f"Open “{PROMPT}”").first).to_be_visible()
    assert loaded(owner) == CHECKPOINT


def test_one_that_is_not_installed_is_replaced_by_choice_alone(
    page: Page, owner: httpx.Client
) -> None:
    bring(page, "graph.json", json.dumps(example("sd_xl_base_1.0.safetensors")).encode())
    panel = page.locator("graph-panel")
    expect(panel).to_contain_text("“sd_xl_base_1.0.safetensors” is not installed")
    run = panel.get_by_role("button", name="Run it")
    expect(run).to_be_disabled()
    panel.get_by_label("Checkpoint").select_option(CHECKPOINT)
    with page.expect_response("**/api/jobs") as answered:
        run.click()
    assert answered.value.status == 201
    assert loaded(owner) == CHECKPOINT


def test_a_graph_that_lacks_nothing_asks_nothing(page: Page) -> None:
    with page.expect_response("**/api/graphs/models") as answered:
        bring(page, "graph.json", json.dumps(example(CHECKPOINT)).encode())
    assert answered.value.json() == {"inputs": []}
    panel = page.locator("graph-panel")
    expect(panel.get_by_role("button", name="Run it")).to_be_enabled()
    expect(panel.locator("select")).to_have_count(0)


@pytest.mark.parametrize(
    ("name", "advice"),
    [("ckpt_name", "folder models/checkpoints of this Studio"), ("odd_name", "below the folder")],
)
def test_with_no_model_of_the_kind_the_page_says_what_to_do(
    page: Page, name: str, advice: str
) -> None:
    is_empty = True
    lack = {
        "node_id": "4",
        "title": "Checkpoint",
        "class_type": "CheckpointLoaderSimple",
        "name": name,
        "value": "",
    }

    def answer(route: Route) -> None:
        installed = [] if is_empty else ["came.safetensors"]
        route.fulfill(json={"inputs": [{**lack, "installed": installed}]})

    page.route("**/api/graphs/models", answer)
    bring(page, "graph.json", json.dumps(example()).encode())
    panel = page.locator("graph-panel")
    expect(panel).to_contain_text(advice)
    expect(panel.get_by_role("button", name="Run it")).to_be_disabled()
    is_empty = False
    panel.get_by_role("button", name="Look again").click()
    expect(panel.get_by_label("Checkpoint")).to_have_value("came.safetensors")
    expect(panel.get_by_role("button", name="Run it")).to_be_enabled()
