"""What the tests that send Studio made-up requests share: whom they ask, and what is sound."""

from __future__ import annotations

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, settings

from studio.clock import new_id
from tests.api.graphs import png, run, solid, upload, wait_for_library
from tests.api.people import PASSWORD
from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio

UNAVAILABLE: Final = {
    # Nobody is there who could be asked: see ``NOBODY_THERE``.
    502: {"source_unreachable"},
    503: {"unavailable", "storage_unavailable", "no_language_model", "model_not_running"},
    507: {"disk_full"},
}
NOBODY_THERE: Final = "http://127.0.0.1:9"
Things = dict[str, str]
Seen = Counter[int]


def examples_each(few: int, many: int) -> pytest.MarkDecorator:
    """How many requests each operation gets: in every run, and in ``scripts/soak``."""
    counts = [
        pytest.param(few, id="few"),
        pytest.param(many, id="many", marks=pytest.mark.soak),
    ]
    return pytest.mark.parametrize("examples", counts)


def repeatable(examples: int) -> settings:
    """So many made-up requests, the same ones in every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )


@contextlib.contextmanager
def fuzzed_studio(folder: Path) -> Iterator[RunningStudio]:
    """A Studio that was set up, alone: what is sent to it pauses queues and ends sessions."""
    hubs = ("HF_ENDPOINT", "CIVITAI_URL", "TELEGRAM_API_URL")
    variables = {"STUDIO_TRUSTED_PROXIES": "127.0.0.1"} | dict.fromkeys(hubs, NOBODY_THERE)
    with run_studio(folder, variables) as studio:
        with studio.client() as owner:
            body = {"api_key": OWNER_KEY, "password": PASSWORD}
            assert owner.post("/api/setup", json=body).status_code == 200
        yield studio


def described(studio: RunningStudio) -> dict[str, Any]:
    """Studio's own OpenAPI page."""
    with studio.client() as owner:
        return dict(owner.get("/api/openapi.json").json())


def make_things(studio: RunningStudio) -> Things:
    """Parts of addresses that lead somewhere, by their names on the page."""
    with studio.client() as owner:
        asset = upload(owner, png(), "fuzzed.png")
        wait_for_library(owner, asset["id"])
        board = owner.post("/api/boards", json={"name": new_id()})
        assert board.status_code == 201, board.text
        chosen = owner.post("/api/library/zip", json={"ids": [asset["id"]]})
        assert chosen.status_code == 200, chosen.text
        # Another test may have left the queue paused.
        assert owner.post("/api/queue/resume").status_code == 200
        assert owner.delete("/api/system/prepare-stop").status_code == 200
        job = run(owner, solid())
        began = owner.post("/api/uploads", json={"name": "fuzzed.bin", "size_bytes": 3})
        assert began.status_code == 201, began.text
    return {
        "job_id": job["id"],
        "id": asset["id"],
        "hash": asset["hash"],
        "asset_id": asset["id"],
        "board_id": board.json()["id"],
        "selection_id": chosen.json()["url"].rpartition("/")[2].partition("?")[0],
        "upload_id": began.json()["id"],
        "number": "0",
        "user_id": "owner",
        "class_type": "EmptyImage",
        "name": "embedded",
        "key": "HF_TOKEN",
    }


def require_sound(method: str, status: int, content: bytes, told: Callable[[], str]) -> None:
    """Every refusal has a code, and none is a failure of Studio's own; ``told``: what was sent."""
    if status < 400 or method == "HEAD":
        assert status < 500, told()
        return
    code = json.loads(content)["error"]["code"]
    unavailable = UNAVAILABLE.get(status, ())
    assert status < 500 or code in unavailable, f"{told()}: {content[:500]!r}"


def require_ready(studio: RunningStudio) -> None:
    """Studio takes work, at the latest when the engine that was just restarted is back."""
    deadline = time.monotonic() + 60
    while not studio.is_ready() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert studio.is_ready()
