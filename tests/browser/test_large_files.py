"""A workflow in a file that is too large for one request."""

from __future__ import annotations

import json
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.api.graphs import solid
from tests.api.test_large_carriers import box, moov
from tests.browser.workflow_pages import open_at

SIZE = 40 << 20


def test_a_film_beyond_the_limit_of_a_request_becomes_a_workflow(
    page: Page, tmp_path: Path
) -> None:
    path = tmp_path / "summer_film.mp4"
    with path.open("wb") as file:
        file.write(box(b"ftyp", b"isom" + bytes(4)) + box(b"mdat", bytes(SIZE)))
        file.write(moov(prompt=json.dumps(solid("from a large film"))))
    open_at(page, "workflows/new")
    page.locator(".drop-zone input").set_input_files(path)
    name = page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_have_value("Summer film", timeout=60_000)
