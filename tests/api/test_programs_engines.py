"""Programs and agents get their pictures of either engine, however long they take."""

from __future__ import annotations

import base64
import io
import threading
import time

import httpx
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import ImageContent
from openai import OpenAI
from PIL import Image

from tests.api.graphs import CHECKPOINT
from tests.api.studio_process import OWNER_KEY, RunningStudio

SIZE = "64x64"


def png(color: tuple[int, ...], mode: str = "RGB") -> tuple[str, bytes, str]:
    """A picture as the client sends it."""
    out = io.BytesIO()
    Image.new(mode, (64, 64), color).save(out, "PNG")
    return "picture.png", out.getvalue(), "image/png"


def test_openai_s_client_draws_and_edits_on_either_engine(any_studio: RunningStudio) -> None:
    with any_studio.client() as owner:
        # As little work as there can be: without a GPU the workflow's own values take minutes.
        body = {
            "name": "Quick edits",
            "workflow_id": "image-to-image",
            "values": {"steps": 2, "megapixels": 0.1, "checkpoint": CHECKPOINT},
        }
        preset_id = owner.post("/api/presets", json=body).json()["id"]
        model = {"edit": {"preset_id": preset_id}}
        assert owner.put("/api/drawing-models/quick", json=model).status_code == 200
    with OpenAI(base_url=f"{any_studio.url}/v1", api_key=OWNER_KEY, max_retries=0) as program:
        drawn = program.images.generate(prompt="a red fox", size=SIZE)
        assert drawn.data is not None
        data = base64.b64decode(drawn.data[0].b64_json or "")
        assert Image.open(io.BytesIO(data)).size == (64, 64)
        edited = program.images.edit(
            model="quick", image=("fox.png", data, "image/png"), prompt="in winter"
        )
        assert edited.data is not None
        assert edited.data[0].b64_json


def test_comfyui_paints_inside_of_a_mask(comfyui_studio: RunningStudio) -> None:
    with OpenAI(base_url=f"{comfyui_studio.url}/v1", api_key=OWNER_KEY, max_retries=0) as program:
        made = program.images.edit(
            image=png((200, 30, 30)), mask=png((0, 0, 0, 0), "RGBA"), prompt="a bridge"
        )
    assert made.data is not None
    picture = Image.open(io.BytesIO(base64.b64decode(made.data[0].b64_json or "")))
    # All of it was to be painted anew.
    assert picture.convert("RGB").getcolors(1) != [(64 * 64, (200, 30, 30))]


async def test_an_agent_runs_and_looks_on_either_engine(any_studio: RunningStudio) -> None:
    values = {
        "prompt": "a boat",
        "size": {"width": 64, "height": 64},
        "steps": 2,
        "checkpoint": CHECKPOINT,
    }
    headers = {"Authorization": f"Bearer {OWNER_KEY}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=90) as http,
        Client(streamable_http_client(f"{any_studio.url}/mcp", http_client=http)) as client,
    ):
        order = {"workflow_id": "text-to-image", "values": values}
        run = await client.call_tool("run_workflow", order)
        assert isinstance(run.structured_content, dict), run.content
        job_id = run.structured_content["jobs"][0]["id"]
        waited = await client.call_tool("wait_job", {"job_id": job_id, "timeout_s": 80})
        assert isinstance(waited.structured_content, dict)
        assert waited.structured_content["job"]["status"] == "succeeded"
        shown = await client.call_tool("fetch_result", {"job_id": job_id})
        assert isinstance(shown.content[1], ImageContent)


@pytest.mark.long
def test_openai_s_client_waits_two_minutes_and_is_never_left_in_silence(
    studio: RunningStudio, paused: httpx.Client
) -> None:
    begun_s = time.monotonic()

    def go_on() -> None:
        time.sleep(120)
        assert paused.post("/api/queue/resume").status_code == 200

    resuming = threading.Thread(target=go_on)
    resuming.start()
    # Whoever hears nothing for 20 s hangs up, as proxies do.
    silence = httpx2.Timeout(20)
    with OpenAI(
        base_url=f"{studio.url}/v1", api_key=OWNER_KEY, max_retries=0, timeout=silence
    ) as program:
        made = program.images.generate(prompt="patience", size=SIZE)
    resuming.join()
    assert time.monotonic() - begun_s >= 120
    assert made.data is not None
    assert made.data[0].b64_json


@pytest.mark.long
def test_what_goes_wrong_late_is_told_in_the_body(
    studio: RunningStudio, paused: httpx.Client
) -> None:
    def cancel() -> None:
        time.sleep(17)
        assert paused.post("/api/queue/clear").status_code == 200

    canceling = threading.Thread(target=cancel)
    canceling.start()
    with studio.client() as program:
        answer = program.post("/v1/images/generations", json={"prompt": "late", "size": SIZE})
    canceling.join()
    assert answer.status_code == 200
    assert answer.text.startswith(" {")
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == ("drawing_failed", "invalid_request_error")
