"""From an invitation to a day's last picture, on a phone: two people, one Studio, one preset."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.api.graphs import wait_ended
from tests.api.presets import SMALL, WORKFLOW, good
from tests.api.studio_process import RunningStudio, run_studio
from tests.browser.chat_pages import PHONE
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage
from tests.browser.test_doors_view import set_up
from tests.browser.test_looks import check_for_fingers
from tests.fakes.talker import Say, Talker, talking

PRESET = "Small fox"
STEPS = 60
MOST_RUNS = 20
"""The room of two slow pictures is not that of more fast ones: each takes at least its steps."""


@pytest.fixture
def talker() -> Iterator[Talker]:
    with talking() as running:
        yield running


@pytest.fixture
def studio(
    talker: Talker, chromium: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningStudio]:
    """A Studio with the embedded engine that nobody set up."""
    assert chromium
    with run_studio(tmp_path_factory.mktemp("walk"), talker.environ()) as running:
        yield running


@pytest.mark.parametrize("role", ["member", "guest"])
def test_somebody_is_invited_draws_chats_and_comes_to_the_end_of_their_day(
    role: str,
    studio: RunningStudio,
    talker: Talker,
    open_page: OpenPage,
    assert_accessible: AssertAccessible,
) -> None:
    owner = open_page(**PHONE)
    set_up(owner, studio.url)
    with studio.client() as client:
        lend_a_preset(client)
        link = invite(owner, role)
        assert_accessible(owner)

        mia = open_page(**PHONE)
        accept(mia, link, role)
        assert_accessible(mia)
        open_what_is_shared(mia)
        run(mia)
        see(mia.get_by_role("button", name="Open “a fox in fog”").locator("img"))
        check_for_fingers(mia, "made")
        assert_accessible(mia)

        draw_in_a_chat(mia, talker)
        assert_accessible(mia)

        leave_room_for_two(owner, client)
        runs = run_until_refused(mia)
        refused = refusal(mia)
        expect(refused).to_contain_text("You have used up your GPU time for today.")
        expect(refused).to_contain_text(re.compile(r"There is more from \w+day.* on\."))
        assert_accessible(mia)
        assert runs >= 1

        see_how_one_stands(mia)
        be_refused_in_the_chat(mia, talker)
        assert_accessible(mia)
        finds_what_is_theirs(mia, runs + 2)
        made = client.get("/api/jobs", params={"limit": 100}).json()["jobs"]
    # The owner's one, Mia's first, the chat's, and what fitted: no refused one was begun.
    assert [job["status"] for job in made] == ["succeeded"] * (runs + 3)


def lend_a_preset(client: httpx.Client) -> None:
    """The owner's preset, shared; it ran once, so Studio knows how long it takes."""
    values = {**SMALL, "prompt": "a fox in [[weather=Which weather?:fog|sun]]", "steps": STEPS}
    body = {"name": PRESET, "workflow_id": WORKFLOW, "values": values, "shared": True}
    made = good(client.post("/api/presets", json=body), 201)
    run = good(
        client.post(f"/api/presets/{made['id']}/run", json={"answers": {"weather": "sun"}}), 201
    )
    assert wait_ended(client, run["jobs"][0]["id"])["status"] == "succeeded"


def go_to(page: Page, view: str) -> None:
    """By the bar below, or the menu of what has no room there."""
    link = page.get_by_role("navigation").get_by_role("link", name=view)
    if link.count():
        link.click()
        return
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("menuitem", name=view).click()


def go_to_settings(page: Page, section: str) -> None:
    go_to(page, "Settings")
    page.get_by_role("link", name=section).click()


def invite(owner: Page, role: str) -> str:
    go_to_settings(owner, "People")
    owner.locator("people-invite select[name=role]").select_option(role)
    owner.get_by_role("button", name="Make a link").click()
    link = owner.locator(".once input")
    expect(link).to_be_visible()
    check_for_fingers(owner, "people")
    return link.input_value()


def accept(page: Page, link: str, role: str) -> None:
    page.goto(link)
    invited = {"member": "You are invited", "guest": "You are invited as a guest"}
    expect(page.get_by_role("heading", level=1)).to_have_text(invited[role])
    check_for_fingers(page, "invitation")
    page.get_by_label("Name").fill("Mia")
    page.get_by_label("New password").fill(PASSWORD)
    page.get_by_role("button", name="Join").click()
    expect(page.locator("#prompt")).to_be_visible()


