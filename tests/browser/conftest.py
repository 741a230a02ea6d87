"""A real browser in front of a real Studio; skipped, with the reason, without a Chromium."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Page,
    ViewportSize,
    expect,
    sync_playwright,
)

from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio

PASSWORD = "a canary of nine words"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OpenPage = Callable[..., Page]
AssertAccessible = Callable[[Page], None]
AXE = Path(__file__).resolve().parents[1] / "data/vendor/axe-core/axe.min.js"
RUN_AXE = """() => axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
}).then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(
    ({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`,
)))"""
# What just appears is faint for a moment; what moves for ever is never waited for.
FINISH_ANIMATIONS = """Promise.all(document.getAnimations()
    .filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity)
    .map((each) => each.finished.catch(() => {})))"""
# How long anything may take on a busy machine before a test says that it did not happen.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
EXPECTED = (
    # Refusals and cuts that a test asks for.
    "Failed to load",
    "WebSocket",
    # Tests watch requests, which a service worker would take over; its own tests allow it.
    "Service Worker registration blocked by Playwright",
    # Browsers take this header from https and the machine itself alone.
    "The Cross-Origin-Opener-Policy header has been ignored, because the URL's origin was untrust",
)


@pytest.fixture(scope="session")
def chromium() -> str:
    """The system's Chromium."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("there is no Chromium here (Debian: apt install chromium)")
    return found


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One for a module: it keeps this thread's event loop to itself as long as it lives."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="session")
def site(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStudio]:
    """A Studio with the embedded engine."""
    with run_studio(tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture(scope="session")
def state(site: RunningStudio) -> dict[str, Any]:
    """A browser's storage once the owner has set up: the session's cookie."""
    return come_in(site, "/api/setup", api_key=OWNER_KEY, password=PASSWORD)


@pytest.fixture(scope="session")
def member_state(site: RunningStudio) -> dict[str, Any]:
    """The same of a member, whose name is Mia."""
    with site.client() as owner:
        link = owner.post("/api/invitations", json={"role": "member"}).json()["url"]
    token = link.rpartition("/")[2]
    return come_in(site, "/api/join", token=token, name="Mia", password=PASSWORD)


def come_in(site: RunningStudio, path: str, **body: str) -> dict[str, Any]:
    """A browser's storage once somebody came in this way."""
    answer = httpx.post(f"{site.url}{path}", json=body, headers={"Origin": site.url})
    assert answer.status_code == 200, answer.text
    fixed = {"domain": "127.0.0.1", "path": "/", "httpOnly": True, "sameSite": "Lax"}
    cookies = [{"name": name, "value": value, **fixed} for name, value in answer.cookies.items()]
    return {"cookies": cookies, "origins": []}


@pytest.fixture
def owner(site: RunningStudio) -> Iterator[httpx.Client]:
    """The owner's client; the queue is empty and goes on when the test is over."""
    with site.client() as client:
        yield client
        client.post("/api/queue/clear")
        client.post("/api/queue/resume")


@contextlib.contextmanager
def opening_pages(browser: Browser) -> Iterator[OpenPage]:
    """Opens pages in contexts of their own; whatever a page complains about fails the test."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def opened(width: int = 1280, height: int = 800, **options: Any) -> Page:
        size = ViewportSize(width=width, height=height)
        options = {"service_workers": "block", "locale": "en-US", **options}
        context = browser.new_context(viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda message: note(message.type, message.text))
        return page

    def note(kind: str, text: str) -> None:
        if kind in ("error", "warning") and not text.startswith(EXPECTED):
            complaints.append(text)

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """For pages of one test's own."""
    with opening_pages(browser) as opened:
        yield opened


@pytest.fixture
def page(open_page: OpenPage, site: RunningStudio, state: dict[str, Any]) -> Page:
    """The owner's page, just opened."""
    opened = open_page(storage_state=state)
    opened.goto(site.url)
    wait_for_parts(opened)
    return opened


def wait_for_parts(page: Page) -> None:
    """Until all is there that a page loads by itself once the form can be used, like its keys."""
    page.wait_for_selector("#prompt")
    page.evaluate(
        """import('/static/js/parts.js').then(
            ({ PARTS, loadPart }) => Promise.all(Object.values(PARTS).map(loadPart)),
        )"""
    )


@pytest.fixture(scope="session")
def assert_accessible() -> AssertAccessible:
    """Looks over what a page shows now, with axe; what it finds is told."""
    axe = AXE.read_text(encoding="utf-8")

    def check(page: Page) -> None:
        page.evaluate(FINISH_ANIMATIONS)
        if not page.evaluate("Boolean(window.axe)"):
            page.evaluate(axe)
        assert page.evaluate(RUN_AXE) == []

    return check
