"""The page as an app: what its service worker keeps, and what it leaves alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage, come_in

READY = """async () => {
    await navigator.serviceWorker.ready;
    while (!navigator.serviceWorker.controller) await new Promise((done) => setTimeout(done, 50));
}"""
KEPT = """async () => {
    const names = await caches.keys();
    const kept = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
    return kept.flat().map(({ url }) => new URL(url).pathname);
}"""


def with_worker(open_page: OpenPage, site: RunningStudio, state: dict[str, Any]) -> Page:
    """The owner's page, with its service worker at work."""
    page = open_page(storage_state=state, service_workers="allow")
    page.goto(site.url)
    page.evaluate(READY)
    return page


def test_the_service_worker_keeps_the_pages_own_files_and_nothing_else(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    page = with_worker(open_page, site, state)
    page.get_by_role("link", name="System").click()
    expect(page.locator("engine-card")).to_be_visible()
    page.get_by_role("link", name="Library").click()
    page.wait_for_load_state("networkidle")
    kept = page.evaluate(KEPT)
    assert "/" in kept
    assert "/static/js/components/app.js" in kept
    assert [path for path in kept if path != "/" and not path.startswith("/static/")] == []
    assert [path for path in kept if "swagger" in path] == []


def test_without_studio_the_page_opens_and_says_so(open_page: OpenPage, tmp_path: Path) -> None:
    with run_studio(tmp_path / "going") as studio:
        state = come_in(studio, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)
        page = with_worker(open_page, studio, state)
        page.context.set_offline(True)
        page.goto(studio.url)
        expect(page.get_by_role("status").first).to_contain_text("Studio cannot be reached")
        page.context.set_offline(False)
        expect(page.locator("#prompt")).to_be_visible()
        # What is still loaded when Studio goes would complain.
        page.close()


def test_a_newer_page_is_told_of(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any]
) -> None:
    page = with_worker(open_page, site, state)
    page.evaluate("navigator.serviceWorker.dispatchEvent(new Event('controllerchange'))")
    page.evaluate("navigator.serviceWorker.dispatchEvent(new Event('controllerchange'))")
    notice = page.locator(".notice", has_text="There is a new version of this page.")
    expect(notice).to_have_count(1)
    with page.expect_navigation():
        notice.get_by_role("button", name="Reload").click()


def test_the_manifest_names_icons_that_are_there(site: RunningStudio) -> None:
    with httpx.Client(base_url=site.url) as stranger:
        answer = stranger.get("/static/manifest.webmanifest")
        assert answer.headers["content-type"] == "application/manifest+json"
        icons = json.loads(answer.text)["icons"]
        assert len(icons) == 4
        for icon in icons:
            found = stranger.get(icon["src"])
            assert found.status_code == 200
            assert found.headers["content-type"] == icon["type"]
        worker = stranger.get("/static/sw.js")
        assert worker.status_code == 200
        assert worker.headers["content-security-policy"].startswith("default-src 'none'")
        assert '"js/main.js"' not in worker.text.partition("\n")[2]
        assert '"js/main.js"' in worker.text.partition("\n")[0]
