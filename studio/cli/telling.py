"""The webhook of a command's own job: a Studio that ends with the command is given time to tell."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from studio.cli.client import Client
from studio.cli.screen import Screen
from studio.cli.session import Session

_PATIENCE_S: Final = 20.0
"""An attempt may take fifteen."""
_LOOK_EVERY_S: Final = 0.1


async def let_tell(session: Session, screen: Screen) -> None:
    """Wait until what is to be told was tried once, where Studio ends after this command."""
    if not session.private:
        return
    deadline_s = time.monotonic() + _PATIENCE_S
    while waiting := await _attempts(session.client):
        if all(waiting) or time.monotonic() > deadline_s:
            screen.say("The webhook has not taken it yet; the next Studio here tries again.")
            return
        await asyncio.sleep(_LOOK_EVERY_S)


async def _attempts(client: Client) -> list[int]:
    """How often each message was tried that the webhooks of single jobs have not taken."""
    webhooks = (await client.get("/api/webhooks"))["webhooks"]
    ids = [each["id"] for each in webhooks if each["kind"] == "jobs" and each["waiting"]]
    pages = [
        await client.get(f"/api/webhooks/{each}/deliveries?state=waiting&limit=200") for each in ids
    ]
    return [one["attempts"] for page in pages for one in page["deliveries"]]
