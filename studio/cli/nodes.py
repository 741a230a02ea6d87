"""``studio nodes``: what ComfyUI's node packs are, and changes of them, of the Studio that runs."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any, Final
from urllib.parse import quote

from studio.cli.client import Client
from studio.cli.failures import CommandFailed
from studio.cli.interrupts import run_interruptible
from studio.cli.place import open_running
from studio.cli.screen import Screen
from studio.cli.table import print_table

_ADDRESS: Final = "/api/system/nodes"
_LOOK_S: Final = 0.5
_PHASES: Final = {
    "fetching": "fetching its code",
    "checking": "checking what it needs",
    "installing": "installing its packages",
    "waiting": "waiting for what runs",
    "changing": "changing names",
    "starting": "waiting for ComfyUI",
}


def execute(options: argparse.Namespace) -> int:
    """List, or change one pack and wait for the end of that."""
    action = _list if options.action == "list" else _change
    return run_interruptible(lambda _: action(options))


async def _list(options: argparse.Namespace) -> int:
    async with open_running(options) as session:
        path = f"{_ADDRESS}/registry" if options.known else _ADDRESS
        packs = (await session.client.get(path))["packs"]
    if options.json:
        print(json.dumps(packs, indent=2))
    elif options.known:
        rows = [(p["name"], p["commit"][:12], p["license"], p["description"]) for p in packs]
        print_table(("NAME", "COMMIT", "LICENSE", "WHAT IT IS"), rows)
    else:
        print_table(("NAME", "COMMIT", "STATE", "CLASSES"), [_row(pack) for pack in packs])
    return 0


async def _change(options: argparse.Namespace) -> int:
    screen = Screen(quiet=False)
    async with open_running(options) as session:
        client = session.client
        before = (await client.get(_ADDRESS))["operation"]
        await _begin(client, options)
        try:
            operation = await _end(client, screen, before and before["id"])
        finally:
            screen.clear()
    for note in operation["notes"]:
        print(note, file=sys.stderr)
    if operation["error"]:
        raise CommandFailed(operation["error"]["message"], reason=operation["error"]["code"])
    print(f"Done: {operation['action']} {operation['name']}.", file=sys.stderr)
    return 0


async def _begin(client: Client, options: argparse.Namespace) -> None:
    pack = options.pack
    if options.action == "install":
        is_url = pack.startswith(("https://", "http://"))
        body = {"url": pack, "ref": options.ref} if is_url else {"pack": pack}
        if options.ref and not is_url:
            raise CommandFailed("--ref goes with the address of a repository.", reason="usage")
        await client.post(_ADDRESS, body)
    elif options.action == "rm":
        await client.delete(f"{_ADDRESS}/{quote(pack, safe='')}")
    else:
        await client.post(f"{_ADDRESS}/{quote(pack, safe='')}/{options.action}", {})


async def _end(client: Client, screen: Screen, earlier: str | None) -> dict[str, Any]:
    shown = ""
    while True:
        operation = (await client.get(_ADDRESS))["operation"]
        if operation is None or operation["id"] == earlier:
            raise CommandFailed("Studio was restarted meanwhile.", reason="interrupted")
        if operation["done"]:
            return dict(operation)
        phase = _PHASES.get(operation["phase"], "")
        if phase and phase != shown:
            screen.say(f"{operation['name']}: {phase}")
            shown = phase
        await asyncio.sleep(_LOOK_S)


def _row(pack: dict[str, Any]) -> tuple[str, ...]:
    state = "enabled" if pack["enabled"] else "disabled" if pack["present"] else "removed"
    if pack["update"]:
        state += ", update"
    return pack["name"], (pack["commit"] or "")[:12], state, str(len(pack["classes"]))
