"""Named secrets: written, used by jobs, never shown; credentials that are never stored."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.api.graphs import code_of, solid, submit, wait_ended
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.contract.harness import run_embedded

STORED = "canary-stored-secret-51c0"
GIVEN = "canary-given-credential-77aa"


@pytest.fixture
def stored(owner: httpx.Client) -> Iterator[str]:
    """A stored secret's name."""
    assert owner.put("/api/secrets/comfy_org", json={"value": STORED}).status_code == 204
    yield "comfy_org"
    assert owner.delete("/api/secrets/comfy_org").status_code == 204


def test_a_secret_is_listed_by_name_alone(owner: httpx.Client, stored: str) -> None:
    answer = owner.get("/api/secrets")
    [entry] = answer.json()["secrets"]
    assert entry.keys() == {"name", "updated_at"}
    assert entry["name"] == stored
    assert STORED not in answer.text
    assert owner.get(f"/api/secrets/{stored}").status_code == 405


def test_a_job_runs_with_a_stored_secret_and_shows_neither_name_nor_value(
    owner: httpx.Client, stored: str
) -> None:
    job = submit(owner, solid(), secrets={"api_key_comfy_org": stored})
    assert wait_ended(owner, job["id"])["status"] == "succeeded"
    for path in (f"/api/jobs/{job['id']}", f"/api/v2/jobs/{job['id']}", "/api/jobs", "/metrics"):
        assert STORED not in owner.get(path).text


def test_a_job_whose_secret_was_forgotten_fails_by_name(paused: httpx.Client) -> None:
    paused.put("/api/secrets/forgotten", json={"value": STORED})
    job = submit(paused, solid(), secrets={"api_key_comfy_org": "forgotten"})
    paused.delete("/api/secrets/forgotten")
    paused.post("/api/queue/resume")
    ended = wait_ended(paused, job["id"])
    assert ended["status"] == "failed"
    assert "forgotten" in ended["error"]["message"]
    assert STORED not in str(ended)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("x" * 65, "v"),
        ("a b", "v"),
        ("ä", "v"),
        ("ok", ""),
        ("ok", "v" * 8193),
        ("ok", 5),
        ("ok", None),
    ],
    ids=repr,
)
def test_a_senseless_secret_is_not_stored(owner: httpx.Client, name: str, value: object) -> None:
    answer = owner.put(f"/api/secrets/{name}", json={"value": value})
    assert answer.status_code in (400, 422)
    assert code_of(answer) == "invalid_request"
    assert owner.get("/api/secrets").json() == {"secrets": []}


def test_forgetting_an_unknown_secret_is_not_found(owner: httpx.Client) -> None:
    answer = owner.delete("/api/secrets/unknown")
    assert (answer.status_code, code_of(answer)) == (404, "not_found")


def test_a_value_that_was_taken_for_a_name_is_not_in_the_refusal(
    owner: httpx.Client, stored: str
) -> None:
    body = {"workflow": solid(), "secrets": {"api_key_comfy_org": STORED}}
    refused = owner.post("/api/jobs", json=body)
    unknown = owner.delete(f"/api/secrets/{STORED}")
    for answer in (refused, unknown):
        assert (answer.status_code, code_of(answer)) == (404, "not_found")
        assert STORED not in answer.text
    assert "secrets.api_key_comfy_org" in refused.text


def test_a_credential_that_was_lost_in_a_restart_is_a_named_failure(tmp_path: Path) -> None:
    with run_studio(tmp_path / "one", {}, engine=False) as studio, studio.client() as client:
        lost = submit(client, solid(), extra_data={"api_key_comfy_org": GIVEN})
        plain = submit(client, solid())
    (tmp_path / "engine").mkdir()
    with (
        run_embedded(tmp_path / "engine") as engine,
        run_studio(tmp_path / "one", {"STUDIO_ENGINE": engine.url}, engine=False) as studio,
        studio.client() as client,
    ):
        ended = wait_ended(client, lost["id"])
        assert ended["status"] == "failed"
        assert ended["error"]["code"] == "credentials_lost"
        assert wait_ended(client, plain["id"])["status"] == "succeeded"


def test_no_canary_is_in_a_log_a_job_row_or_an_engine(
    studio: RunningStudio, owner: httpx.Client, stored: str, tmp_path: Path
) -> None:
    by_name = submit(owner, solid(), secrets={"api_key_comfy_org": stored})
    by_value = submit(owner, solid(), extra_data={"api_key_comfy_org": GIVEN})
    for job in (by_name, by_value):
        assert wait_ended(owner, job["id"])["status"] == "succeeded"
    owner.get("/api/jobs", headers={"Authorization": f"Bearer {OWNER_KEY}x"})
    owner.post("/api/v2/jobs", content=b"{", headers={"X-API-Key": OWNER_KEY})

    canaries = [OWNER_KEY.encode(), STORED.encode(), GIVEN.encode()]
    texts = [studio.log.read_bytes()]
    logs = [path.read_bytes() for path in (studio.folder / "logs").iterdir()]
    assert b"Studio listens" in b"".join(logs)
    texts += [log for log in logs if log]
    texts += [path.read_bytes() for path in studio.run_dir.glob("*.json")]
    texts += engine_facts(studio)
    rows = read_jobs(studio, tmp_path)
    assert by_name["id"].encode() in rows
    assert by_value["id"].encode() in rows
    texts.append(rows)
    for text in texts:
        assert text
        for canary in canaries:
            assert canary not in text


def engine_facts(studio: RunningStudio) -> list[bytes]:
    """Environment and command line of the engine's process."""
    children = Path(f"/proc/{studio.process.pid}/task/{studio.process.pid}/children").read_text()
    folders = [Path(f"/proc/{child}") for child in children.split()]
    engines = [each for each in folders if b"studio.embedded" in (each / "cmdline").read_bytes()]
    assert len(engines) == 1
    return [(engines[0] / name).read_bytes() for name in ("environ", "cmdline")]


def read_jobs(studio: RunningStudio, folder: Path) -> bytes:
    """Every value of every job row and idempotency key, from a copy of the database."""
    for name in ("studio.db", "studio.db-wal"):
        shutil.copy(studio.folder / "db" / name, folder / name)
    connection = sqlite3.connect(folder / "studio.db")
    try:
        rows = connection.execute("SELECT * FROM jobs").fetchall()
        rows += connection.execute("SELECT * FROM idempotency_keys").fetchall()
        return repr(rows).encode()
    finally:
        connection.close()
