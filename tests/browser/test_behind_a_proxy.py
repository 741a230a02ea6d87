"""A person's day at Studio from elsewhere: behind a proxy that ends TLS, and by name in a LAN."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, StorageState, expect, sync_playwright

from tests.api.studio_process import RunningStudio, run_studio
from tests.browser.conftest import PASSWORD, OpenPage
from tests.browser.test_doors_view import log_in, set_up
from tests.browser.test_looks import check
from tests.contract.harness import find_free_port
from tests.security.tls_proxy import EDITOR_NAME, PUBLIC_NAME, find_proxy_port, run_tls_proxy

LAN_NAME = "studio.lan"
NAMES = ", ".join(f"MAP {name} 127.0.0.1" for name in (PUBLIC_NAME, EDITOR_NAME, LAN_NAME))
INSECURE = re.compile("Not encrypted")
HEARS = """(url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url);
    socket.onmessage = (event) => { socket.close(); resolve(JSON.parse(event.data).type); };
    socket.onerror = () => reject(new Error('refused'));
})"""
"""The type of the first message that a page gets there."""


@dataclass(frozen=True)
class Place:
    """A Studio and the addresses that people know: its own, and that of ComfyUI's editor."""

    studio: RunningStudio
    url: str
    editor_url: str

    @property
    def is_https(self) -> bool:
        return self.url.startswith("https:")

    def cookie(self, name: str) -> str:
        """What the cookie of that name is called here."""
        return f"__Host-{name}" if self.is_https else name


@contextlib.contextmanager
def open_place(
    scheme: str, folder: Path, environ: Mapping[str, str], *, engine: bool
) -> Iterator[Place]:
    """A Studio that nobody set up, reached by ``scheme``."""
    comfy_port = find_free_port()
    environ = {"STUDIO_COMFY_PORT": str(comfy_port), **environ}
    if scheme == "http":
        with run_studio(folder, environ, engine=engine) as studio:
            url = studio.url.replace("127.0.0.1", LAN_NAME)
            yield Place(studio, url, f"http://{LAN_NAME}:{comfy_port}")
        return
    port, editor_port = find_proxy_port(), find_proxy_port()
    url, editor_url = f"https://{PUBLIC_NAME}:{port}", f"https://{EDITOR_NAME}:{editor_port}"
    public = {"STUDIO_PUBLIC_URL": url, "STUDIO_COMFY_PUBLIC_URL": editor_url}
    with run_studio(folder, {**environ, **public}, engine=engine) as studio:
        upstream = int(studio.url.rpartition(":")[2])
        nginx = folder / "nginx"
        with run_tls_proxy(nginx, port, upstream, editor=(editor_port, comfy_port)):
            yield Place(studio, url, editor_url)


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """One that finds those names on this machine."""
    arguments = ["--no-sandbox", f"--host-resolver-rules={NAMES}"]
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield opened
        opened.close()


