"""Receivers of webhooks that hang, refuse, lead elsewhere, are gone or are not to be reached."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web

from tests.fakes.comfy_graphs import saved
from tests.fakes.webhook_place import Place, fine, running_place
from tests.faults.harness import studio_inside, until, until_it
from tests.faults.webhook_rig import PACE, deliveries, settings_in, subscribe, until_ended


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """A receiver that takes everything until it is told otherwise."""
    async with running_place() as running:
        yield running


async def test_a_receiver_that_fails_is_asked_again_under_the_same_id(
    place: Place, tmp_path: Path
) -> None:
    answers = [web.Response(status=500, text="no"), web.Response(status=502)]
    place.answer = lambda got: answers.pop(0) if answers else fine(got)
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        await api.submit(saved("fox"))
        [told] = await until_ended(api, webhook["id"])
        assert (told["state"], told["attempts"]) == ("delivered", 3)
        assert [(one["status"], one["error"]) for one in told["log"]] == [
            (500, "status"),
            (502, "status"),
            (200, None),
        ]
        assert {got.id for got in place.got} == {told["id"]}
        assert len({got.body for got in place.got}) == 1
        for got in place.got:
            got.verify(webhook["secret"])


async def test_after_the_last_attempt_a_delivery_has_failed_and_can_be_sent_again(
    place: Place, tmp_path: Path
) -> None:
    place.answer = lambda _: web.Response(status=500)
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        await api.submit(saved("fox"))
        await api.submit(saved("hare"))
        told = await until_ended(api, webhook["id"], 2)
        assert [(one["state"], one["attempts"]) for one in told] == [("failed", 4)] * 2
        listed = (await api.client.get(f"/api/webhooks/{webhook['id']}")).json()
        assert (listed["failed"], listed["disabled_at"]) == (2, None)
        assert listed["failing_since"] is not None

        place.answer = fine
        path = f"/api/webhooks/{webhook['id']}/deliveries/{told[0]['id']}/resend"
        assert (await api.client.post(path)).status_code == 202
        await until(lambda: len(place.got) == 9, "it is sent again")
        answer = await api.client.post(f"/api/webhooks/{webhook['id']}/resend", json={})
        assert answer.json() == {"count": 1}

        async def all_delivered() -> bool:
            return {one["state"] for one in await deliveries(api, webhook["id"])} == {"delivered"}

        await until_it(all_delivered, "both are delivered")
        assert {got.id for got in place.got} == {one["id"] for one in told}


async def test_a_redirect_is_not_followed(place: Place, tmp_path: Path) -> None:
    place.answer = lambda _: web.Response(status=302, headers={"Location": f"{place.url}/else"})
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        await api.submit(saved("fox"))
        [told] = await until_ended(api, webhook["id"])
        assert told["state"] == "failed"
        assert {(one["status"], one["error"]) for one in told["log"]} == {(302, "redirect")}
        assert {got.path for got in place.got} == {"/hook"}


async def test_a_receiver_that_is_gone_is_told_nothing_more(place: Place, tmp_path: Path) -> None:
    place.answer = lambda _: web.Response(status=410)
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        path = f"/api/webhooks/{webhook['id']}"
        await api.submit(saved("fox"))
        await until_ended(api, webhook["id"])

        async def disabled() -> bool:
            return bool((await api.client.get(path)).json()["disabled_reason"] == "gone")

        await until_it(disabled, "it is disabled")
        await api.submit(saved("hare"))
        assert len(await deliveries(api, webhook["id"])) == 1
        assert (await api.client.post(f"{path}/test")).status_code == 409
        notices = (await api.ready()).json()["notices"]
        assert any("A webhook is told nothing more" in notice for notice in notices)

        place.answer = fine
        assert (await api.client.patch(path, json={"enabled": True})).status_code == 200
        assert (await api.client.post(f"{path}/test")).status_code == 202
        await until(lambda: "ping" in place.types(), "it is told again")
        notices = (await api.ready()).json()["notices"]
        assert not any("is told nothing more" in notice for notice in notices)


async def test_a_receiver_that_asks_for_time_is_left_alone_as_long(
    place: Place, tmp_path: Path
) -> None:
    until_when = format_datetime(datetime.fromtimestamp(time.time() + 3, UTC), usegmt=True)
    answers = [
        web.Response(status=429, headers={"Retry-After": "1"}),
        web.Response(status=503, headers={"Retry-After": until_when}),
    ]
    place.answer = lambda got: answers.pop(0) if answers else fine(got)
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        await api.submit(saved("fox"))
        await until(lambda: len(place.got) == 1)
        # What comes meanwhile waits too: it goes to the same receiver.
        await api.submit(saved("hare"))
        told = await until_ended(api, webhook["id"], 2)
        starts = [
            datetime.fromisoformat(one["at"]).timestamp() for each in told for one in each["log"]
        ]
        starts.sort()
        assert starts[1] - starts[0] >= 0.9
        assert [one["state"] for one in told] == ["delivered", "delivered"]


async def test_a_retry_after_that_makes_no_sense_is_none(place: Place, tmp_path: Path) -> None:
    hostile = {"Retry-After": "Mon, 99999999999999999999 Jan 2026 00:00:00 GMT"}
    answers = [web.Response(status=429, headers=hostile)]
    place.answer = lambda got: answers.pop(0) if answers else fine(got)
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        await api.submit(saved("fox"))
        [told] = await until_ended(api, webhook["id"])
        assert told["state"] == "delivered"
        assert [one["status"] for one in told["log"]] == [429, 200]


async def test_a_receiver_that_hangs_holds_nobody_else_up(place: Place, tmp_path: Path) -> None:
    place.held.clear()
    async with running_place() as other, studio_inside(settings_in(tmp_path), pace=PACE) as api:
        hanging = await subscribe(api, place.url, "job.queued")
        await subscribe(api, other.url, "job.queued")
        for number in range(12):
            await api.submit(saved(str(number)))
        await until(lambda: len(other.got) == 12, "the other is told everything")
        assert len(place.got) <= 8

        async def errors() -> set[str]:
            told = await deliveries(api, hanging["id"])
            return {one["error"] for each in told for one in each["log"]}

        async def has_timed_out() -> bool:
            return await errors() == {"timeout"}

        await until_it(has_timed_out, "the one that hangs was given up for now")


async def test_long_answers_are_cut_and_secrets_in_them_are_hidden(
    place: Place, tmp_path: Path
) -> None:
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        said = f"I know {webhook['secret']} and token=abcdefghijkl\n" + "x" * 100_000
        place.answer = lambda _: web.Response(text=said)
        await api.submit(saved("fox"))
        [told] = await until_ended(api, webhook["id"])
        [attempt] = told["log"]
        assert len(attempt["answer"]) <= 1024
        assert attempt["answer"].startswith("I know *** and token=***\nxxx")


async def test_private_addresses_are_refused_in_each_of_their_spellings(
    place: Place, tmp_path: Path
) -> None:
    hosts = (
        "127.0.0.1", "10.0.0.1", "0.0.0.0", "169.254.169.254", "[::1]", "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]", "[fe80::1]", "[fd00::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
        "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "127.0.0.1.", "localhost",
    )  # fmt: skip
    urls = [
        f"{scheme}://{host}:{place.port}/hook" for host in hosts for scheme in ("https", "http")
    ]
    urls.append("http://example.org/")
    async with studio_inside(settings_in(tmp_path, allow=""), pace=PACE) as api:
        for url in urls:
            body = {"url": url, "events": ["job.*"]}
            answer = await api.client.post("/api/webhooks", json=body)
            said = (answer.status_code, answer.json()["error"]["code"])
            assert said == (403, "blocked_address"), url
            if "localhost" in url:
                # A job is not kept waiting for a name: every attempt asks where it leads.
                continue
            answer = await api.client.post(
                "/api/jobs", json={"workflow": saved("fox"), "webhook_url": url}
            )
            said = (answer.status_code, answer.json()["error"]["code"])
            assert said == (403, "blocked_address"), url
        job = {"webhook_url": f"https://localhost:{place.port}/", "webhook_events": ["job.queued"]}
        await api.submit(saved("fox"), **job)
        [webhook] = (await api.client.get("/api/webhooks")).json()["webhooks"]
        [told] = await until_ended(api, webhook["id"])
        assert {one["error"] for one in told["log"]} == {"blocked_address"}
    assert place.got == []


async def test_what_is_no_longer_allowed_is_not_reached_at_delivery(
    place: Place, tmp_path: Path
) -> None:
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
    async with studio_inside(settings_in(tmp_path, allow=""), pace=PACE) as api:
        await api.submit(saved("fox"))
        [told] = await until_ended(api, webhook["id"])
        assert told["state"] == "failed"
        assert {one["error"] for one in told["log"]} == {"blocked_address"}
        assert place.got == []


async def test_a_receiver_that_is_down_gets_everything_when_it_is_back(tmp_path: Path) -> None:
    async with running_place() as place:
        port = place.port
    waits = dataclasses.replace(PACE, webhook_waits_s=(0.1,) * 100)
    async with studio_inside(settings_in(tmp_path), pace=waits) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        ids = [await api.submit(saved(str(number))) for number in range(20)]

        async def failed() -> bool:
            return all(bool(one["attempts"]) for one in await deliveries(api, webhook["id"]))

        await until_it(failed, "each was tried")
        async with running_place(port) as back:
            await until_ended(api, webhook["id"], 20)
            assert {got.message["data"]["id"] for got in back.got} == set(ids)
