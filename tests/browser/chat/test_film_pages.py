"""Films on the page: begun anew, refused, deleted meanwhile, and left with the page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, Route, expect

from tests.api.chats import good
from tests.api.studio_process import RunningStudio
from tests.browser.chat_pages import kept_film
from tests.browser.conftest import OpenPage


def film_page(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], film: str
) -> Page:
    page = open_page(storage_state=storage)
    page.goto(f"{house.url}/#/chat/film/{film}")
    return page


def hold_first_change(page: Page, film: str) -> list[Route]:
    """Keep the first change of the film on its way; it stands in the list once it is sent."""
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "PATCH" and not held:
            held.append(route)
        else:
            route.continue_()

    page.route(f"**/api/films/{film}", hold)
    return held


def test_another_film_is_begun_while_one_is_open(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], client: httpx.Client
) -> None:
    film = good(client.post("/api/films", json={"description": "the first"}), 201)["id"]
    page = film_page(open_page, house, storage, film)
    description = page.get_by_label("Description")
    expect(description).to_have_value("the first")
    page.get_by_role("button", name="Films").click()

    page.get_by_role("menuitem", name="Begin anew").click()

    expect(description).to_have_value("")
    expect(page).to_have_url(f"{house.url}/#/chat/film/new")
    description.fill("the second")
    second = kept_film(client, lambda film: film["description"] == "the second")
    assert second != film
    expect(page).to_have_url(f"{house.url}/#/chat/film/{second}")
    assert good(client.get(f"/api/films/{film}"))["description"] == "the first"


def test_a_film_that_cannot_be_kept_keeps_nobody_from_another_one(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], client: httpx.Client
) -> None:
    bodies = ({"description": "refused"}, {"description": "another"})
    refused, other = (good(client.post("/api/films", json=body), 201)["id"] for body in bodies)
    page = film_page(open_page, house, storage, refused)
    error = {"error": {"code": "invalid_chat", "message": "No.", "details": {}}}

    def refuse(route: Route) -> None:
        if route.request.method == "PATCH":
            route.fulfill(status=422, json=error)
        else:
            route.continue_()

    page.route(f"**/api/films/{refused}", refuse)
    description = page.get_by_label("Description")
    expect(description).to_have_value("refused")
    with page.expect_response(lambda answer: answer.status == 422):
        description.fill("too much")
    page.get_by_role("button", name="Films").click()

    page.get_by_role("menuitem", name="another").click()

    expect(description).to_have_value("another")
    description.fill("another one")
    kept_film(client, lambda film: film["description"] == "another one")
    assert good(client.get(f"/api/films/{refused}"))["description"] == "refused"
    assert good(client.get(f"/api/films/{other}"))["description"] == "another one"


def test_what_was_deleted_while_it_was_changed_does_not_come_back_in_parts(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], client: httpx.Client
) -> None:
    film = good(client.post("/api/films", json={"description": "whole"}), 201)["id"]
    page = film_page(open_page, house, storage, film)
    held = hold_first_change(page, film)
    description = page.get_by_label("Description")
    expect(description).to_have_value("whole")
    with page.expect_request(lambda request: request.method == "PATCH"):
        description.fill("part")
    assert client.delete(f"/api/films/{film}").status_code == 204
    count = page.get_by_label("How many")
    count.fill("7")
    [route] = held
    route.continue_()

    expect(description).to_have_value("")
    expect(count).to_have_value("3")
    description.fill("a new one")
    made = kept_film(client, lambda film: film["description"] == "a new one")
    assert good(client.get(f"/api/films/{made}"))["count"] == 3


def test_deleting_a_film_waits_for_the_save_that_is_under_way(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], client: httpx.Client
) -> None:
    before = {each["id"] for each in good(client.get("/api/films"))["items"]}
    page = film_page(open_page, house, storage, "new")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if route.request.method == "POST":
            held.append(route)
        else:
            route.continue_()

    page.route("**/api/films", hold)
    description = page.get_by_label("Description")
    with page.expect_request(lambda request: request.method == "POST"):
        description.fill("not for long")
    removed = page.evaluate_handle(
        """() => import('/static/js/models/films.js').then(({ films }) => {
            const removed = films.remove();
            return { removed };
        })"""
    )
    [route] = held
    route.continue_()
    removed.evaluate("({ removed }) => removed")

    assert {each["id"] for each in good(client.get("/api/films"))["items"]} == before


WRITE = """(area, [text, leave]) => {
    // No timer may save what is written: only leaving does.
    window.setTimeout = () => 0;
    area.value = text;
    area.dispatchEvent(new Event('input', { bubbles: true }));
    if (leave === 'close') return location.assign('about:blank');
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.mark.parametrize("leave", ["close", "hide"])
def test_what_was_written_just_before_the_page_is_left_is_kept(
    open_page: OpenPage,
    house: RunningStudio,
    storage: dict[str, Any],
    client: httpx.Client,
    leave: str,
) -> None:
    film = good(client.post("/api/films", json={"description": "before"}), 201)["id"]
    page = film_page(open_page, house, storage, film)
    description = page.get_by_label("Description")
    expect(description).to_have_value("before")

    description.evaluate(WRITE, ["the last words", leave])

    kept = kept_film(client, lambda film: film["description"] == "the last words")
    assert kept == film


def test_a_page_that_is_left_keeps_what_was_under_way_as_well(
    open_page: OpenPage, house: RunningStudio, storage: dict[str, Any], client: httpx.Client
) -> None:
    film = good(client.post("/api/films", json={"description": "whole"}), 201)["id"]
    page = film_page(open_page, house, storage, film)
    hold_first_change(page, film)
    description = page.get_by_label("Description")
    expect(description).to_have_value("whole")
    with page.expect_request(lambda request: request.method == "PATCH"):
        page.get_by_label("How many").fill("7")

    description.evaluate(WRITE, ["the last words", "close"])

    kept_film(client, lambda film: film["description"] == "the last words" and film["count"] == 7)
