"""Graphs that somebody brings to the page: what it is, the files it wants, running it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.graphs import fresh_png, invert, text_to_image
from tests.browser.test_create_view import jobs_of
from tests.browser.test_workflow_wizard import SAVED

SECOND_PART = "**/api/uploads/*/parts/1"


def bring(page: Page, name: str, content: bytes) -> None:
    """Choose a file; dropping one ends in the same place."""
    kind = "image/png" if name.endswith(".png") else "application/json"
    page.set_input_files(".bring input", {"name": name, "mimeType": kind, "buffer": content})


def test_a_graph_with_a_picture_asks_for_one_and_runs(page: Page, owner: httpx.Client) -> None:
    bring(page, "invert.json", json.dumps(invert("my photo.png", "dropped")).encode())
    panel = page.locator("graph-panel")
    expect(panel).to_contain_text("3 nodes")
    run = panel.get_by_role("button", name="Run it")
    expect(run).to_be_disabled()
    panel.locator("input[type=file]").set_input_files(
        {"name": "mine.png", "mimeType": "image/png", "buffer": fresh_png()}
    )
    run.click()
    expect(page.get_by_role("button", name="Open “invert.json”")).to_be_visible()
    [job] = jobs_of(owner, "invert.json")
    assert job["status"] == "succeeded"


def test_a_large_file_goes_in_parts(page: Page, tmp_path: Path) -> None:
    bring(page, "large.json", json.dumps(invert("large.png", "large")).encode())
    padded = tmp_path / "large.png"
    padded.write_bytes(fresh_png() + bytes(17 << 20))
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    page.locator("graph-panel input[type=file]").set_input_files(padded)
    expect(page.locator("graph-panel")).to_contain_text("Ready")
    assert any(each.startswith("PUT") and "/api/uploads/" in each for each in sent)
    page.get_by_role("button", name="Run it").click()
    expect(page.get_by_role("button", name="Open “large.json”")).to_be_visible()


def choose_large(page: Page, file: Path) -> None:
    bring(page, "large.json", json.dumps(invert("large.png", "large")).encode())
    page.locator("graph-panel input[type=file]").set_input_files(file)


def open_uploads(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/api/uploads").json()["uploads"]
    return found


def stand_still(page: Page, file: Path) -> None:
    """Upload until the line stands still in the middle of the file."""
    page.route(SECOND_PART, lambda route: None)
    with page.expect_request(SECOND_PART):
        choose_large(page, file)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A picture of two parts."""
    path = tmp_path / "large.png"
    path.write_bytes(fresh_png() + bytes(17 << 20))
    return path


def test_an_upload_that_a_reload_cut_sends_only_what_is_missing(
    page: Page, owner: httpx.Client, large: Path
) -> None:
    stand_still(page, large)
    page.reload()
    [cut] = open_uploads(owner)
    assert cut["received"] == [0]
    page.unroute_all()
    sent: list[str] = []
    page.on("request", lambda request: sent.append(f"{request.method} {request.url}"))
    choose_large(page, large)
    expect(page.locator("graph-panel")).to_contain_text("Ready")
    parts = [each for each in sent if "/parts/" in each]
    assert [each.partition("/api")[2] for each in parts] == [f"/uploads/{cut['id']}/parts/1"]
    assert open_uploads(owner) == []


def test_another_file_of_the_same_name_and_size_is_not_mixed_with_the_first(
    page: Page, owner: httpx.Client, large: Path
) -> None:
    stand_still(page, large)
    page.reload()
    page.unroute_all()
    [first] = open_uploads(owner)
    large.write_bytes(fresh_png() + b"x" * (17 << 20))
    os.utime(large, (1, 1))
    choose_large(page, large)
    expect(page.locator("graph-panel")).to_contain_text("Ready")
    assert [each["id"] for each in open_uploads(owner)] == [first["id"]]
    assert owner.delete(f"/api/uploads/{first['id']}").status_code == 204


def test_an_upload_that_is_given_up_keeps_no_room(
    page: Page, owner: httpx.Client, large: Path
) -> None:
    stand_still(page, large)
    assert len(open_uploads(owner)) == 1
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as gone:
        page.get_by_role("button", name="Close").click()
    assert gone.value.status == 204
    assert open_uploads(owner) == []


def test_an_upload_that_is_refused_keeps_no_room(
    page: Page, owner: httpx.Client, large: Path
) -> None:
    refusal = {"error": {"code": "disk_full", "message": "full"}}
    page.route(SECOND_PART, lambda route: route.fulfill(status=507, json=refusal))
    with page.expect_response(lambda answer: answer.request.method == "DELETE") as gone:
        choose_large(page, large)
    assert gone.value.status == 204
    expect(page.locator("graph-panel")).to_contain_text("The disk is full")
    assert open_uploads(owner) == []


def test_a_picture_of_studios_own_is_a_graph_again(page: Page, owner: httpx.Client) -> None:
    job = owner.post("/api/create", json={"prompt": "carries its graph", "steps": 1}).json()
    pictures = page.get_by_role("button", name="Open “carries its graph”")
    expect(pictures).to_be_visible()
    [output] = owner.get(f"/api/jobs/{job['id']}").json()["outputs"]
    bring(page, "made.png", owner.get(f"/api/v2/assets/{output['id']}/content").content)
    expect(page.locator("graph-panel blockquote")).to_have_text("carries its graph")
    page.get_by_role("button", name="Run it").click()
    expect(page.get_by_role("button", name="Show “carries its graph”")).to_have_count(2)
    again = jobs_of(owner, "carries its graph")[0]
    graph = owner.get(f"/api/v2/jobs/{again['id']}/workflow").json()["workflow"]
    assert graph["save"]["inputs"]["filename_prefix"] == "studio"


def test_a_seed_beyond_javascripts_integers_arrives_as_it_was(
    page: Page, owner: httpx.Client
) -> None:
    graph: dict[str, Any] = text_to_image()
    [sampler] = [node for node in graph.values() if node["class_type"] == "KSampler"]
    sampler["inputs"]["seed"] = 2**64 - 3
    bring(page, "huge.json", json.dumps(graph).encode())
    with page.expect_response("**/api/jobs") as answer:
        page.get_by_role("button", name="Run it").click()
    kept = owner.get(f"/api/v2/jobs/{answer.value.json()['id']}/workflow").json()["workflow"]
    assert kept == graph


def test_what_is_no_graph_is_refused_in_words(page: Page) -> None:
    bring(page, "torn.json", b"{not json")
    expect(page.locator(".notice.is-error")).to_contain_text("no_graph")
    bring(page, "plain.png", fresh_png())
    expect(page.locator(".notice.is-error").nth(1)).to_contain_text("no_graph")


def test_what_the_editor_saves_is_made_into_a_workflow(page: Page) -> None:
    bring(page, "blue_sky.json", json.dumps(SAVED).encode())
    expect(page).to_have_url(re.compile("#/workflows/new$"))
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Blue sky")


def test_a_graph_that_cannot_run_says_why(page: Page) -> None:
    graph = {"1": {"class_type": "NoSuchNode", "inputs": {}}}
    bring(page, "bad.json", json.dumps(graph).encode())
    page.get_by_role("button", name="Run it").click()
    expect(page.locator(".error-text")).to_contain_text("NoSuchNode")
    expect(page.locator(".error-text code")).to_have_text("invalid_workflow")
