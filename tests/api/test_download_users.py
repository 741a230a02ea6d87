"""Who is shown which download: models are everybody's, what a job named is its user's."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx

from tests.api.live_client import listen
from tests.api.on_demand_client import ended, submit, with_lora
from tests.api.people import OWN_PAGE, PASSWORD
from tests.api.studio_process import OWNER_KEY, RunningStudio
from tests.fakes.download_rig import safetensors
from tests.fakes.origin import Origin, running_origin


async def member_key(studio: RunningStudio, owner: httpx.AsyncClient, name: str) -> str:
    """The key of somebody who was just invited."""
    link = (await owner.post("/api/invitations", json={"role": "member"})).json()["url"]
    async with httpx.AsyncClient(base_url=studio.url, headers=OWN_PAGE) as browser:
        body = {"token": link.rpartition("/")[2], "name": name, "password": PASSWORD}
        answer = await browser.post("/api/join", json=body)
        assert answer.status_code == 200, answer.text
        answer = await browser.post("/api/keys", json={"name": "for a program"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])


async def seen(client: httpx.AsyncClient, origin: Origin) -> dict[str, str]:
    """Ids of the downloads from a server, by the end of their references."""
    items = (await client.get("/api/downloads?ended=500")).json()["items"]
    return {
        one["reference"].rpartition("/")[2]: one["id"] for one in items if origin.asked_for(one)
    }


async def test_a_member_sees_the_models_downloads_and_of_jobs_those_of_their_own(
    studio: RunningStudio,
) -> None:
    async with running_origin() as origin, studio.async_client() as owner:
        key = await member_key(studio, owner, "Anna Downloads")
        for number, name in enumerate(("owners", "hers", "house")):
            origin.serve(f"{name}.safetensors", safetensors(2_000 + 8 * number, number))
        wish = {"reference": origin.url("house.safetensors"), "folder": "loras"}

        def is_last(message: dict[str, Any]) -> bool:
            items = message.get("data", {}).get("items", [])
            return any(
                one["reference"] == wish["reference"] and one["state"] == "done" for one in items
            )

        async with (
            studio.async_client(key) as anna,
            listen(studio.url, key) as live,
            listen(studio.url, OWNER_KEY) as everything,
        ):
            await live.snapshot("downloads")
            await everything.snapshot("downloads")
            await ended(owner, await submit(owner, with_lora(origin.url("owners.safetensors"))))
            await ended(anna, await submit(anna, with_lora(origin.url("hers.safetensors"))))
            assert (await owner.post("/api/downloads", json=wish)).status_code == 201
            async with asyncio.timeout(60):
                await live.until(is_last)
                await everything.until(is_last)
            all_ids, her_ids = await seen(owner, origin), await seen(anna, origin)
            assert set(her_ids) == {"hers.safetensors", "house.safetensors"}
            assert set(all_ids) == {"owners.safetensors", *her_ids}
            snapshot = await live.snapshot("downloads")
            hidden = await anna.get(f"/api/downloads/{all_ids['owners.safetensors']}")
            assert (hidden.status_code, hidden.json()["error"]["code"]) == (404, "not_found")
            shown = await anna.get(f"/api/downloads/{her_ids['hers.safetensors']}")
            assert shown.status_code == 200
            activity = (await anna.get("/api/activity")).text
        told = f"{live.messages} {snapshot} {activity}"
        assert "hers.safetensors" in str(live.messages)
        assert "hers.safetensors" in activity
        assert "owners.safetensors" not in told
        assert "hers.safetensors" in str(everything.messages)
        assert "owners.safetensors" in str(everything.messages)
