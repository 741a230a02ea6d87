"""Small graphs that the embedded engine runs, and what the tests do with jobs."""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Iterator
from typing import Any

import httpx
import orjson
from PIL import Image

Graph = dict[str, Any]

CHECKPOINT = "embedded-demo.safetensors"
TERMINAL = frozenset({"succeeded", "failed", "canceled", "expired"})
WAIT_S = 30.0
_colors = itertools.count(1)


def fresh_color() -> int:
    """A colour no other test uses, so that nothing is cached by accident."""
    return next(_colors)


def solid(prefix: str = "solid", *, color: int | None = None, size: int = 16) -> Graph:
    """One picture of one colour, saved."""
    return {
        "1": {
            "class_type": "EmptyImage",
            "inputs": {
                "width": size,
                "height": size,
                "batch_size": 1,
                "color": fresh_color() if color is None else color,
            },
        },
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": prefix},
        },
    }


def invert(image: object, prefix: str = "inverted") -> Graph:
    """LoadImage, ImageInvert, SaveImage; ``image`` is a file name or a ``core/ASSET``."""
    return {
        "1": {"class_type": "LoadImage", "inputs": {"image": image}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {
            "class_type": "SaveImage",
            "inputs": {"images": ["2", 0], "filename_prefix": prefix},
        },
    }


def text_to_image(
    text: str = "a red fox", *, seed: int = 1, steps: int = 4, size: int = 64
) -> Graph:
    """The usual graph of a checkpoint, two prompts, a sampler and a save node."""
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": CHECKPOINT}},
        "2": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": text}},
        "3": {"class_type": "CLIPTextEncode", "inputs": {"clip": ["1", 1], "text": "blurry"}},
        "4": {
            "class_type": "EmptyLatentImage",
            "inputs": {"width": size, "height": size, "batch_size": 1},
        },
        "5": {
            "class_type": "KSampler",
            "inputs": {
                "model": ["1", 0],
                "positive": ["2", 0],
                "negative": ["3", 0],
                "latent_image": ["4", 0],
                "seed": seed,
                "steps": steps,
                "cfg": 7.0,
                "sampler_name": "euler",
                "scheduler": "normal",
                "denoise": 1.0,
            },
        },
        "6": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0], "vae": ["1", 2]}},
        "7": {
            "class_type": "SaveImage",
            "inputs": {"images": ["6", 0], "filename_prefix": "fox"},
        },
    }


def endless() -> Graph:
    """A graph that runs until it is cancelled, as far as a test is concerned."""
    return text_to_image("endless", seed=fresh_color(), steps=10_000, size=512)


def png(color: str = "red", size: tuple[int, int] = (12, 8)) -> bytes:
    """A small picture as a PNG file."""
    out = io.BytesIO()
    Image.new("RGB", size, color).save(out, "PNG")
    return out.getvalue()


def fresh_png() -> bytes:
    """A PNG of bytes that no other test uploads."""
    return png(f"#{fresh_color():06x}")


def upload(client: httpx.Client, data: bytes, path: str, **fields: str) -> dict[str, Any]:
    """Upload ``data`` and return the asset."""
    answer = client.post(
        "/api/v2/assets",
        files={"file": ("file", data, "image/png")},
        data={"content_type": "image/png", "file_path": path, **fields},
    )
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def submit(client: httpx.Client, graph: Graph, **fields: Any) -> dict[str, Any]:
    """Submit through ``/api/jobs`` and return the job."""
    answer = client.post("/api/jobs", json={"workflow": graph, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def submit_v2(client: httpx.Client, graph: Graph, **fields: Any) -> dict[str, Any]:
    """Submit through Comfy API v2 and return the job."""
    answer = client.post("/api/v2/jobs", json={"workflow": graph, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def get_job(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """The job as Comfy API v2 shows it."""
    answer = client.get(f"/api/v2/jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def wait_for_status(client: httpx.Client, job_id: str, *statuses: str) -> dict[str, Any]:
    """Poll until the job has one of these statuses."""
    deadline = time.monotonic() + WAIT_S
    while True:
        job = get_job(client, job_id)
        if job["status"] in statuses:
            return job
        assert job["status"] not in TERMINAL, f"it ended as {job['status']}: {job['error']}"
        assert time.monotonic() < deadline, f"still {job['status']}"
        time.sleep(0.02)


def wait_ended(client: httpx.Client, job_id: str) -> dict[str, Any]:
    """Poll until the job has ended, however."""
    return wait_for_status(client, job_id, *TERMINAL)


def run(client: httpx.Client, graph: Graph, **fields: Any) -> dict[str, Any]:
    """Submit and wait for the success."""
    job = wait_ended(client, submit(client, graph, **fields)["id"])
    assert job["status"] == "succeeded", job["error"]
    return job


def code_of(answer: httpx.Response) -> str:
    """The code in an answer's error envelope, which must have its exact shape."""
    body = answer.json()
    assert body.keys() == {"error"}, body
    error = body["error"]
    is_openai = answer.request.url.path.startswith("/v1/")
    more = {"type", "param"} if is_openai else {"details"}
    assert error.keys() == {"code", "message"} | more, body
    assert isinstance(error["message"], str)
    assert error["message"]
    assert isinstance(error.get("details"), dict | None)
    return str(error["code"])


def events_of(client: httpx.Client, job_id: str) -> list[tuple[str, Any]]:
    """Every event of a job's stream, to its end."""
    with client.stream("GET", f"/api/v2/jobs/{job_id}/events") as answer:
        assert answer.status_code == 200
        return list(read_events(answer.iter_lines()))


def read_events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """(event, data) of Server-Sent Events; comments come as ("", text)."""
    name = ""
    for line in lines:
        if line.startswith(":"):
            yield "", line[1:].strip()
        elif line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, orjson.loads(line.removeprefix("data: "))


def wait_for_library(client: httpx.Client, asset_id: str) -> dict[str, Any]:
    """Poll until the library knows an asset."""
    deadline = time.monotonic() + WAIT_S
    while True:
        answer = client.get(f"/api/library/{asset_id}")
        if answer.status_code == 200:
            return dict(answer.json())
        assert answer.status_code == 404, answer.text
        assert time.monotonic() < deadline, "the library does not know it"
        time.sleep(0.02)
