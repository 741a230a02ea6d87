"""Files of the hubs, from a reference to a model in its folder, through the API."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.model_house import open_models
from tests.fakes.civitai import Civitai, running_civitai
from tests.fakes.download_rig import safetensors
from tests.fakes.hub import COMMIT, Hub, Repository, running_hub
from tests.fakes.origin import Asked

HF_KEY, CIVITAI_KEY = "hf_canary-of-the-hub", "canary-of-civitai"
CONTENT = safetensors(400_000, 1)
SHA = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Setting:
    """A Studio between two hubs."""

    client: httpx.AsyncClient
    hub: Hub
    civitai: Civitai
    models: Path

    async def fetched(self, reference: str, folder: str = "loras", **facts: Any) -> dict[str, Any]:
        """The download of a reference, once it has ended."""
        body = {"reference": reference, "folder": folder, **facts}
        answer = await self.client.post("/api/downloads", json=body)
        assert answer.status_code in (200, 201), answer.text
        place = f"/api/downloads/{answer.json()['id']}"
        async with asyncio.timeout(60):
            while True:
                found: dict[str, Any] = (await self.client.get(place)).json()
                if found["state"] in ("done", "failed", "canceled"):
                    return found
                await asyncio.sleep(0.02)


@pytest.fixture
async def setting(tmp_path: Path) -> AsyncIterator[Setting]:
    async with running_hub() as hub, running_civitai() as civitai:
        hub.tokens, civitai.keys = {HF_KEY}, {CIVITAI_KEY}
        hub.repositories["a/model"] = Repository(
            lfs={"d/one.safetensors": CONTENT}, card={"license": "apache-2.0"}
        )
        civitai.add_model(1, civitai.version(10, (100, "ink.safetensors", CONTENT)))
        environ = {
            "HF_ENDPOINT": hub.base,
            "CIVITAI_URL": civitai.base,
            "HF_TOKEN": HF_KEY,
            "CIVITAI_API_KEY": CIVITAI_KEY,
            "STUDIO_OUTBOUND_ALLOW": "localhost,127.0.0.0/8",
        }
        async with open_models(tmp_path, **environ) as client:
            yield Setting(client, hub, civitai, tmp_path / "models")


async def test_a_file_of_hugging_face_arrives_checked_with_licence_and_page(
    setting: Setting,
) -> None:
    setting.hub.repositories["a/model"].gated = "auto"
    setting.hub.repositories["a/model"].accepted_by.add(HF_KEY)
    done = await setting.fetched(f"{setting.hub.base}/a/model/blob/main/d/one.safetensors")
    assert (done["state"], done["sha256"]) == ("done", SHA), done
    assert done["license"] == "apache-2.0"
    assert done["page"] == f"{setting.hub.base}/a/model"
    assert (setting.models / "loras/one.safetensors").read_bytes() == CONTENT
    assert ("GET", f"/a/model/resolve/{COMMIT}/d/one.safetensors", f"Bearer {HF_KEY}") in (
        setting.hub.asked
    )
    assert all("authorization" not in asked.headers for asked in setting.hub.origin.asked)


async def test_a_file_of_civitai_arrives_under_its_own_name(setting: Setting) -> None:
    setting.civitai.members_only.add(10)
    done = await setting.fetched(f"{setting.civitai.base}/models/1?modelVersionId=10")
    assert (done["state"], done["sha256"]) == ("done", SHA), done
    assert (setting.models / "loras/ink.safetensors").read_bytes() == CONTENT
    assert all("authorization" not in asked.headers for asked in setting.civitai.origin.asked)


async def test_activity_names_what_was_wanted_before_its_name_was_known(setting: Setting) -> None:
    assert (await setting.fetched("civitai:10"))["state"] == "done"
    items = (await setting.client.get("/api/activity?kind=download.")).json()["items"]
    told = {each["kind"]: each["subject"] for each in items}
    assert told == {"download.added": "civitai:10", "download.done": "ink.safetensors"}


async def test_a_lora_of_civitai_keeps_the_trigger_words_of_its_author(setting: Setting) -> None:
    done = await setting.fetched("civitai:10")
    assert done["state"] == "done", done
    for _ in range(1000):
        items = (await setting.client.get("/api/models")).json()["items"]
        if items:
            break
        await asyncio.sleep(0.01)
    assert [one["trigger_words"] for one in items] == [["inkwash", "ink wash style"]]


async def test_what_a_hub_refuses_is_a_failed_download_that_says_what_to_do(
    setting: Setting,
) -> None:
    setting.hub.repositories["a/model"].gated = "manual"
    failed = await setting.fetched("hf:a/model/d/one.safetensors")
    assert (failed["state"], failed["error"]["code"]) == ("failed", "model_source_refused")
    assert f"{setting.hub.base}/a/model" in failed["error"]["message"]
    setting.civitai.early_access.add(10)
    failed = await setting.fetched("civitai:10")
    assert failed["error"]["code"] == "model_source_refused"
    assert "Early Access" in failed["error"]["message"]
    assert not list(setting.models.glob("**/*.safetensors"))


async def test_a_file_that_its_hub_has_in_another_size_is_not_asked_for(setting: Setting) -> None:
    failed = await setting.fetched("hf:a/model/d/one.safetensors", size_bytes=len(CONTENT) + 1)
    assert (failed["state"], failed["error"]["code"]) == ("failed", "hash_mismatch"), failed
    assert setting.hub.origin.asked == []


async def test_a_token_that_expires_in_the_middle_leaves_a_download_that_can_go_on(
    setting: Setting,
) -> None:
    """The address of the bytes is signed for a while; when it ends, the hub is asked again."""
    origin = setting.hub.origin
    served = origin.serve(f"xet/{SHA}", CONTENT, cut_after=100_000)

    def once_expired(asked: Asked) -> tuple[int, dict[str, str]] | None:
        if origin.sent > 100_000 and HF_KEY in setting.hub.tokens:
            setting.hub.tokens.clear()
        return None if HF_KEY in setting.hub.tokens else (403, {})

    served.refuse_if = once_expired
    failed = await setting.fetched("hf:a/model/d/one.safetensors")
    assert (failed["state"], failed["error"]["code"]) == ("failed", "model_source_refused"), failed
    setting.hub.tokens.add(HF_KEY)
    served.refuse_if = lambda _: None
    served.cut_after = None
    answer = await setting.client.post(f"/api/downloads/{failed['id']}/retry", json={})
    assert answer.status_code == 200, answer.text
    done = await setting.fetched("hf:a/model/d/one.safetensors")
    assert (done["state"], done["sha256"]) == ("done", SHA), done
    assert (setting.models / "loras/one.safetensors").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "reference",
    [
        "civitai:x",
        "hf:a",
        "https://civitai.com/images/1",
        "https://civitai.com/models/1?token=hush",
    ],
)
async def test_what_is_no_reference_is_refused_before_anybody_waits(
    setting: Setting, reference: str
) -> None:
    answer = await setting.client.post(
        "/api/downloads", json={"reference": reference, "folder": "loras"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
    assert "hush" not in answer.text


async def test_what_a_workflow_lacks_is_looked_for_at_the_hubs(setting: Setting) -> None:
    graph = {
        "1": {"class_type": "LoraLoaderModelOnly", "inputs": {"lora_name": "ink.safetensors"}},
        "2": {"class_type": "VAELoader", "inputs": {"vae_name": "one.safetensors"}},
    }
    answer = await setting.client.post("/api/models/missing", json={"graph": graph, "search": True})
    assert answer.status_code == 200, answer.text
    offers = {
        model["file"]: [(offer["source"], offer["match"]) for offer in model["offers"]]
        for model in answer.json()["models"]
    }
    assert offers == {
        "ink.safetensors": [("civitai", "name")],
        "one.safetensors": [("huggingface", "name")],
    }
