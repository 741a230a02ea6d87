"""Large files are hashed beside the page, and what Studio has is not sent again."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import httpx
from blake3 import blake3
from playwright.sync_api import Browser, Page, expect

from tests.api.graphs import fresh_png
from tests.api.studio_process import RunningStudio
from tests.browser.test_dropped_graphs import choose_large

LENGTHS = (0, 1, 63, 64, 65, 127, 128, 1023, 1024, 1025, 2047, 2048, 2049, 3072, 3073, 4096, 4097)
LONGER = (5120, 6145, 7168, 8193, 16384, 31744, 102400, 1 << 20)
HASHES = """async ([lengths, pieces]) => {
    const { Blake3 } = await import('/static/js/core/blake3.js');
    return lengths.map((length) => {
        const data = Uint8Array.from({ length }, (_, index) => index % 251);
        const hasher = new Blake3();
        let at = 0;
        for (const piece of pieces) hasher.update(data.subarray(at, (at += piece)));
        return hasher.update(data.subarray(at)).hex();
    });
}"""
"""The inputs of the test vectors of BLAKE3's specification, hashed in pieces."""


def expected(length: int) -> str:
    return blake3(bytes(index % 251 for index in range(length))).hexdigest()


def test_the_hash_is_that_of_the_specification_at_every_edge(page: Page) -> None:
    lengths = [*LENGTHS, *LONGER]
    assert page.evaluate(HASHES, [lengths, []]) == [expected(length) for length in lengths]


def test_the_pieces_in_which_bytes_come_do_not_matter(page: Page) -> None:
    lengths = [1025, 4097, 8193, 102400]
    right = [expected(length) for length in lengths]
    chance = random.Random(7)
    ways = [[1] * 1100, [0, 64, 0, 64, 960], [1024] * 6, [1023, 2, 1023, 1]]
    ways += [[chance.randrange(3000) for _ in range(40)] for _ in range(5)]
    for pieces in ways:
        assert page.evaluate(HASHES, [lengths, pieces]) == right, pieces


def asked(page: Page) -> list[str]:
    """Every request for an upload from now on."""
    sent: list[str] = []
    page.on(
        "request",
        lambda request: (
            sent.append(f"{request.method} {request.url.partition('/api')[2]}")
            if "/api/uploads" in request.url and request.method != "GET"
            else None
        ),
    )
    return sent


def test_a_file_that_studio_has_is_not_sent_again(
    page: Page, owner: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "large.png"
    file.write_bytes(fresh_png() + bytes(17 << 20))
    choose_large(page, file)
    ready = page.locator("graph-panel small[role=status]")
    expect(ready).to_have_text("Ready")
    name = f"blake3:{blake3(file.read_bytes()).hexdigest()}"
    assert owner.head(f"/api/v2/assets/by-hash/{name}").status_code == 200
    page.reload()
    page.wait_for_selector("#prompt")
    sent = asked(page)
    choose_large(page, file)
    expect(ready).to_have_text("Ready")
    assert sent == ["POST /uploads"]


def test_what_the_command_line_began_the_page_goes_on_with(
    page: Page, owner: httpx.Client, tmp_path: Path
) -> None:
    file = tmp_path / "large.png"
    data = fresh_png() + bytes(17 << 20)
    file.write_bytes(data)
    name = f"blake3:{blake3(data).hexdigest()}"
    announced = {"name": "large.png", "size_bytes": len(data), "hash": name}
    begun: dict[str, Any] = owner.post("/api/uploads", json=announced).json()
    part = owner.put(f"/api/uploads/{begun['id']}/parts/0", content=data[: begun["part_bytes"]])
    assert part.status_code == 200
    sent = asked(page)
    choose_large(page, file)
    expect(page.locator("graph-panel small[role=status]")).to_have_text("Ready")
    path = f"/uploads/{begun['id']}"
    assert sent == [f"PUT {path}/parts/1", f"POST {path}/complete"]


def test_nothing_of_it_is_loaded_before_a_large_file_is_chosen(page: Page, tmp_path: Path) -> None:
    loaded: list[str] = page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)")
    assert any(name.endswith("/api.js") for name in loaded)
    assert not [name for name in loaded if "blake3" in name or "workers" in name]
    file = tmp_path / "large.png"
    file.write_bytes(fresh_png() + bytes(17 << 20))
    with page.expect_worker() as worker:
        choose_large(page, file)
    assert worker.value.url.endswith("/static/js/workers/hash.js")


def test_the_page_makes_no_worker_of_any_other_address(
    browser: Browser, site: RunningStudio
) -> None:
    made = """(address) => {
        try {
            new Worker(address);
            return 'made';
        } catch (error) {
            return error.name;
        }
    }"""
    context = browser.new_context()
    page = context.new_page()
    assert page.evaluate(made, "data:text/javascript,") == "made"
    page.goto(site.url)
    for address in ("data:text/javascript,", "/static/js/main.js", "/static/js/workers/hash.js"):
        assert page.evaluate(made, address) == "TypeError", address
    context.close()
