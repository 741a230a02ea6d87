"""Live updates, with the socket and without, in a real browser."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import WebSocketRoute, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage


def create(client: httpx.Client, prompt: str) -> dict[str, Any]:
    wish = {"prompt": prompt, "steps": 1, "width": 64, "height": 64}
    answer = client.post("/api/create", json=wish)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_without_the_socket_the_page_asks_and_says_so(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    page = open_page(storage_state=state)
    is_cut = True

    def pass_or_cut(route: WebSocketRoute) -> None:
        if is_cut:
            route.close()
        else:
            route.connect_to_server()

    page.route_web_socket("**/api/ws", pass_or_cut)
    page.goto(site.url)
    expect(page.locator(".live-state")).to_contain_text("every two seconds")
    create(owner, "found by asking")
    expect(page.get_by_role("button", name="Open “found by asking”")).to_be_visible()
    is_cut = False
    expect(page.locator(".live-state")).to_have_text("")
    create(owner, "told by the socket")
    expect(page.get_by_role("button", name="Open “told by the socket”")).to_be_visible()


def test_a_cut_socket_resumes_where_it_was(
    open_page: OpenPage, site: RunningStudio, state: dict[str, Any], owner: httpx.Client
) -> None:
    page = open_page(storage_state=state)
    routes: list[WebSocketRoute] = []
    subscribes: list[str] = []

    def watch(route: WebSocketRoute) -> None:
        routes.append(route)
        server = route.connect_to_server()

        def on_message(message: str | bytes) -> None:
            if '"subscribe"' in str(message):
                subscribes.append(str(message))
            server.send(message)

        route.on_message(on_message)

    page.route_web_socket("**/api/ws", watch)
    page.goto(site.url)
    page.wait_for_selector("#prompt")
    create(owner, "before the cut")
    expect(page.get_by_role("button", name="Open “before the cut”")).to_be_visible()
    routes[0].close()
    create(owner, "while it was cut")
    expect(page.get_by_role("button", name="Open “while it was cut”")).to_be_visible()
    expect(page.locator(".live-state")).to_have_text("")
    assert '"after"' not in subscribes[0]
    assert '"after"' in subscribes[1]
