"""Models that a graph names by their address: fetched for the job, kept, and shown as named."""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path

import httpx
import pytest

from tests.api.graphs import solid, text_to_image
from tests.api.on_demand_client import (
    WITHIN_S,
    cached,
    downloads,
    ended,
    fetching,
    submit,
    with_lora,
)
from tests.api.studio_process import RunningStudio, run_studio
from tests.contract.harness import run_embedded
from tests.fakes.civitai import running_civitai
from tests.fakes.download_rig import safetensors
from tests.fakes.hub import Repository, running_hub
from tests.fakes.origin import Origin


def lora() -> bytes:
    """A LoRA of one layer of Stable Diffusion 1.5, without any effect."""
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    shapes = {f"{layer}.lora_down.weight": [1, 320], f"{layer}.lora_up.weight": [320, 1]}
    header = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": [at * 1280, at * 1280 + 1280]}
        for at, (name, shape) in enumerate(shapes.items())
    }
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(2560)


async def test_a_lora_named_by_its_address_is_fetched_used_and_shown_as_it_was_named(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("detail.safetensors", safetensors(100_000, 1))
    url = origin.url("detail.safetensors?signature=abc")
    graph = with_lora(url)
    before = cached(studio)
    job = await submit(client, graph)
    assert (await ended(client, job))["status"] == "succeeded"
    [new] = cached(studio) - before
    shown = (await client.get(f"/api/v2/jobs/{job['id']}/workflow")).json()["workflow"]
    assert shown == graph
    assert origin.url("detail.safetensors") in job["models"]
    assert new not in str(job)
    assert not (studio.folder / "models" / "loras" / new).exists()
    [download] = await downloads(client, origin)
    assert (download["root"], download["state"], download["name"]) == ("cache", "done", new)
    noted = (await client.get("/api/activity")).text
    assert origin.url("detail.safetensors") in noted
    assert new not in noted
    assert "signature" not in noted


async def test_either_engine_loads_what_was_fetched_into_a_folder_that_was_not_there(
    any_studio: RunningStudio, origin: Origin
) -> None:
    origin.serve("tiny.safetensors", lora())
    async with any_studio.async_client() as client:
        job = await submit(client, with_lora(origin.url("tiny.safetensors")))
        found = await ended(client, job)
    assert (found["status"], found["error"]) == ("succeeded", None)
    assert [output["type"] for output in found["outputs"]] == ["image"]


async def test_the_second_job_of_an_address_fetches_nothing(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("once.safetensors", safetensors(50_000, 2))
    url = origin.url("once.safetensors")
    assert (await ended(client, await submit(client, with_lora(url))))["status"] == "succeeded"
    asked = len(origin.asked)
    assert (await ended(client, await submit(client, with_lora(url))))["status"] == "succeeded"
    assert len(origin.asked) == asked


async def test_two_addresses_that_end_in_one_name_are_two_files(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("a/style.safetensors", safetensors(50_000, 3))
    origin.serve("b/style.safetensors", safetensors(60_000, 4))
    before = cached(studio)
    job = await submit(
        client, with_lora(origin.url("a/style.safetensors"), origin.url("b/style.safetensors"))
    )
    assert (await ended(client, job))["status"] == "succeeded"
    folder = studio.folder / "cache" / "loras"
    sizes = sorted((folder / name).stat().st_size for name in cached(studio) - before)
    assert sizes == [50_000, 60_000]


async def test_a_job_says_what_it_waits_for_and_others_pass_it(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    slow = origin.serve("slow.safetensors", safetensors(40_000, 5), drip_s=0.01)
    first = await submit(client, with_lora(origin.url("slow.safetensors")))
    assert first["status"] == "queued"
    other = await submit(client, solid())
    assert (await ended(client, other))["status"] == "succeeded"
    waiting = await fetching(client, first)
    assert waiting["status"] == "queued"
    assert "slow.safetensors" in waiting["progress"]["message"]
    assert "of 40.0 kB" in waiting["progress"]["message"]
    listed = (await client.get("/api/queue")).json()["jobs"]
    [entry] = [one for one in listed if one["id"] == first["id"]]
    assert "slow.safetensors" in entry["progress"]["message"]
    slow.drip_s = None
    assert (await ended(client, first))["status"] == "succeeded"


async def test_two_jobs_that_want_one_address_share_a_transfer_and_the_last_one_ends_it(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    slow = origin.serve("shared.safetensors", safetensors(40_000, 6), drip_s=0.01)
    url = origin.url("shared.safetensors")
    jobs = [await submit(client, with_lora(url)) for _ in range(3)]
    for job in jobs:
        await fetching(client, job)
    assert len(await downloads(client, origin)) == 1
    await client.post(f"/api/jobs/{jobs[0]['id']}/cancel")
    assert (await ended(client, jobs[0]))["status"] == "canceled"
    slow.drip_s = None
    for job in jobs[1:]:
        assert (await ended(client, job))["status"] == "succeeded"
    [download] = await downloads(client, origin)
    assert download["state"] == "done"


async def test_a_download_that_nobody_waits_for_any_more_ends(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("unwanted.safetensors", safetensors(40_000, 7), drip_s=0.01)
    job = await submit(client, with_lora(origin.url("unwanted.safetensors")))
    await fetching(client, job)
    assert (await client.post(f"/api/jobs/{job['id']}/cancel")).json()["status"] == "canceled"
    async with asyncio.timeout(WITHIN_S):
        while True:
            [download] = await downloads(client, origin)
            if download["state"] == "canceled":
                return
            await asyncio.sleep(0.05)


async def test_a_model_that_is_not_there_fails_its_job_with_the_reason(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    job = await ended(
        client, await submit(client, with_lora(origin.url("nowhere.safetensors?key0=canary")))
    )
    assert job["status"] == "failed"
    assert job["error"]["code"] == "model_source_gone"
    assert "nowhere.safetensors" in job["error"]["message"]
    assert "canary" not in str(job["error"])


async def test_what_is_no_model_fails_its_job_and_is_not_kept(
    studio: RunningStudio, client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("page.safetensors", b"<html>log in</html>", content_type="text/html")
    before = cached(studio)
    job = await ended(client, await submit(client, with_lora(origin.url("page.safetensors"))))
    assert job["error"]["code"] == "not_a_model"
    assert cached(studio) == before


@pytest.mark.parametrize(
    ("reference", "status", "code"),
    [
        ("https://10.0.0.1/a.safetensors", 403, "blocked_address"),
        ("https://example.org/a.safetensors?token=canary", 400, "invalid_request"),
        ("hf:owner/repo/../../a.safetensors", 400, "invalid_request"),
        ("https://example.org/a.ckpt", 422, "pickle_refused"),
    ],
)
async def test_what_can_never_be_fetched_is_refused_when_it_is_sent(
    client: httpx.AsyncClient, reference: str, status: int, code: str
) -> None:
    answer = await client.post("/api/jobs", json={"workflow": with_lora(reference)})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert "canary" not in answer.text


async def test_a_pickle_that_a_job_names_is_refused_by_its_name_and_where_it_is_named(
    client: httpx.AsyncClient,
) -> None:
    url = "https://example.org/deep/old.ckpt"
    answer = await client.post("/api/jobs", json={"workflow": with_lora(f"{url}?x=1")})
    error = answer.json()["error"]
    assert error["code"] == "pickle_refused"
    assert error["details"] == {
        "name": "old.ckpt",
        "node_id": "lora0",
        "input": "lora_name",
        "reference": url,
    }
    assert "old.ckpt" in error["message"]
    assert "can allow" not in error["message"]


async def test_a_pickle_under_another_name_fails_the_job_by_the_name_that_it_gave(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    # Of this ending no head is judged: how the file begins tells what it is.
    origin.serve("old.onnx", b"\x80\x02" + bytes(2_000))
    job = await ended(client, await submit(client, with_lora(origin.url("old.onnx"))))
    assert job["error"]["code"] == "pickle_refused"
    assert job["error"]["details"]["name"] == origin.url("old.onnx")
    assert "can allow" not in job["error"]["message"]


async def test_an_address_in_an_input_that_takes_no_model_is_refused_as_ever(
    client: httpx.AsyncClient,
) -> None:
    graph = text_to_image()
    graph["5"]["inputs"]["scheduler"] = "https://example.org/a.safetensors"
    answer = await client.post("/api/jobs", json={"workflow": graph})
    assert answer.json()["error"]["code"] == "invalid_workflow"


async def test_a_job_run_again_takes_what_is_kept(
    client: httpx.AsyncClient, origin: Origin
) -> None:
    origin.serve("again.safetensors", safetensors(50_000, 8))
    first = await ended(client, await submit(client, with_lora(origin.url("again.safetensors"))))
    asked = len(origin.asked)
    answer = await client.post(f"/api/jobs/{first['id']}/retry", json={"new_seed": True})
    assert (await ended(client, answer.json()))["status"] == "succeeded"
    assert len(origin.asked) == asked


async def test_an_engine_that_does_not_see_the_cache_fails_the_job_by_that_name(
    origin: Origin, tmp_path: Path
) -> None:
    origin.serve("unseen.safetensors", safetensors(50_000, 9))
    home = tmp_path / "elsewhere"
    home.mkdir()
    with run_embedded(home) as engine:
        variables = {"STUDIO_ENGINE": engine.url, "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}
        with run_studio(tmp_path / "here", {**variables, "COMFYUI_PORT": "0"}) as studio:
            async with studio.async_client() as client:
                graph = with_lora(origin.url("unseen.safetensors"))
                job = await ended(client, await submit(client, graph))
    assert (job["status"], job["error"]["code"]) == ("failed", "model_not_listed")


async def test_references_of_both_hubs_are_fetched_like_addresses(tmp_path: Path) -> None:
    async with running_hub() as hub, running_civitai() as civitai:
        content = safetensors(40_000, 10)
        hub.repositories["a/model"] = Repository(lfs={"d/one.safetensors": content})
        civitai.add_model(1, civitai.version(10, (100, "ink.safetensors", content)))
        variables = {"HF_ENDPOINT": hub.base, "CIVITAI_URL": civitai.base}
        # Where the hub redirects to is another host, as it is in the world.
        variables["STUDIO_OUTBOUND_ALLOW"] = "127.0.0.0/8,localhost"
        with run_studio(tmp_path, variables) as studio:
            async with studio.async_client() as client:
                graph = with_lora("hf:a/model/d/one.safetensors", "civitai:10")
                job = await ended(client, await submit(client, graph))
            kept = [studio.folder / "cache" / "loras" / name for name in cached(studio)]
            assert (job["status"], job["error"]) == ("succeeded", None)
            assert [path.read_bytes() == content for path in kept] == [True, True]
            assert {"hf:a/model/d/one.safetensors", "civitai:10"} <= set(job["models"])
