"""ComfyUI's own frontend in a real browser, behind Studio's door."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.graphs import WAIT_S, solid, submit, wait_ended
from tests.api.studio_process import OWNER_KEY, RunningStudio

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The system's Chromium."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def editor_jobs(owner: httpx.Client) -> dict[str, dict[str, Any]]:
    """The jobs of the editor's by id."""
    jobs = owner.get("/api/jobs", params={"limit": 200}).json()["jobs"]
    return {job["id"]: job for job in jobs if job["origin"] == "editor"}


def test_the_editor_opens_queues_a_graph_and_studio_has_its_picture(
    comfyui_studio: RunningStudio, browser: Any
) -> None:
    frames: list[str] = []
    failed: list[str] = []
    with comfyui_studio.client() as owner:
        before = editor_jobs(owner).keys()
        link = owner.post("/api/editor/open").json()["url"]
        page = browser.new_page()
        page.on(
            "websocket",
            lambda socket: socket.on("framereceived", lambda data: frames.append(str(data))),
        )
        page.on(
            "response",
            lambda answer: failed.append(answer.url) if answer.status in (401, 502) else None,
        )
        page.goto(link)
        page.wait_for_function("() => window.app?.graph && window.app?.canvas", timeout=60_000)
        assert "/_studio/" not in page.url and "code=" not in page.url
        page.evaluate("graph => window.app.loadApiJson(graph, 'from a test')", solid("browser"))
        page.evaluate("() => window.app.queuePrompt(0, 1)")
        (job_id,) = editor_jobs(owner).keys() - before
        ended = wait_ended(owner, job_id)
        assert ended["status"] == "succeeded"
        assert [output["name"] for output in ended["outputs"]] == ["browser_00001_.png"]
        deadline = time.monotonic() + WAIT_S
        while not any('"execution_success"' in frame for frame in frames):
            assert time.monotonic() < deadline, "the page heard nothing of its run's end"
            page.wait_for_timeout(50)
        assert page.evaluate("() => document.cookie") == ""
        assert failed == []

        stranger = browser.new_context().new_page()
        answer = stranger.goto(link.partition("/_studio")[0])
        assert answer.status == 401
        assert stranger.get_by_role("link", name="Go to Studio").is_visible()


OPENED = """count => window.app?.rootGraph?.nodes?.length === count
    && !window.app.extensionManager.spinner"""
TYPES = "() => window.app.rootGraph.nodes.map(node => [node.type, node.has_errors ?? false]).sort()"


def open_with(owner: httpx.Client, browser: Any, nodes: int, **named: str) -> Any:
    """A page of the editor's that has opened the graph of a job or workflow."""
    link = owner.post("/api/editor/open", json=named).json()["url"]
    page = browser.new_context().new_page()
    page.goto(link)
    page.wait_for_function(OPENED, arg=nodes, timeout=60_000)
    assert "studio_" not in page.url
    # Nothing lies over it, on somebody's first visit either.
    assert page.get_by_role("dialog").count() == 0
    return page


def test_the_editor_opens_with_the_graph_of_a_job(
    comfyui_studio: RunningStudio, browser: Any
) -> None:
    with comfyui_studio.client() as owner:
        job = submit(owner, solid("to be opened", size=40))
        wait_ended(owner, job["id"])
        page = open_with(owner, browser, 2, job=job["id"])
        prompt = page.evaluate("async () => (await window.app.graphToPrompt()).output")
        inputs = {node["class_type"]: node["inputs"] for node in prompt.values()}
        assert inputs["EmptyImage"]["width"] == 40
        assert inputs["SaveImage"]["filename_prefix"] == "to be opened"
        page.close()


def test_the_editor_opens_its_own_run_as_it_was_laid_out(
    comfyui_studio: RunningStudio, browser: Any
) -> None:
    with comfyui_studio.client() as owner:
        job = submit(owner, solid("first"))
        wait_ended(owner, job["id"])
        before = editor_jobs(owner).keys()
        page = open_with(owner, browser, 2, job=job["id"])
        page.evaluate("() => { window.app.rootGraph.nodes[0].pos = [321, 654]; }")
        page.evaluate("() => window.app.queuePrompt(0, 1)")
        (run,) = editor_jobs(owner).keys() - before
        wait_ended(owner, run)
        page.context.close()
        again = open_with(owner, browser, 2, job=run)
        places = again.evaluate("() => window.app.rootGraph.nodes.map(node => [...node.pos])")
        assert [321, 654] in places
        again.context.close()


def test_a_class_that_the_engine_lacks_is_shown_as_missing_beside_the_rest(
    comfyui_studio: RunningStudio, browser: Any
) -> None:
    graph = solid("partly known")
    graph["3"] = {"class_type": "NotInstalledHere", "inputs": {"images": ["1", 0], "amount": 3}}
    with comfyui_studio.client() as owner:
        stored = owner.post("/api/workflows", json={"graph": graph})
        assert stored.status_code == 201, stored.text
        page = open_with(owner, browser, 3, workflow=stored.json()["id"])
        assert ["NotInstalledHere", True] in page.evaluate(TYPES)
        page.context.close()


def test_what_is_not_there_any_more_is_said_in_the_editor(
    comfyui_studio: RunningStudio, browser: Any
) -> None:
    with comfyui_studio.client() as owner:
        link = owner.post("/api/editor/open").json()["url"]
    page = browser.new_context().new_page()
    page.goto(link)
    page.goto(f"{link.partition('/_studio')[0]}/?studio_job=0f8fad5b-d9cb-469f-a165-70867728950e")
    page.get_by_text("There is no such job.").first.wait_for(timeout=60_000)
    page.context.close()


def test_a_row_of_the_queue_and_a_workflow_of_studios_page_lead_into_the_editor(
    comfyui_studio: RunningStudio, browser: Any
) -> None:
    url = comfyui_studio.url
    context = browser.new_context()
    with comfyui_studio.client() as owner:
        stored = owner.post("/api/workflows", json={"graph": solid("by its menu")}).json()
        assert owner.post("/api/queue/pause").status_code == 200
        waiting = submit(owner, solid("by its row"), title="By its row")
        setup = {"api_key": OWNER_KEY, "password": "correct horse battery"}
        context.request.post(f"{url}/api/setup", data=setup, headers={"origin": url})
        page = context.new_page()
        page.goto(f"{url}/#/queue")
        page.get_by_role("button", name="More for “By its row”").click()
        with context.expect_page() as opened:
            page.get_by_role("menuitem", name="Open its workflow in ComfyUI").click()
        opened.value.wait_for_function(OPENED, arg=2, timeout=60_000)
        page.goto(f"{url}/#/workflows/{stored['id']}")
        page.locator(".flow-actions menu-button button").first.click()
        with context.expect_page() as opened:
            page.get_by_role("menuitem", name="Open in ComfyUI").click()
        opened.value.wait_for_function(OPENED, arg=2, timeout=60_000)
        owner.post("/api/jobs/cancel", json={"ids": [waiting["id"]]})
        owner.post("/api/queue/resume")
    context.close()
