"""The page's first view in a real browser: from words to a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, Route, expect

from tests.api.graphs import wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import OpenPage


def jobs_of(client: httpx.Client, title: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get("/api/jobs", params={"title": title}).json()["jobs"]
    return listed


def values_of(client: httpx.Client, job: dict[str, Any]) -> dict[str, Any]:
    """What a job of the form was made with."""
    values: dict[str, Any] = client.get(f"/api/jobs/{job['id']}").json()["recipe"]["values"]
    return values


def test_who_is_new_only_types_and_presses_enter(page: Page, owner: httpx.Client) -> None:
    expect(page.locator(".source-name")).to_contain_text("Text to image")
    expect(page.locator("#prompt")).to_be_focused()
    page.keyboard.type("a fox that is watched")
    page.keyboard.press("Enter")
    picture = page.get_by_role("button", name="Open “a fox that is watched”")
    expect(picture).to_be_visible()
    expect(page.locator("job-tile")).to_have_count(0)
    picture.click()
    expect(page.locator("dialog.lightbox img")).to_have_js_property("naturalWidth", 512)
    [job] = jobs_of(owner, "a fox that is watched")
    assert values_of(owner, job)["steps"] == 20


def test_a_running_job_shows_its_preview_and_its_step(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox in many steps")
    page.locator("details.more summary").click()
    page.locator("#input-steps").fill("90")
    page.locator("#input-steps").press("Control+Enter")
    expect(page.locator("job-tile img.preview")).to_have_attribute("src", re.compile("^blob:"))
    expect(page.locator("job-tile .tile-status")).to_contain_text("step")
    expect(page.get_by_role("button", name="Open “a fox in many steps”")).to_be_visible()


def test_shift_and_enter_make_a_line(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "one")
    page.locator("#prompt").press("Shift+Enter")
    page.keyboard.type("two")
    expect(page.locator("#prompt")).to_have_value("one\ntwo")
    assert jobs_of(owner, "one") == []
    page.fill("#prompt", "")


def test_settings_come_back_onto_the_form(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox to come back to")
    page.get_by_role("button", name="Portrait 2:3").click()
    page.locator("#prompt").press("Enter")
    expect(page.get_by_role("button", name="Open “a fox to come back to”")).to_be_visible()
    [job] = jobs_of(owner, "a fox to come back to")
    seed = str(values_of(owner, job)["seed"])
    page.get_by_role("button", name="Square 1:1").click()
    for item, prompt, has_size, has_seed in (
        ("The prompt only", "a fox to come back to", False, False),
        ("All but the seed", "a fox to come back to", True, False),
        ("All settings", "a fox to come back to", True, True),
    ):
        page.fill("#prompt", "something else")
        page.get_by_role("button", name="Use again").click()
        page.get_by_role("menuitem", name=item).click()
        expect(page.locator("#prompt")).to_have_value(prompt)
        pressed = "true" if has_size else "false"
        expect(page.get_by_role("button", name="Portrait 2:3")).to_have_attribute(
            "aria-pressed", pressed
        )
        expect(page.locator("#input-seed")).to_have_value(seed if has_seed else "")


def test_the_last_seed_can_be_kept(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox with its seed")
    page.locator("#prompt").press("Enter")
    expect(page.get_by_role("button", name="Open “a fox with its seed”")).to_be_visible()
    [job] = jobs_of(owner, "a fox with its seed")
    page.get_by_role("button", name="Keep the last seed").click()
    expect(page.locator("#input-seed")).to_have_value(str(values_of(owner, job)["seed"]))
    page.get_by_role("button", name="Keep the last seed").click()
    expect(page.locator("#input-seed")).to_have_value("")
    page.get_by_role("button", name="Roll a seed").click()
    expect(page.locator("#input-seed")).to_have_value(re.compile(r"^\d+$"))


def test_two_pictures_are_compared_with_the_keyboard(page: Page, owner: httpx.Client) -> None:
    for name in ("compared first", "compared second"):
        job = owner.post("/api/create", json={"prompt": name, "steps": 1}).json()
        wait_ended(owner, job["id"])
    page.get_by_role("button", name="Show “compared second”").first.click()
    page.get_by_role("button", name="Compare", exact=True).click()
    page.get_by_role("button", name="Show “compared first”").first.focus()
    page.keyboard.press("Enter")
    slider = page.get_by_role("slider", name="How much of the first is seen")
    expect(slider).to_be_focused()
    page.keyboard.press("Home")
    over = page.locator(".compare .is-over")
    assert over.evaluate("each => getComputedStyle(each).clipPath") == "inset(0px 100% 0px 0px)"
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_what_was_typed_and_chosen_outlives_a_reload(page: Page) -> None:
    page.fill("#prompt", "half a thou")
    page.locator("#input-seed").fill("12a3")
    page.get_by_role("button", name="Landscape 3:2").click()
    page.reload()
    expect(page.locator("#prompt")).to_have_value("half a thou")
    expect(page.locator("#input-seed")).to_have_value("123")
    expect(page.get_by_role("button", name="Landscape 3:2")).to_have_attribute(
        "aria-pressed", "true"
    )


def test_the_largest_seed_stays_exact(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox of many digits")
    page.locator("#input-seed").fill(str(2**53 - 1))
    page.locator("#prompt").press("Enter")
    expect(page.get_by_role("button", name="Open “a fox of many digits”")).to_be_visible()
    [job] = jobs_of(owner, "a fox of many digits")
    assert values_of(owner, job)["seed"] == 2**53 - 1


def test_several_are_made_at_once(page: Page, owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    page.fill("#prompt", "a fox of three")
    page.get_by_label("How many times").fill("3")
    page.get_by_label("How many times").press("Tab")
    page.get_by_role("button", name="Create 3").click()
    places = page.locator(".strip .is-live span")
    expect(places).to_have_text(["3", "2", "1"])
    page.reload()
    expect(places).to_have_text(["3", "2", "1"])


def test_the_stage_follows_what_was_asked_for_last(page: Page, owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    shown = page.locator(".result-main .tile-title")
    for title in ("a first fox to follow", "a second fox to follow"):
        page.fill("#prompt", title)
        page.locator("#prompt").press("Enter")
        expect(shown).to_have_text(title)
    owner.post("/api/queue/resume")
    expect(page.get_by_role("button", name="Open “a second fox to follow”")).to_be_visible()
    assert len(jobs_of(owner, "a fox of three")) == 3


def test_a_waiting_job_can_be_cancelled(page: Page, owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    page.fill("#prompt", "never made")
    page.locator("#prompt").press("Control+Enter")
    page.get_by_role("button", name="Cancel “never made”").click()
    expect(page.locator("job-tile")).to_have_count(0)
    [job] = jobs_of(owner, "never made")
    assert job["status"] == "canceled"


def test_a_picture_is_downloaded_as_it_is(page: Page, owner: httpx.Client) -> None:
    job = owner.post("/api/create", json={"prompt": "a fox to keep", "steps": 1}).json()
    wait_ended(owner, job["id"])
    expect(page.get_by_role("button", name="Open “a fox to keep”")).to_be_visible()
    with page.expect_download() as saved:
        page.locator(".result-bar").get_by_role("link", name="Download").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")


def test_on_a_phone_the_picture_comes_into_view(
    open_page: OpenPage, site: RunningStudio, member_state: dict[str, Any], owner: httpx.Client
) -> None:
    page = open_page(width=360, height=740, storage_state=member_state, has_touch=True)
    # Whoever is quicker than their line starts it before the page has what shows results.
    held: list[Route] = []
    page.route("**/components/stage.js", lambda route: held.append(route))
    page.goto(site.url)
    page.locator("#prompt").fill("a fox to look at")
    page.locator(".run-bar .primary").scroll_into_view_if_needed()
    with page.expect_response(lambda response: response.request.method == "POST"):
        page.locator(".run-bar .primary").tap()
    for route in held:
        route.continue_()
    page.unroute("**/components/stage.js")
    picture = page.get_by_role("button", name="Open “a fox to look at”")
    expect(picture).to_be_visible()
    expect(picture).to_be_in_viewport(ratio=0.95)


def test_everything_fits_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.locator("details.more summary").click()
    expect(page.get_by_role("button", name="Create", exact=True)).to_be_in_viewport()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
