"""What the browser tests of workflows do with Studio and the page."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Page

from tests.api.graphs import text_to_image


def made(
    owner: httpx.Client, name: str, graph: dict[str, Any] | None = None, **facts: Any
) -> dict[str, Any]:
    """A workflow of the owner's with what the wizard proposes for a picture from words."""
    found = owner.post("/api/workflows/inspect?name=w.json", json=graph or text_to_image()).json()
    manifest = {**found["proposal"], "name": name, **facts}
    body = {"manifest": manifest, "graph": found["graph"], "comment": "as it came"}
    answer = owner.post("/api/workflows", json=body)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def open_at(page: Page, address: str) -> Page:
    page.goto(f"{page.url.partition('#')[0]}#/{address}")
    return page


def bring(page: Page, name: str, content: bytes, kind: str = "application/json") -> None:
    open_at(page, "workflows/new")
    page.locator(".drop-zone input").set_input_files(
        {"name": name, "mimeType": kind, "buffer": content}
    )
