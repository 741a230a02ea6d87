"""Webhooks: what they are told, in which order, and what signs it."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from standardwebhooks.webhooks import WebhookVerificationError

from studio.clients.machine import DiskSpace
from studio.webhook_signing import new_secret
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import saved
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import running_origin
from tests.fakes.webhook_place import Place, running_place
from tests.faults.harness import studio_inside, until
from tests.faults.webhook_rig import PACE, settings_in, subscribe, until_ended


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    """A receiver that takes everything until it is told otherwise."""
    async with running_place() as running:
        yield running


async def test_a_job_is_told_from_its_beginning_to_its_end(
    engine: FakeComfy, place: Place, tmp_path: Path
) -> None:
    async with studio_inside(settings_in(tmp_path, engine.url), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.*", "output.created")
        job_id = await api.submit(saved("fox"), title="A fox", metadata={"order": "7"})
        job = await api.wait(job_id)
        await until(lambda: "job.succeeded" in place.types(), "the end is told")

        assert place.types() == ["job.queued", "job.started", "output.created", "job.succeeded"]
        for got in place.got:
            got.verify(webhook["secret"])
            assert got.headers["content-type"] == "application/json"
        assert len({got.id for got in place.got}) == 4
        data = place.got[-1].message["data"]
        assert data["id"] == job_id
        assert (data["status"], data["title"]) == ("succeeded", "A fox")
        assert data["metadata"] == {"order": "7"}
        assert data["outputs_total"] == len(job["outputs"]) == 1
        [output] = data["outputs"]
        assert output["id"] == job["outputs"][0]["id"] == place.got[2].message["data"]["id"]
        assert output["url"] == f"/api/v2/assets/{output['id']}/content"
        told = await until_ended(api, webhook["id"], 4)
        assert [one["state"] for one in told] == ["delivered"] * 4
        assert [one["log"][0]["answer"] for one in told] == ["thank you"] * 4


async def test_a_failed_a_cancelled_and_an_expired_job_are_told_as_such(
    engine: FakeComfy, place: Place, tmp_path: Path
) -> None:
    async with studio_inside(settings_in(tmp_path, engine.url), pace=PACE) as api:
        await api.client.post("/api/queue/pause")
        await subscribe(api, place.url, "job.canceled", "job.expired", "job.failed")
        canceled = await api.submit(saved("one"))
        await api.cancel(canceled)
        soon = datetime.fromtimestamp(time.time() + 0.5, UTC).isoformat()
        expired = await api.submit(saved("two"), deadline_at=soon)
        await api.wait(expired)
        await until(lambda: len(place.got) == 2, "both ends are told")
        engine.prompt_faults.extend(["500"] * 3)
        await api.client.post("/api/queue/resume")
        failed = await api.submit(saved("three"))
        await api.wait(failed)
        await until(lambda: len(place.got) == 3, "the third end is told")

        assert [(got.type, got.message["data"]["id"]) for got in place.got] == [
            ("job.canceled", canceled),
            ("job.expired", expired),
            ("job.failed", failed),
        ]
        assert place.got[2].message["data"]["error"]["code"] == "engine_refused"


async def test_one_job_can_name_its_own_webhook_and_secret(
    engine: FakeComfy, place: Place, tmp_path: Path
) -> None:
    secret = new_secret()
    async with studio_inside(settings_in(tmp_path, engine.url), pace=PACE) as api:
        other = await api.submit(saved("without"))
        await api.wait(other)
        job_id = await api.submit(
            saved("with"), webhook_url=f"{place.url}?token=tell-no-one", webhook_secret=secret
        )
        await api.wait(job_id)
        await until(lambda: bool(place.got), "the end is told")
        [got] = place.got
        got.verify(secret)
        assert got.path == "/hook?token=tell-no-one"
        assert (got.type, got.message["data"]["id"]) == ("job.succeeded", job_id)
        with pytest.raises(WebhookVerificationError):
            dataclasses.replace(got, body=got.body.replace(b"succeeded", b"sacceeded")).verify(
                secret
            )


async def test_a_job_that_is_retried_keeps_its_own_webhook(
    engine: FakeComfy, place: Place, tmp_path: Path
) -> None:
    secret = new_secret()
    async with studio_inside(settings_in(tmp_path, engine.url), pace=PACE) as api:
        first = await api.submit(
            saved("fox"),
            webhook_url=place.url,
            webhook_secret=secret,
            webhook_events=["job.queued"],
        )
        await api.wait(first)
        answer = await api.client.post(f"/api/jobs/{first}/retry", json={})
        second = answer.json()["id"]
        await until(lambda: len(place.got) == 2, "both are told")
        assert [got.message["data"]["id"] for got in place.got] == [first, second]
        assert place.types() == ["job.queued"] * 2
        place.got[1].verify(secret)


async def test_without_a_secret_of_its_own_a_jobs_webhook_is_signed_with_the_users(
    engine: FakeComfy, place: Place, tmp_path: Path
) -> None:
    async with studio_inside(settings_in(tmp_path, engine.url), pace=PACE) as api:
        made = (await api.client.post("/api/webhooks/job-secret")).json()
        job_id = await api.submit(
            saved("fox"), webhook_url=place.url, webhook_events=["job.queued", "output.created"]
        )
        await api.wait(job_id)
        await until(lambda: len(place.got) == 2, "both are told")
        assert place.types() == ["job.queued", "output.created"]
        for got in place.got:
            got.verify(made["secret"])
        told = await until_ended(api, made["id"], 2)
        assert {one["url"] for one in told} == {place.url}


async def test_progress_goes_in_order_and_never_after_the_end(
    engine: FakeComfy, place: Place, tmp_path: Path
) -> None:
    engine.hold("node")
    async with studio_inside(settings_in(tmp_path, engine.url), pace=PACE) as api:
        await subscribe(api, place.url, "job.*")
        job_id = await api.submit(saved("fox"))
        await api.wait(job_id, ["running"])
        await until(lambda: "job.progress" in place.types(), "progress is told")
        place.held.clear()
        engine.open_all()
        await api.wait(job_id)
        place.held.set()
        await until(lambda: "job.succeeded" in place.types(), "the end is told")

        types = place.types()
        assert types[:2] == ["job.queued", "job.started"]
        assert types[-1] == "job.succeeded"
        assert set(types[2:-1]) == {"job.progress"}
        values = [got.message["data"]["progress"]["value"] for got in place.of("job.progress")]
        assert values == sorted(values)
        times = [got.message["timestamp"] for got in place.of("job.progress")]
        assert times == sorted(times)


async def test_both_secrets_sign_for_a_day_after_a_change(place: Place, tmp_path: Path) -> None:
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        changed = (await api.client.post(f"/api/webhooks/{webhook['id']}/secret")).json()
        assert changed["secret"] != webhook["secret"]
        await api.submit(saved("fox"))
        await until(lambda: len(place.got) == 1)
        place.got[0].verify(webhook["secret"])
        place.got[0].verify(changed["secret"])


async def test_a_paused_webhook_is_told_later(place: Place, tmp_path: Path) -> None:
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        path = f"/api/webhooks/{webhook['id']}"
        assert (await api.client.patch(path, json={"paused": True})).json()["paused_at"]
        job_id = await api.submit(saved("fox"))
        assert (await api.client.get(path)).json()["waiting"] == 1
        assert place.got == []
        await api.client.patch(path, json={"paused": False})
        await until(lambda: len(place.got) == 1, "it is told")
        assert place.got[0].message["data"]["id"] == job_id


async def test_what_was_not_told_yet_is_told_by_the_next_studio(
    place: Place, tmp_path: Path
) -> None:
    place.held.clear()
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        webhook = await subscribe(api, place.url, "job.queued")
        await api.submit(saved("fox"))
        await until(lambda: len(place.got) == 1, "it is under way")
    place.held.set()
    async with studio_inside(settings_in(tmp_path), pace=PACE) as api:
        [told] = await until_ended(api, webhook["id"])
        assert told["state"] == "delivered"
        assert [got.id for got in place.got] == [told["id"]] * 2


async def test_system_webhooks_hear_of_engines(
    engine: FakeComfy, place: Place, tmp_path: Path
) -> None:
    async with studio_inside(settings_in(tmp_path, engine.url), pace=PACE) as api:
        await api.wait_ready()
        await subscribe(api, place.url, "engine.*", system=True)
        await engine.stop()
        await until(lambda: bool(place.got), "the engine's end is told")
        data = place.got[0].message["data"]
        assert place.got[0].type == f"engine.{data['state']}"
        assert data["name"] == "remote-1"


async def test_system_webhooks_hear_of_downloads_and_of_disks_that_fill_up(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_origin() as origin, studio_inside(settings_in(tmp_path), pace=PACE) as api:
        origin.serve("a.safetensors", safetensors(5_000, 1))
        await subscribe(api, place.url, "download.*", "disk.low", system=True)
        wish = {"reference": origin.url("a.safetensors"), "folder": "loras"}
        made = await api.client.post("/api/downloads", json=wish)
        assert made.status_code == 201, made.text
        await until(lambda: "download.done" in place.types(), "the end is told")
        assert place.types()[-1] == "download.done"
        assert {got.message["data"]["id"] for got in place.got} == {made.json()["id"]}
        shown = (await api.client.get(f"/api/downloads/{made.json()['id']}")).json()
        for progress in ("received_bytes", "bytes_per_second", "eta_seconds", "retry_in_seconds"):
            del shown[progress]
        assert place.got[-1].message["data"] == shown
    monkeypatch.setattr("studio.services.disk.read_disk", lambda _: DiskSpace(1 << 40, 1 << 30))
    async with studio_inside(settings_in(tmp_path), pace=PACE):
        await until(lambda: "disk.low" in place.types(), "the disk is told of")
        assert place.of("disk.low")[0].message["data"]["free_bytes"] == 1 << 30
