"""The queue in a real browser: places, order by mouse and keys, ends and their reasons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.graphs import solid, text_to_image, wait_ended
from tests.api.studio_process import RunningStudio
from tests.browser.conftest import AssertAccessible, OpenPage
from tests.browser.library import create


@pytest.fixture
def line(page: Page, owner: httpx.Client) -> Locator:
    """The rows of three jobs that wait in a paused queue."""
    owner.post("/api/queue/pause")
    for name in ("one", "two", "three"):
        create(owner, f"in line {name}")
    page.get_by_role("link", name="Queue").click()
    rows = page.locator(".row.waiting")
    expect(rows).to_have_count(3)
    return rows


@pytest.fixture
def mia(site: RunningStudio, member_state: dict[str, Any]) -> Iterator[httpx.Client]:
    """A member's client."""
    [session] = [one for one in member_state["cookies"] if one["name"] == "studio"]
    headers = {"Cookie": f"studio={session['value']}", "Origin": site.url}
    with httpx.Client(base_url=site.url, headers=headers, timeout=30) as client:
        yield client
        client.post("/api/queue/clear")


def titles(owner: httpx.Client) -> list[str]:
    return [job["title"] for job in owner.get("/api/queue").json()["jobs"]]


def test_the_queue_shows_true_places_and_obeys(
    page: Page, owner: httpx.Client, line: Locator
) -> None:
    expect(page.locator(".view .banner")).to_contain_text("paused")
    expect(line.locator(".place")).to_have_text(["1", "2", "3"])
    page.get_by_role("button", name="Cancel “in line one”").click()
    expect(line.locator(".row-title")).to_have_text(["in line two", "in line three"])
    expect(line.locator(".place")).to_have_text(["1", "2"])
    page.get_by_role("button", name="Cancel all of mine").click()
    page.get_by_role("button", name="Really cancel all?").click()
    expect(line).to_have_count(0)
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert owner.get("/api/queue").json()["paused"] is False


def test_keys_move_a_job_and_say_where_it_is(
    page: Page, owner: httpx.Client, line: Locator
) -> None:
    page.get_by_role("button", name="Move “in line three”").focus()
    page.keyboard.press("Alt+ArrowUp")
    expect(line.locator(".row-title")).to_have_text(["in line one", "in line three", "in line two"])
    expect(page.get_by_role("status").filter(has_text="in line three")).to_contain_text("place 2")
    expect(page.get_by_role("button", name="Move “in line three”")).to_be_focused()
    expect(line.locator(".place")).to_have_text(["1", "2", "3"])
    assert titles(owner) == ["in line one", "in line three", "in line two"]
    # On the handle itself the arrows do it alone.
    page.keyboard.press("ArrowDown")
    expect(line.locator(".row-title")).to_have_text(["in line one", "in line two", "in line three"])
    expect(line.locator(".place")).to_have_text(["1", "2", "3"])
    assert titles(owner) == ["in line one", "in line two", "in line three"]


def test_whoever_cancels_with_the_keyboard_goes_on_from_the_next_job(
    page: Page, line: Locator
) -> None:
    for name, then in (("two", "three"), ("three", "one")):
        page.get_by_role("button", name=f"Cancel “in line {name}”").press("Enter")
        expect(page.get_by_role("button", name=f"Cancel “in line {then}”")).to_be_focused()
    expect(line).to_have_count(1)


def test_a_job_is_dragged_to_the_front(page: Page, owner: httpx.Client, line: Locator) -> None:
    grip = page.get_by_role("button", name="Move “in line three”").bounding_box()
    first = line.nth(0).bounding_box()
    assert grip is not None
    assert first is not None
    page.mouse.move(grip["x"] + 10, grip["y"] + 10)
    page.mouse.down()
    page.mouse.move(grip["x"] + 10, first["y"] + 2, steps=6)
    order = ["in line three", "in line one", "in line two"]
    expect(line.locator(".row-title")).to_have_text(order)
    page.mouse.up()
    expect(line.locator(".place")).to_have_text(["1", "2", "3"])
    expect(line.locator(".row-title")).to_have_text(order)
    assert titles(owner) == order


