"""What the disks tell: what downloads take before they are models, and what can go."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

import pytest

from tests.api.model_house import open_models
from tests.api.test_model_needs import downloaded
from tests.api.test_models_api import scan
from tests.fakes.download_rig import safetensors
from tests.fakes.model_files import put
from tests.fakes.origin import running_origin

SIZE = 2_000_000
MESSAGES = Path(__file__).resolve().parents[2] / "frontend/js/messages"


async def test_the_room_that_a_failed_download_keeps_is_told_and_given_back(
    tmp_path: Path,
) -> None:
    async with running_origin() as origin:
        served = origin.serve("half.safetensors", safetensors(SIZE, 1), cut_after=100_000)
        served.refuse_if = lambda _: (404, {}) if origin.sent >= 100_000 else None
        allow = {"STUDIO_OUTBOUND_ALLOW": f"127.0.0.1:{origin.port}"}
        async with open_models(tmp_path, **allow) as client:
            wish = {"reference": origin.url("half.safetensors"), "folder": "loras"}
            added = (await client.post("/api/downloads", json=wish)).json()
            [failed] = await downloaded(client, [added["id"]])
            assert failed["error"]["code"] == "model_source_gone"
            found = (await client.get("/api/models/disk")).json()
            assert found["usage"]["downloads"] == SIZE
            assert found["reclaimable"]["downloads"] == SIZE
            await client.delete(f"/api/downloads/{failed['id']}")
            found = (await client.get("/api/models/disk")).json()
            assert found["usage"]["downloads"] == found["reclaimable"]["downloads"] == 0


async def test_what_nobody_used_for_long_can_go_but_no_language_model(tmp_path: Path) -> None:
    """Jobs say which models they use; a conversation is no job."""
    put(tmp_path / "models/vae/old.safetensors", safetensors(1_000, 1))
    put(tmp_path / "llm/old.safetensors", safetensors(1_000, 2))
    async with open_models(tmp_path) as client:
        await scan(client)
        assert (await client.get("/api/models/disk")).json()["reclaimable"]["unused"] == []
    with contextlib.closing(sqlite3.connect(tmp_path / "house/db/studio.db")) as database, database:
        assert database.execute("UPDATE model_files SET added_at = 0").rowcount == 2
    async with open_models(tmp_path) as client:
        found = (await client.get("/api/models/disk")).json()
        assert [one["folder"] for one in found["reclaimable"]["unused"]] == ["vae"]


@pytest.mark.parametrize("language", ["en", "de"])
async def test_the_page_has_words_for_everything_that_uses_the_disk(
    language: str, tmp_path: Path
) -> None:
    words = (MESSAGES / language / "models.js").read_text(encoding="utf-8")
    async with open_models(tmp_path) as client:
        found = (await client.get("/api/models/disk")).json()
    roles = {role.replace(" ", "-") for volume in found["volumes"] for role in volume["roles"]}
    wanted = [*(f"'usage.{name}'" for name in found["usage"]), *(f"'role.{one}'" for one in roles)]
    assert [key for key in wanted if key not in words] == []
