"""The cache of models that jobs named by their address: what uses it, and emptying it."""

from __future__ import annotations

import contextlib
import sqlite3
from datetime import datetime
from pathlib import Path

from tests.api.graphs import code_of
from tests.api.on_demand_client import cached, ended, fetching, submit, with_lora
from tests.api.studio_process import RunningStudio, run_studio
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import running_origin


async def test_a_model_that_is_there_when_its_job_is_sent_counts_as_used_by_it(
    tmp_path: Path,
) -> None:
    """Else what is used most would be the first to make room."""
    environ = {"STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8"}
    async with running_origin() as origin:
        origin.serve("used.safetensors", safetensors(100_000, 61))
        graph = with_lora(origin.url("used.safetensors"))
        with run_studio(tmp_path, environ) as studio:
            async with studio.async_client() as client:
                for _ in range(2):
                    job = await ended(client, await submit(client, graph))
                    assert job["status"] == "succeeded"
            database = studio.folder / "db" / "studio.db"
    # Nobody else may read it while Studio runs.
    with contextlib.closing(sqlite3.connect(database)) as db:
        [(used_at,)] = db.execute("SELECT used_at FROM model_cache").fetchall()
    assert used_at >= datetime.fromisoformat(job["created_at"]).timestamp() * 1000


async def test_the_cache_is_emptied_but_for_what_a_job_waits_for(studio: RunningStudio) -> None:
    async with running_origin() as origin, studio.async_client() as client:
        origin.serve("old.safetensors", safetensors(100_000, 62))
        origin.serve("there.safetensors", safetensors(100_000, 63))
        origin.serve("slow.safetensors", safetensors(100_000, 64), holds_after=50_000)
        old, there, slow = map(
            origin.url, ("old.safetensors", "there.safetensors", "slow.safetensors")
        )
        assert (await ended(client, await submit(client, with_lora(old))))["status"] == "succeeded"
        before = cached(studio)
        assert (await ended(client, await submit(client, with_lora(there))))[
            "status"
        ] == "succeeded"
        [kept] = cached(studio) - before
        waiting = await submit(client, with_lora(there, slow))
        await fetching(client, waiting)

        disk = (await client.get("/api/models/disk")).json()
        assert disk["usage"]["cache"] == disk["reclaimable"]["cache"] + 100_000
        async with studio.async_client(studio.make_key("graphs:run")) as reader:
            assert code_of(await reader.delete("/api/models/cache")) == "forbidden"
        answer = await client.delete("/api/models/cache")
        assert answer.json() == {"freed_bytes": disk["reclaimable"]["cache"]}
        assert cached(studio) == {kept}
        disk = (await client.get("/api/models/disk")).json()
        assert (disk["usage"]["cache"], disk["reclaimable"]["cache"]) == (100_000, 0)
        await client.post(f"/api/v2/jobs/{waiting['id']}/cancel")
