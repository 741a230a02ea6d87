"""Programs and agents that wait while Studio ends, and what becomes of what they ordered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.api.presets import SMALL
from tests.api.studio_process import RunningStudio, run_studio

ENDS_S = 30.0
"""Far more than it takes; an agent would wait for five minutes."""


def name_model(owner: httpx.Client) -> None:
    """A drawing model whose jobs need nothing but an engine, which there is not."""
    preset = {"name": "Waits", "workflow_id": "text-to-image", "values": SMALL}
    preset_id = owner.post("/api/presets", json=preset).json()["id"]
    model = {"generate": {"preset_id": preset_id}}
    assert owner.put("/api/drawing-models/waits", json=model).status_code == 200


def ask(studio: RunningStudio, path: str, body: dict[str, Any], **headers: str) -> threading.Thread:
    """Ask on a thread, which ends when an answer came or none will."""
    accept = {"Accept": "application/json, text/event-stream", **headers}

    def wait() -> None:
        try:
            with studio.client() as client:
                client.post(path, json=body, headers=accept, timeout=300)
        except httpx.TransportError:
            # Cut off: what this is about.
            return

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def jobs(client: httpx.Client) -> list[dict[str, Any]]:
    """All jobs that there are."""
    return list(client.get("/api/jobs").json()["jobs"])


def until(question: Callable[[], bool]) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + ENDS_S
    while not question():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_studio_ends_while_a_program_and_an_agent_wait_and_keeps_what_they_ordered(
    tmp_path: Path,
) -> None:
    with run_studio(tmp_path, engine=False) as studio:
        with studio.client() as owner:
            name_model(owner)
            order = {"prompt": "a picture that waits", "model": "waits"}
            program = ask(studio, "/v1/images/generations", order)
            until(lambda: len(jobs(owner)) == 1)
            [job] = jobs(owner)
            arguments = {"job_id": job["id"], "timeout_s": 300}
            message = {
                "jsonrpc": "2.0",
                "id": 1,
                "method": "tools/call",
                "params": {"name": "wait_job", "arguments": arguments},
            }
            agent = ask(studio, "/mcp", message)
            time.sleep(1)
            assert program.is_alive()
            assert agent.is_alive()
        studio.process.terminate()
        assert studio.process.wait(ENDS_S) == 0
        for thread in (program, agent):
            thread.join(ENDS_S)
            assert not thread.is_alive()
    with run_studio(tmp_path, engine=False) as again, again.client() as owner:
        assert [(one["id"], one["status"]) for one in jobs(owner)] == [(job["id"], "queued")]


def test_the_same_order_after_a_kill_waits_for_the_same_job(tmp_path: Path) -> None:
    order = {"prompt": "once", "model": "waits"}
    key = {"Idempotency-Key": "once-and-for-all"}
    with run_studio(tmp_path, engine=False) as studio:
        with studio.client() as owner:
            name_model(owner)
            program = ask(studio, "/v1/images/generations", order, **key)
            until(lambda: len(jobs(owner)) == 1)
            [job] = jobs(owner)
            # A moment later the key is noted.
            time.sleep(1)
        studio.process.kill()
        studio.process.wait(ENDS_S)
        program.join(ENDS_S)
    with run_studio(tmp_path, engine=False) as again, again.client() as owner:
        program = ask(again, "/v1/images/generations", order, **key)
        time.sleep(1)
        assert program.is_alive()
        assert [(one["id"], one["status"]) for one in jobs(owner)] == [(job["id"], "queued")]
        assert owner.post(f"/api/jobs/{job['id']}/cancel").status_code == 200
        program.join(ENDS_S)
        assert not program.is_alive()