@pytest.fixture(scope="module", params=["https", "http"])
def place(
    request: pytest.FixtureRequest, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """A Studio with the embedded engine."""
    folder = tmp_path_factory.mktemp("place")
    with open_place(request.param, folder, {}, engine=True) as opened:
        yield opened


@pytest.fixture(scope="module")
def inside(place: Place, browser: Browser) -> StorageState:
    """A browser's storage once the owner has set up with the value of ``API_KEY``."""
    context = browser.new_context(ignore_https_errors=True)
    set_up(context.new_page(), place.url)
    state = context.storage_state()
    context.close()
    return state


def visit(open_page: OpenPage, url: str, **options: Any) -> Page:
    page = open_page(ignore_https_errors=True, **options)
    page.goto(url)
    return page


@pytest.fixture
def owner(open_page: OpenPage, place: Place, inside: StorageState) -> Page:
    """The owner's page, just opened."""
    page = visit(open_page, place.url, storage_state=inside)
    expect(page.locator("#prompt")).to_be_visible()
    return page


def create(page: Page, prompt: str, steps: str = "2") -> None:
    page.get_by_role("link", name="Create").click()
    page.fill("#prompt", prompt)
    if not page.locator("#input-steps").is_visible():
        page.locator("details.more summary").click()
    page.locator("#input-steps").fill(steps)
    page.locator("#prompt").press("Control+Enter")


def told_link(studio: RunningStudio) -> str:
    """The link that Studio prints once it serves."""
    deadline = time.monotonic() + 20
    while not (found := re.search(r"Open (\S+/#/setup/\S+) within", studio.log.read_text())):
        assert time.monotonic() < deadline, studio.log.read_text()
        time.sleep(0.05)
    return found[1]


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_link_of_the_first_start_sets_up(
    open_page: OpenPage, tmp_path: Path, scheme: str
) -> None:
    with open_place(scheme, tmp_path / "fresh", {"API_KEY": ""}, engine=False) as place:
        link = told_link(place.studio)
        if not place.is_https:
            # Studio was told of no name: it names the machine itself, and a person its name.
            link = link.replace(place.studio.url, place.url)
        assert link.startswith(f"{place.url}/#/setup/")
        page = visit(open_page, link)
        expect(page.get_by_label("API key")).to_have_count(0)
        page.get_by_label("New password").fill(PASSWORD)
        page.get_by_role("button", name="Make it mine").click()
        expect(page.locator("#prompt")).to_be_visible()
        assert page.url == f"{place.url}/#/create"
        page.close()


def test_cookies_are_as_strict_as_the_address_allows(place: Place, inside: StorageState) -> None:
    names = {cookie["name"] for cookie in inside["cookies"]}
    assert names == {place.cookie("studio"), place.cookie("studio-device")}
    for cookie in inside["cookies"]:
        assert cookie["secure"] is place.is_https
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
        assert cookie["domain"] == (PUBLIC_NAME if place.is_https else LAN_NAME)


def test_a_warning_of_what_is_not_encrypted_stands_where_it_is_true(
    open_page: OpenPage, place: Place, inside: StorageState
) -> None:
    page = visit(open_page, place.url, storage_state=inside, width=360, height=740)
    expect(page.locator("#prompt")).to_be_visible()
    warning = page.locator(".banner", has_text=INSECURE)
    expect(warning).to_have_count(0 if place.is_https else 1)
    check(page, "create")
    if not place.is_https:
        warning.get_by_role("button", name="Close").click()
        expect(warning).to_have_count(0)
        here = visit(open_page, place.studio.url)
        here.get_by_label("Name").fill("owner")
        log_in(here, PASSWORD)
        expect(here.locator("#prompt")).to_be_visible()
        expect(here.locator(".banner", has_text=INSECURE)).to_have_count(0)


def test_a_picture_is_watched_as_it_is_made(
    open_page: OpenPage, place: Place, inside: StorageState
) -> None:
    page = open_page(ignore_https_errors=True, storage_state=inside)
    sockets: list[str] = []
    page.on("websocket", lambda socket: sockets.append(socket.url))
    page.goto(place.url)
    create(page, "a fox from afar", steps="40")
    expect(page.locator("job-tile img.preview")).to_have_attribute("src", re.compile("^blob:"))
    page.get_by_role("button", name="Open “a fox from afar”").click()
    shown = page.locator("dialog zoom-stage img")
    expect(shown).to_have_js_property("naturalWidth", 512)
    assert sockets == [f"ws{place.url.removeprefix('http')}/api/ws"]


def test_a_member_comes_by_link_and_sees_their_own(
    open_page: OpenPage, place: Place, owner: Page
) -> None:
    create(owner, "a hat of the owner’s")
    expect(owner.get_by_role("button", name="Open “a hat of the owner’s”")).to_be_visible()
    owner.get_by_role("link", name="Settings").click()
    owner.get_by_role("link", name="People").click()
    owner.get_by_role("button", name="Make a link").click()
    link = owner.locator(".once input").input_value()
    assert link.startswith(f"{place.url}/#/join/")

    member = visit(open_page, link, width=360, height=740)
    expect(member.locator("h1")).to_have_text("You are invited")
    member.get_by_label("Name").fill("Ada")
    member.get_by_label("New password").fill("a member of nine words")
    member.get_by_role("button", name="Join").click()
    expect(member.locator("#prompt")).to_be_visible()
    create(member, "a hare of Ada’s")
    expect(member.get_by_role("button", name="Open “a hare of Ada’s”")).to_be_visible()
    member.get_by_role("link", name="Library").click()
    expect(member.locator(".cell:not(.is-unknown)")).to_have_count(1)
    check(member, "library")

    owner.get_by_role("link", name="Library").click()
    owner.get_by_label("Everybody’s").check()
    expect(owner.get_by_role("option", name="a hare of Ada’s")).to_be_visible()
    owner.get_by_role("link", name="Settings").click()
    owner.get_by_role("link", name="People").click()
    owner.locator("people-list .row", has_text="Ada").get_by_role("button", name="Lock out").click()
    expect(member.locator(".lead")).to_contain_text("Your session has ended")
    expect(member.get_by_label("Name")).to_have_value("Ada")


def test_a_session_that_is_ended_ends_the_open_page(
    open_page: OpenPage, place: Place, owner: Page
) -> None:
    there = visit(open_page, place.url)
    there.get_by_label("Name").fill("owner")
    log_in(there, PASSWORD)
    expect(there.locator("#prompt")).to_be_visible()
    owner.get_by_role("link", name="Settings").click()
    owner.get_by_role("button", name="Log out everywhere else").click()
    expect(there.locator(".lead")).to_contain_text("Your session has ended")


def test_the_editor_opens_under_its_own_name(
    open_page: OpenPage, place: Place, owner: Page
) -> None:
    # The page offers ComfyUI's editor alone; the way there is the same for the embedded engine.
    link = owner.evaluate(
        "async () => (await (await fetch('/api/editor/open', { method: 'POST' })).json()).url"
    )
    editor = owner.context.new_page()
    editor.goto(link)
    editor.wait_for_url(f"{place.editor_url}/")
    expect(editor.locator("body")).to_contain_text("This is the embedded engine")
    [cookie] = [each for each in owner.context.cookies() if each["name"].endswith("editor")]
    assert cookie["name"] == place.cookie("studio-editor")
    assert (cookie["secure"], cookie["httpOnly"]) == (place.is_https, True)
    socket = f"ws{place.editor_url.removeprefix('http')}/ws?clientId=a-page"
    assert editor.evaluate(HEARS, socket) == "status"

    stranger = visit(open_page, place.editor_url)
    expect(stranger.locator("h1")).to_have_text("ComfyUI is not open here")
    link = stranger.get_by_role("link", name="Go to Studio")
    # A style that the page's policy does not know would not be applied.
    expect(link).to_have_css("text-decoration-line", "none")
    link.click()
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    assert stranger.url.startswith(place.url)
