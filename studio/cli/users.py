"""``studio users``: people listed, invited and helped at the machine itself."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable

from studio.cli.client import Client
from studio.cli.console import open_console
from studio.cli.environment import load_settings
from studio.cli.failures import CommandFailed
from studio.cli.public import public_link
from studio.cli.table import print_table
from studio.settings import Settings

Action = Callable[[Client, Settings, argparse.Namespace], Awaitable[None]]


def execute(options: argparse.Namespace) -> int:
    """List, invite or reset."""
    settings = load_settings()
    action = {"list": _list, "invite": _invite, "reset": _reset}[options.action]
    asyncio.run(_with_console(settings, action, options))
    return 0


async def _with_console(settings: Settings, action: Action, options: argparse.Namespace) -> None:
    async with open_console(settings) as http:
        await action(Client(http), settings, options)


async def _list(client: Client, _: Settings, options: argparse.Namespace) -> None:
    users = (await client.get("/api/users"))["users"]
    if options.json:
        print(json.dumps(users, indent=2))
        return
    rows = [
        (
            user["name"],
            user["role"],
            "disabled" if user["disabled_at"] else "",
            (user["last_seen_at"] or "never")[:16].replace("T", " "),
        )
        for user in users
    ]
    print_table(("NAME", "ROLE", "", "LAST SEEN"), rows)


async def _invite(client: Client, settings: Settings, options: argparse.Namespace) -> None:
    body = {"role": options.role, "expires_in_hours": options.hours}
    made = await client.post("/api/invitations", body)
    print(f"A link for one {made['role']}; it is not shown again:", file=sys.stderr)
    print(public_link(made["url"], settings), flush=True)


async def _reset(client: Client, settings: Settings, options: argparse.Namespace) -> None:
    users = (await client.get("/api/users"))["users"]
    found = [user for user in users if user["name"].casefold() == options.name.casefold()]
    if not found:
        raise CommandFailed(f"There is no user “{options.name}”.", reason="not_found")
    made = await client.post(f"/api/users/{found[0]['id']}/reset", {})
    print("This link sets a new password, once within a day:", file=sys.stderr)
    print(public_link(made["url"], settings), flush=True)
