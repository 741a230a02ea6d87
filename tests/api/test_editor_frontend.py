"""ComfyUI's own frontend in a real browser, behind Studio's door."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.graphs import WAIT_S, solid, wait_ended
from tests.api.studio_process import RunningStudio

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
