"""A Studio that tells a receiver on loopback, and in a hurry."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from studio.settings import Settings
from tests.faults.harness import HASTY, Api, settings_for, until_it

PACE = dataclasses.replace(
    HASTY,
    webhook_waits_s=(0.05, 0.1, 0.1),
    webhook_timeout_s=1.0,
    webhook_progress_s=0.05,
    webhook_disks_s=0.1,
)


def settings_in(folder: Path, *engines: str, allow: str = "127.0.0.0/8") -> Settings:
    """Settings of a Studio that may reach receivers on loopback."""
    settings = settings_for(folder, engines)
    return dataclasses.replace(settings, outbound_allow=tuple(filter(None, allow.split(","))))


async def subscribe(api: Api, url: str, *events: str, **more: Any) -> dict[str, Any]:
    """A new webhook, with its secret."""
    body = {"url": url, "events": list(events), **more}
    answer = await api.client.post("/api/webhooks", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def deliveries(api: Api, webhook_id: str) -> list[dict[str, Any]]:
    """What was sent to a webhook, oldest first, each with its attempts."""
    answer = await api.client.get(f"/api/webhooks/{webhook_id}/deliveries")
    assert answer.status_code == 200, answer.text
    found = []
    for one in reversed(answer.json()["deliveries"]):
        path = f"/api/webhooks/{webhook_id}/deliveries/{one['id']}"
        found.append((await api.client.get(path)).json())
    return found


async def until_ended(api: Api, webhook_id: str, count: int = 1) -> list[dict[str, Any]]:
    """The deliveries of a webhook once that many have ended."""
    found: list[dict[str, Any]] = []

    async def ended() -> bool:
        found[:] = await deliveries(api, webhook_id)
        return len([one for one in found if one["state"] != "waiting"]) >= count

    await until_it(ended, f"{count} deliveries have ended")
    return found
