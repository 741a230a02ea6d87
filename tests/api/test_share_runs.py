"""Forms behind links on a running Studio: a stranger makes a picture and gets it."""

from __future__ import annotations

import io
import json
import time
from typing import Any

import httpx
from PIL import Image

from tests.api.presets import good, preset
from tests.api.shares import PASSWORD
from tests.api.studio_process import RunningStudio

WAIT_S = 60.0


def ended(client: httpx.Client, path: str, run_id: str) -> dict[str, Any]:
    """A run once it has ended."""
    deadline = time.monotonic() + WAIT_S
    while True:
        run = good(client.get(f"{path}/runs/{run_id}"))
        if run["completed_at"] is not None:
            return run
        assert time.monotonic() < deadline, run["status"]
        time.sleep(0.05)


def test_a_stranger_runs_a_form_and_gets_the_picture_without_its_prompt(
    studio: RunningStudio, owner: httpx.Client
) -> None:
    secret = "canary-style-91ab"
    values = {"prompt": f"{secret}, a [[animal=Which?]]", "seed": 5}
    saved = good(owner.post("/api/presets", json=preset(values=values)), 201)
    body = {"kind": "preset", "target": saved["id"], "password": PASSWORD}
    url = good(owner.post("/api/share-links", json=body), 201)["url"]
    path = f"/api/shares/{url.rpartition('/')[2]}"
    with studio.client(None) as stranger:
        assert stranger.get(f"/s/{url.rpartition('/')[2]}").status_code == 200
        good(stranger.post(f"{path}/visit", json={"password": PASSWORD}))
        started = stranger.post(f"{path}/runs", json={"answers": {"animal": "fox"}})
        run = ended(stranger, path, good(started, 201)["id"])
        assert (run["status"], run["error"]) == ("succeeded", None)
        [output] = run["outputs"]
        assert (output["type"], output["content_type"]) == ("image", "image/png")
        address = f"{path}/runs/{run['id']}/outputs/{output['id']}"
        picture = stranger.get(f"{address}/content")
        assert (picture.status_code, picture.headers["cache-control"]) == (200, "no-store")
        with Image.open(io.BytesIO(picture.content)) as image:
            assert image.size == (64, 64)
            assert image.info == {}
        assert stranger.get(f"{address}/thumbnail").headers["content-type"] == "image/webp"
        for answer in (started, picture):
            assert secret.encode() not in answer.content
        assert secret not in json.dumps(run)
    with studio.client(None) as other:
        good(other.post(f"{path}/visit", json={"password": PASSWORD}))
        assert other.get(f"{address}/content").status_code == 404
    [job] = [one for one in good(owner.get("/api/jobs"))["jobs"] if one["origin"] == "share"]
    original = owner.get(f"/api/v2/assets/{job['outputs'][0]['id']}/content")
    assert secret.encode() in original.content
