"""``studio update``: look for a newer release, install it, go back."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from typing import Any, Final

from studio.cli.client import Client, Unreachable
from studio.cli.console import open_socket
from studio.cli.environment import load_settings
from studio.cli.failures import CommandFailed
from studio.cli.sockets import control_socket, is_listening
from studio.settings import Settings

_PATH: Final = "/api/system/updates"
_LOOK_EVERY_S: Final = 0.5
_PATIENCE_S: Final = 900.0


def execute(options: argparse.Namespace) -> int:
    """One action; 0 when it was done."""
    action = {"check": _check, "apply": _apply, "back": _back, "image": _image, "list": _list}
    return asyncio.run(action[options.action](load_settings(), options))


async def _ask(settings: Settings, method: str, path: str = "", **body: Any) -> dict[str, Any]:
    socket = control_socket(settings)
    if not is_listening(socket):
        raise CommandFailed("Studio does not run here; start it first.", reason="not_running")
    async with open_socket(socket) as http:
        client = Client(http)
        if method == "GET":
            return await client.get(_PATH + path)
        return await client.post(_PATH + path, body, timeout_s=400)


async def _check(settings: Settings, options: argparse.Namespace) -> int:
    said = await _ask(settings, "POST", "/check")
    if options.json:
        print(json.dumps(said, indent=2))
    else:
        _show(said)
    return 0


async def _list(settings: Settings, options: argparse.Namespace) -> int:
    said = await _ask(settings, "GET")
    if options.json:
        print(json.dumps(said, indent=2))
    else:
        _show(said)
    return 0


async def _apply(settings: Settings, options: argparse.Namespace) -> int:
    found = (await _ask(settings, "POST", "/check"))["available"]
    if found is None:
        print("Nothing newer is there.")
        return 0
    wanted = options.commit or found["commit"]
    if not found["commit"].startswith(wanted):
        raise CommandFailed(
            f"The repository has {found['commit'][:12]} now, not {wanted[:12]}.", reason="moved"
        )
    allowed = {"allow_downgrade": options.downgrade, "allow_unsigned": options.allow_unsigned}
    await _ask(settings, "POST", "/apply", commit=found["commit"], **allowed)
    return await _follow(settings)


async def _back(settings: Settings, _: argparse.Namespace) -> int:
    await _ask(settings, "POST", "/back")
    return await _follow(settings)


async def _image(settings: Settings, _: argparse.Namespace) -> int:
    await _ask(settings, "POST", "/image")
    return await _follow(settings)


async def _follow(settings: Settings) -> int:
    """Tell each step until the verdict; Studio starts again meanwhile."""
    told = ""
    async with asyncio.timeout(_PATIENCE_S):
        while True:
            try:
                said = await _ask(settings, "GET")
            except (CommandFailed, Unreachable):
                said = {"work": {"step": "restart"}}
            work, trial = said.get("work"), said.get("trial")
            step = work["step"] if work else "trial" if trial else ""
            if step and step != told:
                print(f"{step} …", file=sys.stderr)
                told = step
            if not work and not trial:
                return _verdict(said)
            await asyncio.sleep(_LOOK_EVERY_S)


def _verdict(said: dict[str, Any]) -> int:
    if (failure := said["failure"]) is not None:
        raise CommandFailed(failure["message"], reason=failure["code"])
    if (left := said["rolled_back"]) is not None:
        raise CommandFailed(
            f"{left['release']} was left again: {left['why']}", reason="rolled_back"
        )
    _show(said)
    return 0


def _show(said: dict[str, Any]) -> None:
    own = said["installed"]
    if said["managed"]:
        print(f"Studio {own['version']} runs, {own['release'] or 'the image’s own copy'}.")
    else:
        print(f"Studio {own['version']} runs from a clone. To update it: make a backup, then")
        print("git pull, then start it again.")
    for name, version in own["components"].items():
        print(f"  {name:<10} {version}")
    if (found := said["available"]) is not None:
        print(f"{found['version']} is there: {found['ref']}, {found['commit']}, {found['trust']}.")
        if found["refused"] is not None:
            print(f"  It is not taken: {found['refused']['message']}")
        if found["changes"]:
            print(f"\n{found['changes']}\n")
    elif said["checked_at"]:
        print("Nothing newer is there.")
    if (image := said["image"]) is not None and image["is_newer"]:
        print(f"The image brings {image['version']}: studio update image")
    if (back := said["previous"]) is not None:
        print(f"The way back leads to {back['version']}: studio update back")
    if (left := said["rolled_back"]) is not None:
        print(f"{left['release']} was left again: {left['why']}")
