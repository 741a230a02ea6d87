"""System: backups, everything as one file, an announced stop, the log, the last minutes."""

from __future__ import annotations

import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.studio_process import RunningStudio


@pytest.fixture
def working(owner: httpx.Client) -> Iterator[None]:
    """It takes jobs again when the test is over, and nothing waits to be put in place."""
    yield
    assert owner.delete("/api/system/prepare-stop").status_code == 200
    assert owner.delete("/api/system/import").status_code == 204


def test_a_snapshot_is_taken_listed_and_can_be_downloaded(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    page.goto(f"{site.url}/#/system")
    card = page.locator("system-backups")
    card.get_by_role("button", name="Take one now").click()
    expect(card.locator(".row").first).to_contain_text("by hand")
    newest = owner.get("/api/system/backups").json()["snapshots"][0]
    with page.expect_download() as started:
        card.get_by_role("link", name=re.compile("Download the snapshot")).first.click()
    assert started.value.suggested_filename == newest["name"]


def test_everything_goes_out_as_a_file_and_is_checked_when_it_comes_in(
    page: Page, site: RunningStudio, working: None, tmp_path: Path
) -> None:
    page.goto(f"{site.url}/#/system")
    card = page.locator("system-backups")
    with page.expect_download() as started:
        card.get_by_role("link", name="Export").click()
    path = tmp_path / "export.tar"
    started.value.save_as(path)
    with tarfile.open(path) as tar:
        assert "db/studio.db" in tar.getnames()
    card.get_by_label("Choose a file").set_input_files(path)
    expect(card).to_contain_text("Checked: everything of")
    expect(card).to_contain_text("everybody has to log in again")
    card.get_by_role("button", name="Forget it").click()
    expect(card.get_by_label("Choose a file")).to_be_attached()
    (tmp_path / "spoilt.tar").write_bytes(path.read_bytes()[:-20_000])
    card.get_by_label("Choose a file").set_input_files(tmp_path / "spoilt.tar")
    expect(page.get_by_text("This is not an undamaged backup of Studio")).to_be_visible()


def test_a_stop_is_prepared_said_to_be_safe_and_taken_back(
    page: Page, site: RunningStudio, owner: httpx.Client, working: None
) -> None:
    page.goto(f"{site.url}/#/system")
    card = page.locator("system-stop")
    card.get_by_role("button", name="Prepare for a stop").click()
    expect(card.get_by_role("status")).to_contain_text("Safe to stop now")
    assert owner.get("/api/system/prepare-stop").json()["phase"] == "safe"
    card.get_by_role("button", name="Go on instead").click()
    expect(card.get_by_role("button", name="Prepare for a stop")).to_be_enabled()
    assert owner.get("/api/system/prepare-stop").json()["phase"] == "none"


def test_what_a_stop_waits_for_is_shown_and_the_wait_can_be_given_up(
    page: Page, site: RunningStudio, owner: httpx.Client, working: None
) -> None:
    state = owner.get("/api/system/prepare-stop").json()
    inside = [{"job": "job-7", "engine": "comfyui"}, {"job": "job-8", "engine": None}]
    waiting = {**state, "phase": "jobs", "wait": True, "jobs_inside": 2, "waits_for": inside}
    # An engine that does not answer for long.
    page.route(
        "**/api/system/prepare-stop",
        lambda route: (
            route.fulfill(json=waiting) if route.request.method == "GET" else route.continue_()
        ),
    )
    page.goto(f"{site.url}/#/system")
    card = page.locator("system-stop")
    expect(card.get_by_role("status")).to_contain_text("Waiting for 2 jobs")
    expect(card.get_by_role("listitem")).to_have_text(
        ["Job job-7 in comfyui", "Job job-8, being sent"]
    )
    with page.expect_response(lambda response: response.request.method == "POST"):
        card.get_by_role("button", name="Do not wait for jobs").click()
    page.unroute("**/api/system/prepare-stop")
    expect(card.get_by_role("status")).to_contain_text("Safe to stop now")
    expect(card.get_by_role("button", name="Do not wait for jobs")).to_have_count(0)
    assert owner.get("/api/system/prepare-stop").json()["wait"] is False


def test_the_log_is_searched_and_followed_by_the_id_of_a_request(
    page: Page, site: RunningStudio, owner: httpx.Client
) -> None:
    answer = owner.post("/api/system/backups")
    request = answer.headers["x-request-id"]
    page.goto(f"{site.url}/#/system")
    log = page.locator("system-log")
    log.get_by_role("searchbox").fill(request)
    entry = log.locator(".log-entry")
    expect(entry).to_have_count(1)
    expect(entry).to_contain_text("POST /api/system/backups: 201")
    entry.get_by_role("button", name="request").click()
    expect(log.get_by_role("button", name=f"Request {request}")).to_be_visible()
    expect(entry).to_have_count(1)
    log.get_by_label("From this level on").select_option("error")
    expect(log).to_contain_text("Nothing of that kind was written.")


def test_the_last_minutes_of_the_machine_are_drawn(page: Page, site: RunningStudio) -> None:
    page.goto(f"{site.url}/#/system")
    expect(
        page.locator("system-history").get_by_role("img", name=re.compile("^Memory: "))
    ).to_be_visible()