def test_priority_goes_before_age(page: Page, owner: httpx.Client, line: Locator) -> None:
    page.get_by_role("button", name="More for “in line two”").click()
    page.get_by_role("menuitem", name="High priority").click()
    expect(line.nth(0)).to_contain_text("high priority")
    expect(line.nth(0)).to_contain_text("in line two")
    assert owner.get("/api/queue").json()["jobs"][0]["priority"] > 0


def test_a_job_that_waits_for_its_model_says_so_in_the_queue_and_on_the_stage(
    page: Page, owner: httpx.Client
) -> None:
    graph = text_to_image()
    # Nobody answers there: it goes on trying.
    name = "https://models.invalid/detail.safetensors"
    inputs = {"model": ["1", 0], "lora_name": name, "strength_model": 1.0}
    graph["8"] = {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
    graph["5"]["inputs"]["model"] = ["8", 0]
    answer = owner.post("/api/jobs", json={"workflow": graph, "title": "with a detail"})
    job_id = answer.json()["id"]
    stage = page.locator("result-stage")
    expect(stage.get_by_text("detail.safetensors")).to_be_visible()
    page.get_by_role("link", name="Queue").click()
    row = page.locator(".row.waiting").filter(has_text="with a detail")
    expect(row).to_contain_text("detail.safetensors")
    page.get_by_role("button", name="Cancel “with a detail”").click()
    expect(row).to_have_count(0)
    # The page does not wait for what Studio says.
    assert wait_ended(owner, job_id)["status"] == "canceled"


def test_several_jobs_are_cancelled_at_once(page: Page, owner: httpx.Client, line: Locator) -> None:
    page.get_by_label("Choose “in line one”").check()
    page.get_by_label("Choose “in line three”").check()
    page.get_by_role("button", name="Cancel 2 jobs").click()
    expect(line.locator(".row-title")).to_have_text(["in line two"])
    assert titles(owner) == ["in line two"]


def test_the_owner_sees_whose_a_job_is(
    page: Page, owner: httpx.Client, line: Locator, mia: httpx.Client
) -> None:
    create(mia, "a wish of Mia's")
    row = line.filter(has_text="a wish of Mia's")
    expect(row.locator(".whose")).to_have_text("Mia")
    expect(line.nth(0).locator(".whose")).to_have_count(0)
    assert titles(owner)[-1] == "a wish of Mia's"


def test_what_failed_says_why_and_is_tried_again(page: Page, owner: httpx.Client) -> None:
    graph = solid(size=8)
    blur = {"image": ["1", 0], "blur_radius": 31, "sigma": 1.0}
    graph["3"] = {"class_type": "ImageBlur", "inputs": blur}
    graph["2"]["inputs"]["images"] = ["3", 0]
    job = owner.post("/api/jobs", json={"workflow": graph, "title": "too soft"}).json()
    assert wait_ended(owner, job["id"])["error"]["code"] == "node_execution_error"
    page.get_by_role("link", name="Queue").click()
    rows = page.locator(".queue-failed .row", has_text="too soft")
    expect(rows.locator(".row-reason")).to_contain_text("A radius of 31 is too large")
    expect(rows.locator(".row-reason")).to_contain_text("ImageBlur")
    rows.get_by_role("button", name="Try again").click()
    page.get_by_role("menuitem", name="With the same seed").click()
    expect(rows).to_have_count(2)
    again = owner.get("/api/jobs?title=too+soft").json()["jobs"]
    assert [each["retry_of"] for each in again] == [job["id"], None]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_a_queue_with_everything(
    open_page: OpenPage,
    site: RunningStudio,
    state: dict[str, Any],
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
    scheme: str,
) -> None:
    wait_ended(owner, create(owner, "already done")["id"])
    owner.post("/api/queue/pause")
    create(owner, "waits here")
    page = open_page(360, 740, color_scheme=scheme, storage_state=state, reduced_motion="reduce")
    page.goto(f"{site.url}/#/queue")
    expect(page.locator(".queue-ended .row").first).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="More for “waits here”").click()
    expect(page.get_by_role("menu")).to_be_visible()
    assert_accessible(page)
