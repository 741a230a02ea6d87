"""A download that is watched from the command line until it has ended."""

from __future__ import annotations

import asyncio
from typing import Any, Final
from urllib.parse import quote

from studio.cli.client import Client
from studio.cli.screen import Screen

_LOOK_EVERY_S: Final = 0.5
_ENDED: Final = frozenset({"done", "failed", "canceled"})


async def follow_download(client: Client, download_id: str, screen: Screen) -> dict[str, Any]:
    """Show how far one is; return it as the API has it when it has ended."""
    said = None
    while True:
        download = await client.get(f"/api/downloads/{quote(download_id, safe='')}")
        if download["state"] in _ENDED:
            screen.clear()
            if download["state"] == "done":
                screen.say(f"{name_of(download)}: done")
            return download
        again = _again(download)
        if again is None:
            said = None
        elif said is None:
            # At once, and once for each try: the line below only changes now and then.
            said = again
            screen.say(f"{name_of(download)}: {again} Ctrl-C leaves it to Studio.")
        size, received = download["size_bytes"], download["received_bytes"]
        screen.show_progress(
            {
                "value": received / size if size else 0.0,
                "message": f"{name_of(download)}: {again}"
                if again
                else f"{name_of(download)} {download['state']}",
            }
        )
        await asyncio.sleep(_LOOK_EVERY_S)


def _again(download: dict[str, Any]) -> str | None:
    """Why one waits for another try, and how long."""
    error, seconds = download["error"], download["retry_in_seconds"]
    if error is None or seconds is None:
        return None
    return f"{error['message']} [{error['code']}] Tried again in {round(seconds)} s."


def name_of(download: dict[str, Any]) -> str:
    """Its folder and file, or what it was asked for by while no file is known."""
    return f"{download['folder']}/{download['name'] or download['reference']}"
