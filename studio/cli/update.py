"""``studio update``: look for a newer release, install it, go back."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from typing import Any, Final

from studio.cli.arguments import PROGRAM
from studio.cli.client import Client
from studio.cli.console import open_socket
from studio.cli.environment import load_settings
from studio.cli.failures import CommandFailed
from studio.cli.sockets import control_socket, is_listening
from studio.settings import Settings

_PATH: Final = "/api/system/updates"
_LOOK_EVERY_S: Final = 0.5
_PATIENCE_S: Final = 900.0
_TRUST: Final = {"pinned": "the pinned commit", "signed": "signed", "unsigned": "not signed"}
_STEPS: Final = {
    "fetch": "getting it from the repository",
    "verify": "its signature, version and tree",
    "stage": "writing its files",
    "import": "loading it once",
    "copy": "copying the database",
    "rehearse": "trying it on the copy",
    "publish": "keeping its files",
    "arm": "preparing the way back",
    "switch": "making it the one that runs",
    "restart": "Studio starts again",
    "trial": "it runs, and has to prove itself",
}


def execute(options: argparse.Namespace) -> int:
    """One action; 0 when it was done."""
    action = {"check": _check, "apply": _apply, "back": _back, "image": _image, "list": _list}
    return asyncio.run(action[options.action](load_settings(), options))


async def _ask(settings: Settings, method: str, path: str = "", **body: Any) -> dict[str, Any]:
    socket = control_socket(settings)
    if not is_listening(socket):
        raise CommandFailed(f"No Studio runs here. Start it with {PROGRAM}.", reason="not_running")
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
    try:
        await _ask(settings, "POST", "/apply", commit=found["commit"], **allowed)
    except CommandFailed as error:
        words = " ".join(_words_for(found))
        if not words:
            raise
        hint = f"To install it all the same: {PROGRAM} update apply {words}"
        raise CommandFailed(f"{error.message}\n{hint}", reason=error.reason) from None
    return await _follow(settings)


def _words_for(found: dict[str, Any]) -> list[str]:
    """What has to be said to have this release; nothing where no word helps."""
    refused = found["refused"]
    if refused is not None and refused["details"]["reason"] != "downgrade":
        return []
    words = {"--downgrade": found["is_older"], "--allow-unsigned": found["trust"] == "unsigned"}
    return [word for word, is_needed in words.items() if is_needed]


async def _back(settings: Settings, _: argparse.Namespace) -> int:
    await _ask(settings, "POST", "/back")
    return await _follow(settings)


async def _image(settings: Settings, _: argparse.Namespace) -> int:
    await _ask(settings, "POST", "/image")
    return await _follow(settings)


async def _follow(settings: Settings) -> int:
    """Tell each step until the verdict; Studio starts again meanwhile."""
    told, last_s = "", time.monotonic() + _PATIENCE_S
    while time.monotonic() < last_s:
        try:
            said = await _ask(settings, "GET")
        except CommandFailed:
            said = {"work": {"step": "restart"}}
        work, trial = said.get("work"), said.get("trial")
        step = work["step"] if work else "trial" if trial else ""
        if step and step != told:
            print(f"{step}: {_STEPS[step]}", file=sys.stderr)
            told = step
        if not work and not trial:
            return _verdict(said)
        await asyncio.sleep(_LOOK_EVERY_S)
    raise CommandFailed(
        f"No verdict within {_PATIENCE_S / 60:.0f} minutes; it may come yet: {PROGRAM} update list",
        reason="timeout",
    )


def _verdict(said: dict[str, Any]) -> int:
    if (failure := said["failure"]) is not None:
        raise CommandFailed(failure["message"], reason=failure["code"])
    if (left := said["rolled_back"]) is not None:
        raise CommandFailed(
            f"Studio went back from {left['release']}: {left['why']}", reason="rolled_back"
        )
    _show(said)
    return 0


def _show(said: dict[str, Any]) -> None:
    own = said["installed"]
    if said["managed"]:
        origin = f"from the release {own['release']}" if own["release"] else "from its own copy"
        print(f"Studio {own['version']} runs, {origin}.")
    else:
        print(f"Studio {own['version']} runs from a clone. To update it: make a backup, then")
        print("git pull, then start it again.")
    for name, version in own["components"].items():
        print(f"  {name:<10} {version}")
    if (found := said["available"]) is not None:
        trust = _TRUST[found["trust"]]
        print(f"{found['version']} is there: {found['ref']}, {found['commit'][:12]}, {trust}.")
        if found["refused"] is not None:
            print(f"  It is not taken: {found['refused']['message']}")
        if found["changes"]:
            print(f"\n{found['changes']}\n")
        words = _words_for(found)
        if words or found["refused"] is None:
            print(" ".join(["Install it:", PROGRAM, "update apply", *words]))
    elif said["checked_at"]:
        print("Nothing newer is there.")
    if (image := said["image"]) is not None and image["is_newer"]:
        print(f"The image brings {image['version']}: {PROGRAM} update image")
    if (back := said["previous"]) is not None:
        print(f"The way back leads to {back['version']}: {PROGRAM} update back")
    if (left := said["rolled_back"]) is not None:
        print(f"Studio went back from {left['release']}: {left['why']}")
