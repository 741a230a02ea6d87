"""``studio keys``: API keys made, listed and ended at the machine itself."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any

from studio.cli.client import Client
from studio.cli.console import open_console
from studio.cli.environment import load_settings
from studio.cli.failures import CommandFailed
from studio.cli.table import print_table
from studio.settings import Settings


def execute(options: argparse.Namespace) -> int:
    """Create, list or revoke."""
    settings = load_settings()
    action = {"create": _create, "list": _list, "revoke": _revoke}[options.action]
    asyncio.run(_with_console(settings, action, options))
    return 0


async def _with_console(settings: Settings, action: Any, options: argparse.Namespace) -> None:
    async with open_console(settings) as http:
        await action(Client(http), options)


async def _create(client: Client, options: argparse.Namespace) -> None:
    body = {
        "name": options.name,
        "scopes": options.scopes,
        "expires_in_days": options.days,
        "requests_per_minute": options.rate,
    }
    key = await client.post("/api/keys", body)
    print(f"The key “{key['name']}” ({key['id']}); it is not shown again:", file=sys.stderr)
    print(key["key"], flush=True)


async def _list(client: Client, options: argparse.Namespace) -> None:
    keys = (await client.get("/api/keys"))["keys"]
    if options.json:
        print(json.dumps(keys, indent=2))
        return
    rows = [
        (
            key["id"],
            key["name"],
            ",".join(key["scopes"]),
            _day(key["expires_at"]) or "never",
            _day(key["last_used_at"]) or "never",
        )
        for key in keys
    ]
    print_table(("ID", "NAME", "SCOPES", "ENDS", "LAST USED"), rows)


async def _revoke(client: Client, options: argparse.Namespace) -> None:
    keys = (await client.get("/api/keys"))["keys"]
    found = [key for key in keys if key["id"] == options.key]
    found = found or [key for key in keys if key["name"] == options.key]
    if not found:
        raise CommandFailed(f"There is no key “{options.key}”.", reason="not_found")
    if len(found) > 1:
        ids = ", ".join(key["id"] for key in found)
        raise CommandFailed(
            f"“{options.key}” names {len(found)} keys; use an id: {ids}.", reason="ambiguous"
        )
    await client.delete(f"/api/keys/{found[0]['id']}")
    print(f"The key “{found[0]['name']}” is revoked.", file=sys.stderr)


def _day(time: str | None) -> str | None:
    return None if time is None else time[:16].replace("T", " ")