def open_what_is_shared(page: Page) -> None:
    page.locator(".source-name").click()
    choice = page.locator(".choice", has_text=PRESET)
    expect(choice).to_contain_text("owner")
    choice.get_by_role("button", name=PRESET).first.click()
    expect(page.locator(".source-name")).to_contain_text(PRESET)


def run(page: Page) -> None:
    """Run the preset, and answer what it asks."""
    page.get_by_role("button", name="Create", exact=True).click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Which weather?").select_option("fog")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog).to_have_count(0)


def see(picture: Locator) -> None:
    """The picture is there, and not broken."""
    expect(picture).to_be_visible()
    expect(picture).to_have_js_property("complete", True)
    assert picture.evaluate("(image) => image.naturalWidth") > 0


def say(page: Page, text: str) -> None:
    page.get_by_label("Write a message").fill(text)
    page.get_by_role("button", name="Send", exact=True).click()


def ask_for_a_fox() -> Say:
    return Say(
        "I draw one.",
        calls=[("run_preset", {"preset": PRESET, "answers": {"weather": "fog"}})],
    )


def draw_in_a_chat(page: Page, talker: Talker) -> None:
    talker.will_say(ask_for_a_fox(), "Here is **your** fox.")
    go_to(page, "Chat")
    say(page, "Draw a fox, please.")
    see(page.locator(".said-result img"))
    expect(page.locator(".markdown strong")).to_have_text("your")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    check_for_fingers(page, "chat")


def leave_room_for_two(owner: Page, client: httpx.Client) -> None:
    """The owner, on their phone, sets what Mia may: two pictures as slow as the slowest so far."""
    jobs = client.get("/api/jobs", params={"limit": 100}).json()["jobs"]
    [mia] = [each for each in client.get("/api/users").json()["users"] if each["name"] == "Mia"]
    used_s = mia["quota"]["gpu_seconds"]["used"]
    assert used_s > 0
    slowest_s = max(job["metrics"]["execution_ms"] for job in jobs) / 1000
    owner.reload()
    row = owner.locator("people-list .row", has_text="Mia")
    row.locator("summary").click()
    row.get_by_label("GPU minutes a day", exact=True).select_option("own")
    number = row.get_by_label("GPU minutes a day: how many")
    number.fill(f"{(used_s + 2 * slowest_s) / 60:.3f}")
    with owner.expect_response("**/quota") as answered:
        number.blur()
    assert answered.value.ok
    check_for_fingers(owner, "a person")


def run_until_refused(page: Page) -> int:
    """Run the preset until Studio refuses; returns how many pictures were made on the way."""
    go_to(page, "Create")
    for runs in range(MOST_RUNS):
        run(page)
        if was_refused(page, runs + 2):
            return runs
    raise AssertionError("nothing was refused")


def refusal(page: Page) -> Locator:
    return page.get_by_role("alert").locator(".error-text")


def was_refused(page: Page, already: int) -> bool:
    """Waits for a picture beside those that there are already, or for a refusal."""
    refused = refusal(page)
    made = page.locator(".strip .thumb:not(.is-live)").nth(already)
    expect(refused.or_(made)).to_be_visible()
    return refused.is_visible()


def see_how_one_stands(page: Page) -> None:
    go_to_settings(page, "Account")
    bars = page.locator("account-quota")
    expect(bars.locator(".is-full")).to_have_count(1)
    expect(bars.locator(".is-full")).to_contain_text("GPU time today")


def be_refused_in_the_chat(page: Page, talker: Talker) -> None:
    talker.will_say(ask_for_a_fox(), "Not today, I fear.")
    go_to(page, "Chat")
    page.locator(".chat-list a").first.click()
    expect(page.locator(".said-result img")).to_be_visible()
    say(page, "And another one.")

    expect(page.locator(".markdown").last).to_have_text("Not today, I fear.")
    refused = page.locator(".call-note.is-bad")
    expect(refused).to_contain_text(f"{PRESET}: You have used up your GPU time for today.")
    expect(refused).to_contain_text("There is more from")
    # What the model is told is its own text, for programs.
    told = [each for each in talker.asked[-1]["messages"] if each["role"] == "tool"]
    assert "quota_exceeded" in told[-1]["content"]


def finds_what_is_theirs(page: Page, count: int) -> None:
    go_to(page, "Library")
    expect(page.locator(".cell:not(.is-unknown)")).to_have_count(count)
