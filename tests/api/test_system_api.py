"""Health, readiness, metrics, engines, and what a Studio without its volume says."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import httpx

from studio.version import VERSION
from tests.api.graphs import code_of, run, solid, submit, submit_v2, wait_ended
from tests.api.studio_process import RunningStudio, run_studio


def metric(client: httpx.Client, name: str) -> float:
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    [line] = [line for line in answer.text.splitlines() if line.startswith(f"{name} ")]
    return float(line.rsplit(" ", 1)[1])


def test_health_and_readiness_need_no_key(studio: RunningStudio) -> None:
    with studio.client(None) as stranger:
        assert stranger.get("/health").json() == {"status": "ok", "version": VERSION}
        ready = stranger.get("/ready")
        assert ready.status_code == 200
        assert ready.json()["ready"] is True
        assert ready.json()["reasons"] == []
        assert ready.json()["engines"] == {"embedded": "ready"}
        assert ready.json()["engine_kinds"] == {"embedded": "embedded"}
        assert stranger.get("/").json()["name"] == "Studio"


def test_monitors_that_ask_for_heads_alone_are_answered(studio: RunningStudio) -> None:
    with studio.client(None) as stranger:
        for path in ("/", "/health", "/ready"):
            answer = stranger.head(path)
            assert (answer.status_code, answer.content) == (200, b""), path


def test_metrics_count_jobs_as_they_wait_and_end(paused: httpx.Client) -> None:
    ended = 'studio_jobs_finished_total{status="succeeded"}'
    before = metric(paused, ended)
    count = metric(paused, "studio_job_seconds_count")
    job = submit(paused, solid())
    assert metric(paused, 'studio_jobs{status="queued"}') == 1
    paused.post("/api/queue/resume")
    wait_ended(paused, job["id"])
    assert metric(paused, ended) == before + 1
    assert metric(paused, "studio_job_seconds_count") == count + 1
    assert metric(paused, 'studio_jobs{status="queued"}') == 0
    assert metric(paused, 'studio_engine_ready{engine="embedded"}') == 1


def test_engines_are_listed_for_the_owner(owner: httpx.Client) -> None:
    run(owner, solid())
    [engine] = owner.get("/api/system/engines").json()["engines"]
    assert engine["name"] == "embedded"
    assert engine["state"] == "ready"
    assert engine["cleans_up"] is True


def test_an_unknown_engine_cannot_be_restarted(owner: httpx.Client) -> None:
    answer = owner.post("/api/system/engines/nobody/restart")
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_a_backup_needs_an_absolute_path(owner: httpx.Client) -> None:
    for body in ({}, {"to": "relative/path"}, {"to": 5}):
        answer = owner.post("/api/system/backup", json=body)
        assert (answer.status_code, code_of(answer)) == (422, "invalid_request")


def test_the_console_is_the_owner_without_a_key(studio: RunningStudio) -> None:
    assert (studio.run_dir / "control.sock").stat().st_mode & 0o777 == 0o600
    with studio.console() as console:
        assert console.get("/api/keys").status_code == 200


def test_a_studio_without_engines_says_so_and_keeps_jobs(tmp_path: Path) -> None:
    with run_studio(tmp_path, engine=False) as studio, studio.client() as client:
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert "STUDIO_ENGINE" in ready.json()["reasons"][0]
        job = submit_v2(client, {"1": {"class_type": "Anything", "inputs": {}}})
        assert client.get(job["urls"]["self"]).json()["status"] == "queued"
        estimate = client.get(f"/api/jobs/{job['id']}").json()["starts_in_ms"]
        assert estimate in (0, None)


def test_a_full_queue_is_said_so_and_room_comes_back(tmp_path: Path) -> None:
    variables = {"MAX_QUEUE_DEPTH": "2"}
    with run_studio(tmp_path, variables, engine=False) as studio, studio.client() as client:
        first, _ = submit_v2(client, solid()), submit_v2(client, solid())
        headers = {"Idempotency-Key": "full"}
        refused = client.post("/api/v2/jobs", json={"workflow": solid()}, headers=headers)
        assert (refused.status_code, code_of(refused)) == (429, "queue_full")
        assert int(refused.headers["retry-after"]) > 0
        assert len(client.get("/api/v2/jobs").json()["jobs"]) == 2
        client.post(first["urls"]["cancel"])
        accepted = client.post("/api/v2/jobs", json={"workflow": solid()}, headers=headers)
        assert accepted.status_code == 201


async def test_many_submits_at_once_share_the_free_places(tmp_path: Path) -> None:
    with run_studio(tmp_path, {"MAX_QUEUE_DEPTH": "5"}, engine=False) as studio:
        async with studio.async_client() as client:
            answers = await asyncio.gather(
                *(client.post("/api/v2/jobs", json={"workflow": solid()}) for _ in range(40))
            )
            assert Counter(answer.status_code for answer in answers) == {201: 5, 429: 35}
            assert (await client.get("/api/queue")).json()["depth"] == 5


def test_a_second_studio_on_the_volume_explains_itself(
    studio: RunningStudio, tmp_path: Path
) -> None:
    variables = {"STUDIO_DIR": str(studio.folder)}
    with (
        run_studio(tmp_path, variables, engine=False, serves=False) as held,
        held.client() as client,
    ):
        assert client.get("/health").status_code == 200
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["reasons"]
        answer = client.get("/api/v2/jobs")
        assert (answer.status_code, code_of(answer)) == (503, "unavailable")
        assert answer.headers["retry-after"]
        assert answer.headers["x-request-id"]
        assert "default-src 'none'" in answer.headers["content-security-policy"]
