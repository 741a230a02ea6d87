"""What is said of a reference before anything is fetched, asked of both hubs."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from tests.api.test_hubs import SHA, Setting, setting
from tests.fakes.download_rig import safetensors
from tests.fakes.hub import Repository

__all__ = ["setting"]


async def look(setting: Setting, reference: str) -> dict[str, Any]:
    answer = await setting.client.post("/api/models/look", json={"reference": reference})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_file_of_hugging_face_is_known_before_it_is_fetched(setting: Setting) -> None:
    setting.hub.repositories["a/model"].lfs["vae/two.safetensors"] = safetensors(5_000, 2)
    found = await look(setting, f"{setting.hub.base}/a/model/blob/main/vae/two.safetensors")
    assert (found["name"], found["size_bytes"]) == ("two.safetensors", 5_000)
    assert (found["folder"], found["told_by"]) == ("vae", "name")
    assert (found["license"], found["page"]) == ("apache-2.0", f"{setting.hub.base}/a/model")
    assert (found["here"], found["pickle"]) == (None, False)
    # Nobody asked for its bytes.
    assert setting.hub.origin.sent == 0


async def test_civitai_says_what_its_files_are(setting: Setting) -> None:
    found = await look(setting, f"{setting.civitai.base}/models/1?modelVersionId=10")
    assert (found["name"], found["sha256"]) == ("ink.safetensors", SHA)
    assert (found["folder"], found["told_by"]) == ("loras", "hub")
    assert found["about_bytes"] > 0


async def test_what_is_there_already_is_said_by_its_hash(setting: Setting) -> None:
    done = await setting.fetched("civitai:10")
    assert done["state"] == "done", done
    async with asyncio.timeout(30):
        while True:
            found = await look(setting, "hf:a/model/d/one.safetensors")
            if found["here"] is not None:
                break
            await asyncio.sleep(0.05)
    assert (found["here"]["folder"], found["here"]["name"]) == ("loras", "ink.safetensors")


async def test_a_file_knows_the_licence_and_the_page_that_its_download_told(
    setting: Setting,
) -> None:
    await setting.fetched("hf:a/model/d/one.safetensors")
    async with asyncio.timeout(30):
        while True:
            listed = (await setting.client.get("/api/models")).json()["items"]
            if listed and listed[0]["sha256"]:
                break
            await asyncio.sleep(0.05)
    found = (await setting.client.get(f"/api/models/{listed[0]['id']}")).json()
    page = f"{setting.hub.base}/a/model"
    assert found["origin"] == {"entry": None, "license": "apache-2.0", "page": page}


async def test_what_a_hub_refuses_is_refused_with_the_page_to_go_to(setting: Setting) -> None:
    setting.hub.repositories["b/gated"] = Repository(
        lfs={"one.safetensors": safetensors(5_000, 3)}, gated="manual"
    )
    answer = await setting.client.post(
        "/api/models/look", json={"reference": "hf:b/gated/one.safetensors"}
    )
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (502, "model_source_refused")
    assert error["details"]["page"] == f"{setting.hub.base}/b/gated"


async def test_an_address_says_its_name_and_whether_it_may_run_code(setting: Setting) -> None:
    found = await look(setting, setting.hub.origin.url("lora/old.ckpt?x=1"))
    assert (found["name"], found["folder"], found["pickle"]) == ("old.ckpt", "loras", True)
    answer = await setting.client.post(
        "/api/models/look", json={"reference": "https://10.0.0.1/a.safetensors"}
    )
    assert answer.json()["error"]["code"] == "blocked_address"


async def test_an_address_that_nobody_answers_at_is_refused_before_anybody_waits_for_it(
    setting: Setting,
) -> None:
    with socket.socket() as closed:
        # Bound and not listened on: whoever calls is refused.
        closed.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{closed.getsockname()[1]}/a.safetensors"
        answer = await setting.client.post("/api/models/look", json={"reference": place})
    assert (answer.status_code, answer.json()["error"]["code"]) == (502, "source_unreachable")


async def test_folders_are_those_of_the_release_and_those_in_use(setting: Setting) -> None:
    await setting.fetched("civitai:10", "house_style")
    async with asyncio.timeout(30):
        while True:
            answer = await setting.client.get("/api/models/folders")
            folders = answer.json()["items"]
            if "house_style" in folders:
                break
            await asyncio.sleep(0.05)
    assert {"checkpoints", "loras", "llm", "audio_encoders"} <= set(folders)
    assert folders == sorted(folders)


async def test_what_can_be_had_is_listed_without_what_is_there_and_by_size(
    setting: Setting,
) -> None:
    entry = {
        "name": "One",
        "folder": "loras",
        "file": "one.safetensors",
        "reference": "hf:a/model/d/one.safetensors",
        "sha256": SHA,
        "size_bytes": 400_000,
    }
    answer = await setting.client.put("/api/catalog/house-one", json=entry)
    assert answer.status_code == 200, answer.text

    async def missing() -> list[dict[str, Any]]:
        query = {"state": "missing", "sort": "size", "limit": "500"}
        listed = (await setting.client.get("/api/catalog", params=query)).json()["items"]
        return [item for item in listed if item["size_bytes"]]

    before = await missing()
    sizes = [item["size_bytes"] for item in before]
    assert sizes == sorted(sizes, reverse=True)
    assert "house-one" in [item["id"] for item in before]
    await setting.fetched(str(entry["reference"]))
    async with asyncio.timeout(30):
        while True:
            if "house-one" not in [item["id"] for item in await missing()]:
                break
            await asyncio.sleep(0.05)
    wrong = await setting.client.get("/api/catalog", params={"sort": "taste"})
    assert wrong.status_code == 400
