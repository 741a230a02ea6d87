"""The page's first view in a real browser: from words to a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect


def jobs_of(client: httpx.Client, title: str) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = client.get("/api/jobs", params={"title": title}).json()["jobs"]
    return listed


def seed_of(client: httpx.Client, job: dict[str, Any]) -> int:
    workflow = client.get(f"/api/v2/jobs/{job['id']}/workflow").json()["workflow"]
    return int(workflow["sampler"]["inputs"]["seed"])


def test_words_become_a_picture_that_can_be_watched(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox that is watched")
    page.locator("details.more summary").click()
    page.get_by_label("Steps").fill("60")
    page.locator("#prompt").press("Control+Enter")
    expect(page.locator("job-tile img.preview")).to_have_attribute("src", re.compile("^blob:"))
    expect(page.locator("job-tile .tile-status")).to_contain_text("step")
    picture = page.get_by_role("button", name="Open “a fox that is watched”")
    expect(picture).to_be_visible()
    expect(page.locator("job-tile")).to_have_count(0)
    picture.click()
    shown = page.locator("dialog zoom-stage img")
    expect(shown).to_have_js_property("naturalWidth", 512)
    [job] = jobs_of(owner, "a fox that is watched")
    expect(page.locator("dialog .facts")).to_contain_text(str(seed_of(owner, job)))


def test_a_picture_leads_to_the_next(page: Page, owner: httpx.Client) -> None:
    page.fill("#prompt", "a fox with sisters")
    page.locator(".segments label").nth(1).click()
    page.locator("prompt-composer button.primary").click()
    pictures = page.get_by_role("button", name="Open “a fox with sisters”")
    pictures.click()
    page.get_by_role("button", name="Again, new seed").click()
    expect(pictures).to_have_count(2)
    jobs = jobs_of(owner, "a fox with sisters")
    assert len({seed_of(owner, job) for job in jobs}) == 2
    page.fill("#prompt", "something else")
    pictures.first.click()
    with page.expect_download() as saved:
        page.get_by_role("link", name="Download").click()
    assert Path(saved.value.path()).read_bytes().startswith(b"\x89PNG")
    page.get_by_role("button", name="Use these settings").click()
    expect(page.locator("#prompt")).to_have_value("a fox with sisters")
    expect(page.get_by_role("radio", name="Portrait")).to_be_checked()
    assert page.get_by_label("Seed", exact=True).input_value() == str(seed_of(owner, jobs[0]))


def test_the_lightbox_obeys_the_keyboard(page: Page, owner: httpx.Client) -> None:
    for name in ("first", "second"):
        answer = owner.post("/api/create", json={"prompt": f"keys {name}", "steps": 1})
        assert answer.status_code == 201
    expect(page.get_by_role("button", name="Open “keys first”")).to_be_visible()
    page.get_by_role("button", name="Open “keys second”").focus()
    page.keyboard.press("Enter")
    title = page.locator(".prompt-text p").first
    expect(title).to_have_text("keys second")
    page.keyboard.press("ArrowRight")
    expect(title).to_have_text("keys first")
    page.keyboard.press("ArrowLeft")
    expect(title).to_have_text("keys second")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)


def test_what_was_typed_outlives_a_reload(page: Page) -> None:
    page.fill("#prompt", "half a thou")
    page.get_by_label("Seed", exact=True).fill("12a3")
    page.reload()
    expect(page.locator("#prompt")).to_have_value("half a thou")
    expect(page.get_by_label("Seed", exact=True)).to_have_value("123")


def test_a_waiting_job_can_be_cancelled(page: Page, owner: httpx.Client) -> None:
    owner.post("/api/queue/pause")
    page.fill("#prompt", "never made")
    page.locator("#prompt").press("Control+Enter")
    page.get_by_role("button", name="Cancel “never made”").click()
    expect(page.locator("job-tile")).to_have_count(0)
    [job] = jobs_of(owner, "never made")
    assert job["status"] == "canceled"
