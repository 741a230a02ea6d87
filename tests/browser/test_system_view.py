"""System, in a real browser: the machine, its engines, what became of updates."""

from __future__ import annotations

from typing import Any

import httpx
from playwright.sync_api import Page, Route, expect

from tests.api.studio_process import RunningStudio
from tests.browser.library import create

CHANGES = "## 9.0.0\n\n- A `word`\n  that goes on\n- <b>Another</b>\n\nAnd a **last** thought.\n"


def test_the_system_says_what_is_meant_by_no_isolation_and_what_helps(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/system")
    warning = page.locator(".system .banner", has_text="the same user")
    expect(warning).to_contain_text("can do what Studio can")
    expect(warning).to_contain_text("container image")
    expect(page.locator(".system")).not_to_contain_text("no isolation")


def test_the_system_says_how_long_its_start_took_and_with_what(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/system")
    start = page.locator(".system .start")
    expect(start).to_contain_text("The page was served after")
    expect(start).to_contain_text("Work was taken after")
    expect(start.locator("dt")).to_contain_text(["Loading Studio", "Waiting for an engine"])


def test_the_system_shows_its_engine_and_what_it_writes(page: Page, site: RunningStudio) -> None:
    page.get_by_role("link", name="System").click()
    card = page.locator("engine-card", has_text="embedded")
    expect(card.locator(".state")).to_have_text("ready")
    expect(page.locator(".rings").get_by_role("img", name="Memory")).to_be_visible()
    card.get_by_role("button", name="Log").click()
    expect(card.get_by_role("log")).to_contain_text("Listening on")
    card.get_by_role("button", name="Free memory").click()
    expect(page.locator(".notice")).to_contain_text("frees its memory")
    with page.expect_download() as found:
        page.get_by_role("link", name="Diagnostics").click()
    assert found.value.suggested_filename.endswith(".zip")


def test_an_engine_that_ends_and_starts_is_seen_by_itself(page: Page) -> None:
    page.get_by_role("link", name="System").click()
    card = page.locator("engine-card", has_text="embedded")
    expect(card.locator(".state")).to_have_text("ready")
    card.get_by_role("button", name="Stop", exact=True).click()
    expect(card.locator(".state")).to_have_text("stopped")
    card.get_by_role("button", name="Start", exact=True).click()
    expect(card.locator(".state")).to_have_text("ready")
    card.get_by_role("button", name="Restart").click()
    expect(page.locator(".notice", has_text="starts again")).to_be_visible()
    expect(card.locator(".state")).to_have_text("ready")


def test_the_system_and_the_log_of_an_engine_come_live(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.goto(f"{site.url}/#/system")
    expect(page.locator(".totals")).to_be_visible()
    page.get_by_role("button", name="Log", exact=True).click()
    log = page.locator("engine-log").get_by_role("log")
    expect(log).not_to_be_empty()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    file = site.folder / "logs" / "embedded.log"
    for number in range(3):
        with file.open("a") as out:
            out.write(f"canary {number} of the engine\n")
        expect(log).to_contain_text(f"canary {number} of the engine")
    assert log.inner_text().count("canary 1 of the engine") == 1
    owner.post("/api/queue/pause")
    create(owner, "a fox that waits")
    expect(page.locator(".totals div", has_text="waiting").locator("strong")).to_have_text("1")
    polled = [url for url in asked if url.endswith("/api/system")]
    assert polled == []


def test_a_clone_says_which_version_runs_and_how_it_is_updated(
    page: Page, site: RunningStudio
) -> None:
    page.goto(f"{site.url}/#/system")
    card = page.locator("updates-card")
    expect(card).to_contain_text("git pull")
    expect(card).to_contain_text("runs.")
    expect(card.get_by_role("button", name="Look for updates")).to_have_count(0)


def test_an_update_that_is_not_signed_says_so_before_it_is_taken(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    found = {
        "version": "9.0.0", "commit": "a" * 40, "ref": "main", "trust": "unsigned",
        "committed_at": "2026-01-01T00:00:00+00:00", "components": [], "changes": CHANGES,
        "is_older": False, "refused": None,
    }  # fmt: skip
    status = owner.get("/api/system/updates").json()
    asked: list[Any] = []

    def answer(route: Route) -> None:
        if route.request.method == "POST":
            asked.append(route.request.post_data_json)
        route.fulfill(json={**status, "managed": True, "available": found})

    # Only the container updates itself.
    page.route("**/api/system/updates**", answer)
    page.goto(f"{site.url}/#/system")
    news = page.get_by_role("region", name="What is new")
    expect(news.get_by_role("heading")).to_have_text("9.0.0")
    expect(news.get_by_role("listitem")).to_have_text(["A word that goes on", "<b>Another</b>"])
    expect(news.locator("code")).to_have_text("word")
    page.locator("updates-card").get_by_role("button", name="Install").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("It is not signed")
    with page.expect_response("**/api/system/updates/apply"):
        dialog.get_by_role("button", name="Go on").click()
    expect(dialog).to_have_count(0)
    assert asked == [{"commit": "a" * 40, "allow_downgrade": False, "allow_unsigned": True}]


def test_an_update_that_was_taken_back_is_told_in_every_view_until_the_owner_has_read_it(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    status = owner.get("/api/system/updates").json()
    left = {
        "release": "9.0.0-abcdef123456",
        "why": "It ended three times.",
        "at": "2026-01-02T03:04:05+00:00",
    }
    told = {**status, "managed": True, "rolled_back": left}
    closed: list[str] = []

    def answer(route: Route) -> None:
        if route.request.method == "DELETE":
            closed.append(route.request.url)
            told["rolled_back"] = None
        route.fulfill(json=told)

    # Only the container goes back by itself.
    page.route("**/api/system/updates**", answer)
    page.reload()
    news = page.locator("update-news")
    expect(news).to_contain_text("Studio went back from 9.0.0-abcdef123456")
    page.get_by_role("link", name="Queue").click()
    expect(news.get_by_role("link", name="More in System")).to_be_visible()
    news.get_by_role("link", name="More in System").click()
    expect(page.locator("updates-card").get_by_role("alert")).to_contain_text("ended three times")
    expect(news).not_to_contain_text("went back")
    page.get_by_role("link", name="Library").click()
    news.get_by_role("button", name="Close").click()
    expect(news).not_to_contain_text("went back")
    assert [url.rpartition("/api")[2] for url in closed] == ["/system/updates/notice"]
    page.reload()
    page.get_by_role("link", name="System").click()
    expect(page.locator("updates-card")).to_contain_text("runs.")
    expect(page.locator("updates-card").get_by_role("alert")).to_have_count(0)


def test_an_image_with_a_newer_version_is_told_of_once(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    status = owner.get("/api/system/updates").json()
    offered = {"version": "9.0.0", "is_newer": True}
    page.route(
        "**/api/system/updates", lambda route: route.fulfill(json={**status, "image": offered})
    )
    page.reload()
    news = page.locator("update-news")
    expect(news).to_contain_text("The image brings version 9.0.0")
    news.get_by_role("button", name="Close").click()
    expect(news).not_to_contain_text("9.0.0")
    with page.expect_response("**/api/system/updates"):
        page.reload()
    page.get_by_role("link", name="System").click()
    expect(page.get_by_role("button", name="Use the image’s 9.0.0")).to_be_visible()
    page.get_by_role("link", name="Create").click()
    expect(page.locator("#prompt")).to_be_visible()
    expect(news).not_to_contain_text("9.0.0")
    offered["version"] = "9.1.0"
    page.reload()
    expect(news).to_contain_text("The image brings version 9.1.0")


def test_gpus_that_are_alike_are_told_apart_and_say_which_engine_works_on_them(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    system = owner.get("/api/system").json()
    gpu = {
        "name": "NVIDIA RTX 6000 Ada Generation", "uuid": None, "load_percent": 12,
        "memory_total_bytes": 48 << 30, "memory_used_bytes": 12 << 30, "temperature_c": 50,
        "power_w": 100.0, "power_limit_w": 300.0, "source": "nvml",
    }  # fmt: skip
    system["gpu"] = [
        {**gpu, "index": 0, "engine": "comfyui"},
        {**gpu, "index": 1, "engine": None},
    ]
    # There is no such machine here, and the socket tells of the one that there is.
    page.route("**/api/system", lambda route: route.fulfill(json=system))
    page.route_web_socket("**/api/ws", lambda socket: socket.close())
    page.goto(f"{site.url}/#/system")
    page.reload()
    rings = page.locator(".rings .ring")
    first = rings.filter(has=page.get_by_role("img", name="GPU 0: NVIDIA RTX 6000 Ada"))
    expect(first).to_contain_text("comfyui · 50 °C · 100 W")
    expect(rings.filter(has=page.get_by_role("img", name="GPU 1, memory: 25 %"))).to_have_count(1)


def test_an_engine_is_offered_what_it_can_do_as_it_is(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    system = owner.get("/api/system").json()
    (engine,) = system["engines"]
    states = [
        ("starting", "starting", 0),
        ("stopped", "stopped on purpose", 0),
        ("stopped", "crashed 5 times in ten minutes", 5),
    ]
    system["engines"] = [
        {**engine, "name": f"engine-{number}", "state": state, "reason": reason, "crashes": crashes}
        for number, (state, reason, crashes) in enumerate(states)
    ] + [{**engine, "name": "far", "kind": "remote"}]
    page.route("**/api/system", lambda route: route.fulfill(json=system))
    page.route_web_socket("**/api/ws", lambda socket: socket.close())
    page.goto(f"{site.url}/#/system")
    page.reload()
    cards = page.locator("engine-card")
    expect(cards).to_have_count(4)
    starting, stopped, crashed, far = (cards.nth(number) for number in range(4))
    expect(starting.locator(".state.is-calm")).to_have_text("starting")
    expect(starting.get_by_role("button")).to_have_text(["Restart", "Stop", "Log"])
    expect(stopped.locator(".state.is-calm")).to_have_text("stopped")
    expect(stopped.get_by_role("button")).to_have_text(["Start", "Log"])
    expect(crashed.locator(".state.is-bad")).to_have_text("stopped")
    expect(crashed.locator(".error-text")).to_contain_text("crashed 5 times")
    expect(far.get_by_role("button")).to_have_text(["Free memory", "Log"])
