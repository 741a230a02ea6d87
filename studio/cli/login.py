"""``studio login``: a key of a Studio elsewhere, without copying one."""

from __future__ import annotations

import argparse
import asyncio
import platform
import sys
import time

from studio.cli.client import Client
from studio.cli.failures import CommandFailed
from studio.cli.kept_keys import keep_key
from studio.cli.session import open_remote


def execute(options: argparse.Namespace) -> int:
    """Show a code, wait until somebody confirms it, keep the key."""
    asyncio.run(_log_in(options))
    return 0


async def _log_in(options: argparse.Namespace) -> None:
    name = options.name or f"command line on {platform.node() or 'a machine'}"
    async with open_remote(options.url, None) as session:
        begun = await session.client.post(
            "/api/device/code", {"name": name[:100], "scopes": options.scopes}
        )
        print(
            f"Open {begun['verification_uri']} in a browser that is logged in, and type\n\n"
            f"    {begun['user_code']}\n\n"
            f"or open {begun['verification_uri_complete']}\nWaiting …",
            file=sys.stderr,
            flush=True,
        )
        given = await _wait(session.client, begun)
    path = keep_key(options.url, given["access_token"])
    print(
        f"Logged in. The key may {', '.join(given['scopes'])}; it is kept in {path}.",
        file=sys.stderr,
    )


async def _wait(client: Client, begun: dict[str, object]) -> dict[str, str]:
    interval_s = float(str(begun["interval"]))
    ends_at_s = time.monotonic() + float(str(begun["expires_in"]))
    while time.monotonic() < ends_at_s:
        await asyncio.sleep(interval_s)
        try:
            return await client.post("/api/device/token", {"device_code": begun["device_code"]})
        except CommandFailed as refused:
            if refused.reason == "slow_down":
                interval_s += 5
            elif refused.reason not in ("authorization_pending", "unreachable", "rate_limited"):
                raise
    raise CommandFailed("Nobody confirmed the code in time.", reason="expired_token")
