"""What the owner sees of Studio: its log, its numbers, the machine's last minutes."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime

import httpx
import pytest

from tests.api.graphs import code_of, run, solid
from tests.api.studio_process import RunningStudio

SECRET = "canary-secret-of-the-log-0b3f"


def until_logged(owner: httpx.Client, **query: str) -> dict[str, str]:
    """The one entry that the query finds, once it was written."""
    deadline = time.monotonic() + 60
    while True:
        found = owner.get("/api/system/logs", params=query).json()["entries"]
        if found:
            [entry] = found
            return dict(entry)
        assert time.monotonic() < deadline, query
        time.sleep(0.05)


def test_what_somebody_changed_is_found_by_the_id_of_its_answer(owner: httpx.Client) -> None:
    answer = owner.put("/api/secrets/of_the_log", json={"value": SECRET})
    entry = until_logged(owner, request=answer.headers["x-request-id"])
    assert entry["message"].startswith("PUT /api/secrets/{name}: 204 in ")
    assert (entry["level"], entry["user"]) == ("info", "owner")
    assert owner.delete("/api/secrets/of_the_log").status_code == 204


def test_the_log_and_its_download_never_show_a_secret(
    owner: httpx.Client, studio: RunningStudio
) -> None:
    # It is in a line already when it becomes a secret.
    line = {
        "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "warning",
        "logger": "studio.tests",
        "message": f"a line with {SECRET} in it",
    }
    with (studio.folder / "logs" / "studio.jsonl").open("a") as log:
        log.write(json.dumps(line) + "\n")
    path = "/api/secrets/of_an_old_line"
    answer = owner.put(path, json={"value": SECRET})
    until_logged(owner, request=answer.headers["x-request-id"])
    page = owner.get("/api/system/logs", params={"text": "a line with"})
    assert "a line with *** in it" in page.text
    whole = owner.get("/api/system/logs/download")
    packed = owner.get("/api/system/diagnostics").content
    for text in (page.content, whole.content, packed):
        assert SECRET.encode() not in text
    assert owner.delete(path).status_code == 204
    # The line from outside may lie before one that waited for Studio's writer.
    lines = [json.loads(line) for line in whole.text.splitlines()]
    lines = [line for line in lines if line["logger"] != "studio.tests"]
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)


def test_pages_of_the_log_go_on_and_end(owner: httpx.Client) -> None:
    marks = []
    for _ in range(3):
        answer = owner.post("/api/queue/resume")
        marks.append(answer.headers["x-request-id"])
        until_logged(owner, request=marks[-1])
    found, before = [], None
    while True:
        asked = {"text": "POST /api/queue/resume", "limit": "1"} | (
            {"before": before} if before else {}
        )
        page = owner.get("/api/system/logs", params=asked).json()
        found += [entry["request"] for entry in page["entries"]]
        if (before := page["older"]) is None:
            break
    assert found[:3] == marks[::-1]


@pytest.mark.parametrize("query", ["level=loud", "limit=0", "limit=501", "text=" + "x" * 201])
def test_a_question_to_the_log_that_makes_no_sense_is_refused(
    owner: httpx.Client, query: str
) -> None:
    answer = owner.get(f"/api/system/logs?{query}")
    assert (answer.status_code, code_of(answer)) == (400, "invalid_request")


def samples(owner: httpx.Client) -> dict[str, float]:
    lines = owner.get("/metrics").text.splitlines()
    pairs = (line.rpartition(" ") for line in lines if not line.startswith("#"))
    return {name: float(value) for name, _, value in pairs}


def test_metrics_tell_of_the_machine_and_of_what_is_stored(owner: httpx.Client) -> None:
    run(owner, solid())
    told = samples(owner)
    assert told['studio_cpu_seconds_total{cpu="0",mode="busy"}'] > 0
    assert told['studio_memory_bytes{kind="total"}'] >= told['studio_memory_bytes{kind="used"}'] > 0
    assert told['studio_memory_bytes{kind="studio"}'] > 1 << 20
    assert told['studio_disk_free_bytes{disk="studio"}'] > 0
    assert told["studio_connections"] >= 1
    assert {"studio_queue_depth", "studio_presets", "studio_jobs_stored"} <= told.keys()
    assert 'studio_stored_bytes{kind="assets"}' in told


def test_metrics_count_requests_by_route_and_refusals_by_code(owner: httpx.Client) -> None:
    one = 'studio_request_seconds_count{method="GET",route="/api/jobs/{job_id}"}'
    hot = 'studio_request_seconds_count{method="POST",route="/api/v2/jobs"}'
    lost, refused = 'studio_errors_total{code="not_found"}', 'studio_responses_total{status="404"}'
    nobody = "00000000-0000-4000-8000-000000000000"
    owner.get(f"/api/jobs/{nobody}")
    owner.post("/api/v2/jobs", json={"workflow": solid()})
    before = samples(owner)
    owner.get(f"/api/jobs/{nobody}")
    owner.post("/api/v2/jobs", json={"workflow": solid()})
    owner.request("FROBD", "/api/made-up")
    after = samples(owner)
    assert after[one] - before[one] == 1
    assert after[hot] - before[hot] == 1
    assert after[lost] - before[lost] >= 1
    assert after[refused] - before[refused] >= 1
    assert not [name for name in after if "FROBD" in name or "made-up" in name]
    assert nobody not in "".join(after)


def test_the_last_minutes_of_the_machine_are_kept(owner: httpx.Client) -> None:
    deadline = time.monotonic() + 120
    while not (history := owner.get("/api/system/history").json())["beats"]:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    beat = history["beats"][-1]
    assert beat["cores"]
    assert all(0 <= share <= 1 for share in beat["cores"])
    assert 0 < beat["memory"] <= 1
