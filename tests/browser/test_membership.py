"""What people may use up, and programs that are let in by a code, on a phone."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.api.studio_process import RunningStudio
from tests.browser.conftest import PASSWORD, AssertAccessible, OpenPage, come_in
from tests.browser.test_looks import check_for_fingers


def guest_of(site: RunningStudio, name: str) -> dict[str, Any]:
    """The browser of a guest who was just invited."""
    with site.client() as owner:
        link = owner.post("/api/invitations", json={"role": "guest"}).json()["url"]
    return come_in(site, "/api/join", token=link.rpartition("/")[2], name=name, password=PASSWORD)


def person(page: Page, name: str) -> Any:
    """A person's row, opened."""
    row = page.locator("people-list .row", has_text=name)
    row.locator("summary").click()
    return row


@pytest.fixture
def phone(open_page: OpenPage, site: RunningStudio, state: dict[str, Any]) -> Page:
    return open_page(360, 740, has_touch=True, is_mobile=True, storage_state=state)


def test_the_owner_looks_after_a_person_on_a_phone(
    phone: Page,
    site: RunningStudio,
    owner: httpx.Client,
    assert_accessible: AssertAccessible,
) -> None:
    guest = guest_of(site, "Gina")
    cookies = {each["name"]: each["value"] for each in guest["cookies"]}
    with httpx.Client(base_url=site.url, cookies=cookies, headers={"Origin": site.url}) as gina:
        phone.goto(f"{site.url}/#/settings/people")
        row = person(phone, "Gina")
        expect(row).to_contain_text("0 minutes of 30 minutes")
        limit = row.get_by_label("GPU minutes a day", exact=True)
        limit.select_option("own")
        number = row.get_by_label("GPU minutes a day: how many")
        expect(number).to_have_value("30")
        number.fill("45")
        number.blur()
        expect(row).to_contain_text("0 minutes of 45 minutes")
        quota = gina.get("/api/me/quota").json()["quota"]
        assert quota["gpu_seconds"] == {"used": 0, "limit": 2700, "own": True}
        limit.select_option("none")
        expect(row).to_contain_text("0 minutes, no limit")
        check_for_fingers(phone, "people")
        assert_accessible(phone)
        limit.select_option("usual")
        expect(row).to_contain_text("0 minutes of 30 minutes")
        assert gina.get("/api/me/quota").json()["quota"]["gpu_seconds"]["own"] is False
        row.get_by_role("button", name="Log out everywhere").click()
        expect(phone.get_by_text("Gina was logged out everywhere.")).to_be_visible()
        assert gina.get("/api/session").status_code == 401


def test_what_a_role_may_shows_with_everybody_of_it(phone: Page, site: RunningStudio) -> None:
    guest_of(site, "Gero")
    phone.goto(f"{site.url}/#/settings/people")
    row = person(phone, "Gero")
    role = phone.locator("people-limits details", has_text="Guest")
    role.locator("summary").click()
    number = role.get_by_label("Jobs at once: how many")
    expect(number).to_have_value("100")
    number.fill("7")
    number.blur()
    expect(row).to_contain_text("0 of 7")
    number.fill("100")
    number.blur()
    expect(row).to_contain_text("0 of 100")


def test_keys_of_a_person_are_seen_and_ended_with_the_person(
    phone: Page, site: RunningStudio, member_state: dict[str, Any]
) -> None:
    cookies = {each["name"]: each["value"] for each in member_state["cookies"]}
    with httpx.Client(base_url=site.url, cookies=cookies, headers={"Origin": site.url}) as mia:
        body = {"name": "Mia's script", "requests_per_minute": 60, "expires_in_days": 30}
        key = mia.post("/api/keys", json=body).json()["key"]
    phone.goto(f"{site.url}/#/settings/people")
    row = person(phone, "Mia")
    expect(row.locator(".person-keys")).to_contain_text("60 requests a minute")
    row.get_by_role("button", name="Revoke “Mia's script”").click()
    expect(row).to_contain_text("None yet.")
    with site.client(key) as program:
        assert program.get("/api/jobs").status_code == 401


def test_a_guest_sees_how_they_stand_and_why_a_picture_is_refused(
    open_page: OpenPage, site: RunningStudio, owner: httpx.Client
) -> None:
    guest = open_page(360, 740, storage_state=guest_of(site, "Gunda"))
    users = owner.get("/api/users").json()["users"]
    [user_id] = [user["id"] for user in users if user["name"] == "Gunda"]
    owner.patch(f"/api/users/{user_id}/quota", json={"gpu_seconds": 0})
    guest.goto(f"{site.url}/#/settings/account")
    bars = guest.locator("account-quota")
    expect(bars).to_contain_text("0 minutes of 0 minutes")
    expect(bars.locator(".is-full")).to_have_count(1)
    guest.goto(f"{site.url}/#/create")
    guest.locator("#prompt").fill("a heron")
    guest.locator(".run-bar .primary").click()
    expect(guest.get_by_role("alert")).to_contain_text("You have used up your GPU time for today.")


def test_a_program_is_let_in_on_a_phone_with_less_than_it_asked_for(
    open_page: OpenPage,
    site: RunningStudio,
    member_state: dict[str, Any],
    assert_accessible: AssertAccessible,
) -> None:
    body = {"name": "a small script", "scopes": ["jobs", "assets", "admin"]}
    begun = httpx.post(f"{site.url}/api/device/code", json=body).json()
    page = open_page(360, 740, has_touch=True, is_mobile=True, storage_state=member_state)
    page.goto(f"{site.url}/#/device")
    page.get_by_label("Code").fill("ZZZZ-ZZZZ")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("alert")).to_contain_text("not_found")
    page.get_by_label("Code").fill(begun["user_code"].lower())
    page.get_by_role("button", name="Continue").click()
    expect(page.locator("device-view h2")).to_have_text("“a small script” wants in")
    expect(page.locator("device-view")).to_contain_text("It also asked for admin")
    check_for_fingers(page, "device")
    assert_accessible(page)
    page.get_by_label("assets").uncheck()
    page.get_by_role("button", name="Let it in").click()
    expect(page.locator("device-view h2")).to_have_text("“a small script” is in")
    answer = httpx.post(
        f"{site.url}/api/device/token", json={"device_code": begun["device_code"]}
    ).json()
    assert answer["scopes"] == ["jobs"]
    assert answer["expires_at"] is not None


def test_a_link_with_a_code_fills_it_in_and_decides_nothing(
    phone: Page, site: RunningStudio
) -> None:
    begun = httpx.post(f"{site.url}/api/device/code", json={"name": "<b>bold</b>"}).json()
    phone.goto(begun["verification_uri_complete"])
    expect(phone.get_by_label("Code")).to_have_value(begun["user_code"])
    expect(phone.locator("device-view h2")).to_have_count(0)
    phone.get_by_role("button", name="Continue").click()
    expect(phone.locator("device-view h2")).to_have_text("“<b>bold</b>” wants in")
    phone.get_by_role("button", name="Refuse").click()
    expect(phone.locator("device-view h2")).to_have_text("“<b>bold</b>” was refused")
    assert begun["user_code"] not in phone.url
    answer = httpx.post(f"{site.url}/api/device/token", json={"device_code": begun["device_code"]})
    assert answer.json()["error"]["code"] == "access_denied"
