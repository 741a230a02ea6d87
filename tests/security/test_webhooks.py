"""Webhooks: whose they are, what nobody is shown, and names that lead elsewhere by the time."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import threading
from collections.abc import Sequence

import pytest

from studio.clients.webhook_receiver import WebhookReceiver
from studio.net import Outbound
from studio.store.webhook_deliveries import DeliveryStore, Due
from tests.api.house import House
from tests.api.people import member_in, owner_in
from tests.fakes.comfy_graphs import saved
from tests.fakes.webhook_place import running_place

PUBLIC = "93.184.215.14"
URL = f"https://{PUBLIC}/hook?token=canary-of-a-url"


async def test_nobody_sees_or_touches_the_webhooks_of_others_but_the_owner(house: House) -> None:
    async with member_in(house, "Mia") as mia, member_in(house, "Noah") as noah:
        body = {"url": URL, "events": ["job.*"]}
        made = (await mia.post("/api/webhooks", json=body)).json()
        path = f"/api/webhooks/{made['id']}"
        assert (await noah.get("/api/webhooks")).json()["webhooks"] == []
        asked = [
            await noah.get(path),
            await noah.patch(path, json={"url": "https://93.184.215.15/"}),
            await noah.post(f"{path}/secret"),
            await noah.post(f"{path}/test"),
            await noah.post(f"{path}/resend", json={}),
            await noah.get(f"{path}/deliveries"),
            await noah.get(f"{path}/deliveries/msg_0"),
            await noah.post(f"{path}/deliveries/msg_0/resend"),
            await noah.delete(path),
        ]
        assert [answer.status_code for answer in asked] == [404] * len(asked)
        async with owner_in(house) as owner:
            [seen] = (await owner.get("/api/webhooks")).json()["webhooks"]
            assert (seen["id"], seen["user_name"]) == (made["id"], "Mia")
            assert (await owner.delete(path)).status_code == 204


async def test_only_the_owner_hears_of_everything(house: House) -> None:
    async with member_in(house, "Mia") as mia:
        body = {"url": URL, "events": ["job.*"], "system": True}
        assert (await mia.post("/api/webhooks", json=body)).status_code == 403
        body = {"url": URL, "events": ["engine.*"]}
        answer = await mia.post("/api/webhooks", json=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "invalid_request")
    async with house.client() as owner:
        made = await owner.post("/api/keys", json={"name": "less", "scopes": ["jobs"]})
        body = {"url": URL, "events": ["job.*"], "system": True}
        async with house.client(made.json()["key"]) as program:
            assert (await program.post("/api/webhooks", json=body)).status_code == 403
        assert (await owner.post("/api/webhooks", json=body)).status_code == 201


async def test_a_key_without_admin_can_do_nothing_with_a_webhook_of_the_system(
    house: House,
) -> None:
    async with house.client() as owner:
        body = {"url": URL, "events": ["job.*"], "system": True}
        made = (await owner.post("/api/webhooks", json=body)).json()
        path = f"/api/webhooks/{made['id']}"
        ping = (await owner.post(f"{path}/test")).json()["id"]
        own = (await owner.post("/api/webhooks", json={**body, "system": False})).json()
        key = (await owner.post("/api/keys", json={"name": "less", "scopes": ["jobs"]})).json()
        async with house.client(key["key"]) as program:
            listed = (await program.get("/api/webhooks")).json()["webhooks"]
            assert [one["id"] for one in listed] == [own["id"]]
            asked = [
                await program.get(path),
                await program.patch(path, json={"url": "https://93.184.215.15/"}),
                await program.patch(path, json={"paused": True}),
                await program.post(f"{path}/secret"),
                await program.post(f"{path}/test"),
                await program.post(f"{path}/resend", json={}),
                await program.get(f"{path}/deliveries"),
                await program.get(f"{path}/deliveries/{ping}"),
                await program.post(f"{path}/deliveries/{ping}/resend"),
                await program.delete(path),
            ]
            assert [answer.status_code for answer in asked] == [403] * len(asked)
            assert (await program.delete(f"/api/webhooks/{own['id']}")).status_code == 204
        after = (await owner.get(path)).json()
        assert (after["url"], after["paused_at"]) == (URL, None)
        assert len((await owner.get(f"{path}/deliveries")).json()["deliveries"]) == 1


async def test_a_receiver_that_is_gone_for_one_user_is_told_of_the_jobs_of_others(
    house: House,
) -> None:
    async with member_in(house, "Mia") as mia, member_in(house, "Noah") as noah:
        body = {"workflow": saved("fox"), "webhook_url": URL}
        jobs = [(await each.post("/api/jobs", json=body)).json() for each in (mia, noah, noah)]
        hooks = [(await each.get("/api/webhooks")).json()["webhooks"][0] for each in (mia, noah)]
        due = Due(
            seq=0,
            id="msg_0",
            webhook_id=hooks[0]["id"],
            user_id=hooks[0]["user_id"],
            type="job.succeeded",
            lane="",
            endpoint="",
            body="",
            attempts=0,
            url=URL,
            secrets=(),
            is_of_job=True,
        )
        await DeliveryStore(house.db).give_up(due, "gone", house.clock.now_ms())

        def left(connection: sqlite3.Connection) -> set[str]:
            return {row[0] for row in connection.execute("SELECT job_id FROM job_webhooks")}

        assert await house.db.read(left) == {job["id"] for job in jobs[1:]}


async def test_a_secret_is_shown_when_it_is_made_and_never_again(house: House) -> None:
    async with house.client() as owner:
        made = (await owner.post("/api/webhooks", json={"url": URL, "events": ["*"]})).json()
        path = f"/api/webhooks/{made['id']}"
        changed = (await owner.post(f"{path}/secret")).json()["secret"]
        job_secret = (await owner.post("/api/webhooks/job-secret")).json()["secret"]
        await owner.patch(path, json={"paused": True})
        said = ""
        for asked in (
            path,
            "/api/webhooks",
            "/api/activity",
            "/api/system/diagnostics",
            "/api/settings",
        ):
            answer = await owner.get(asked)
            assert answer.status_code == 200
            said += answer.text
        for secret in (made["secret"], changed, job_secret):
            assert secret.startswith("whsec_")
            assert secret not in said
        # The address may hold one too: whoever only reads what was done does not see it.
        assert "canary-of-a-url" not in (await owner.get("/api/activity")).text


async def test_a_user_has_twenty_webhooks_at_most(house: House) -> None:
    async with house.client() as owner:
        body = {"url": URL, "events": ["job.*"]}
        answers = [await owner.post("/api/webhooks", json=body) for _ in range(21)]
        assert [answer.status_code for answer in answers] == [201] * 20 + [409]


async def test_a_name_that_nobody_answers_for_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = threading.Event()

    def hangs(*_args: object, **_more: object) -> list[object]:
        answered.wait(60)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", hangs)
    monkeypatch.setattr("studio.services.webhooks.LOOK_UP_S", 0.05)
    try:
        async with asyncio.timeout(20), house.client() as owner:
            body = {"url": "https://hooks.example/", "events": ["job.*"]}
            assert (await owner.post("/api/webhooks", json=body)).status_code == 201
            # What may be judged without an answer still is.
            body["url"] = "https://10.0.0.1/"
            assert (await owner.post("/api/webhooks", json=body)).status_code == 403
    finally:
        answered.set()


async def test_a_name_that_leads_home_by_the_time_is_not_dialled() -> None:
    answers = [[PUBLIC], ["127.0.0.1"]]

    def resolve(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0) if len(answers) > 1 else answers[0]

    outbound = Outbound(resolve=resolve)
    async with running_place() as place:
        url = f"https://hooks.example:{place.port}/"
        assert outbound.place(url).addresses == (PUBLIC,)
        receiver = WebhookReceiver(outbound, timeout_s=2.0)
        answer = await receiver.post(url, b"{}", {})
        await receiver.close()
        assert (answer.status, answer.error) == (None, "blocked_address")
        assert place.got == []


@pytest.mark.parametrize(
    "led_to",
    [
        ["127.0.0.1"], ["0.0.0.0"], ["::1"], ["::"], ["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"],
        ["fe80::1"], ["fd00::1"], ["169.254.169.254"], ["100.64.0.1"], [PUBLIC, "127.0.0.1"],
    ],
)  # fmt: skip
async def test_a_name_that_leads_home_is_not_dialled(led_to: list[str]) -> None:
    async with running_place() as place:
        receiver = WebhookReceiver(Outbound(resolve=lambda *_: led_to), timeout_s=2.0)
        for scheme in ("https", "http"):
            answer = await receiver.post(f"{scheme}://hooks.example:{place.port}/", b"{}", {})
            assert (answer.status, answer.error) == (None, "blocked_address")
        await receiver.close()
        assert place.got == []


async def test_the_address_that_was_judged_is_the_one_that_is_dialled() -> None:
    """Nobody asks for the name again between the judgement and the connection."""
    asked: list[str] = []

    def resolve(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with running_place() as place:
        receiver = WebhookReceiver(Outbound(["127.0.0.0/8"], resolve=resolve), timeout_s=2.0)
        answer = await receiver.post(f"http://no-such-name.invalid:{place.port}/", b"{}", {})
        await receiver.close()
        assert (answer.status, answer.error) == (200, None)
        assert place.got[0].headers["host"] == f"no-such-name.invalid:{place.port}"
    assert set(asked) == {"no-such-name.invalid"}
