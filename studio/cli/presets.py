"""``studio presets``: look at presets, run one."""

from __future__ import annotations

import argparse
import difflib
import json
from typing import Any, Final
from urllib.parse import quote

from studio.cli.client import Client
from studio.cli.failures import EXIT_USAGE, CommandFailed
from studio.cli.following import failure, follow
from studio.cli.interrupts import Interrupts, run_interruptible
from studio.cli.outputs import check_folder, save_outputs
from studio.cli.place import kept, open_place, open_running
from studio.cli.placeholder import tell_placeholder
from studio.cli.screen import Screen
from studio.cli.table import print_table
from studio.cli.telling import let_tell
from studio.models import JobStatus

_PAGE: Final = 500
_NAMED: Final = 10
"""So many presets are named to somebody who asks for one that is not there."""


def execute(options: argparse.Namespace) -> int:
    """List or run."""
    action = {"list": _list, "run": _run}[options.action]
    return run_interruptible(lambda interrupts: action(options, interrupts))


async def _list(options: argparse.Namespace, _: Interrupts) -> int:
    async with open_running(options) as session:
        presets = await _all(session.client)
    if options.json:
        print(json.dumps(presets, indent=2))
        return 0
    print_table(("ID", "NAME", "WORKFLOW", "QUESTIONS"), [_row(preset) for preset in presets])
    return 0


async def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    """Ctrl-C leaves the jobs alone: Studio keeps them."""
    check_folder(options.out)
    body = {
        "answers": dict(_pair(text) for text in options.answers),
        "values": {name: _value(text) for name, text in map(_pair, options.assignments)},
        "count": options.count,
        "webhook_url": options.webhook,
    }
    screen = Screen(quiet=options.quiet)
    async with open_place(options, interrupts, screen) as session:
        preset = await _find(session.client, options.preset)
        _tell_defaults(preset, body["answers"], screen)
        run = await session.client.post(f"/api/presets/{quote(preset['id'], safe='')}/run", body)
        submitted = await session.client.get(f"/api/v2/jobs/{run['jobs'][0]['id']}/workflow")
        await tell_placeholder(session, submitted["workflow"], screen)
        ended = []
        try:
            for job in run["jobs"]:
                advice = kept(options, job["id"])
                screen.say(advice)
                ended.append(await follow(session, job["id"], screen, advice=advice))
        finally:
            screen.clear()
        if options.webhook is not None:
            await let_tell(session, screen)
        for job in ended:
            if job["status"] == JobStatus.SUCCEEDED:
                advice = kept(options, job["id"])
                for path in await save_outputs(
                    session.client, job, options.out, advice=advice, words=preset["name"]
                ):
                    print(path)
    for job in ended:
        if job["status"] != JobStatus.SUCCEEDED:
            raise failure(job)
    return 0


async def _all(client: Client) -> list[dict[str, Any]]:
    presets: list[dict[str, Any]] = []
    while True:
        page = await client.get(f"/api/presets?start={len(presets)}&limit={_PAGE}")
        presets += page["items"]
        if not page["items"] or len(presets) >= page["total"]:
            return presets


async def _find(client: Client, wanted: str) -> dict[str, Any]:
    """The preset that is meant: by its id, or by a name that only one has."""
    presets = await _all(client)
    found = [preset for preset in presets if wanted in (preset["id"], preset["name"])]
    if len(found) == 1:
        return found[0]
    if found:
        raise CommandFailed(
            f"{len(found)} presets are called “{wanted}”; give an id of presets list.",
            reason="ambiguous",
        )
    names = sorted({preset["name"] for preset in presets})
    alike = difflib.get_close_matches(wanted, names, n=5) or names[:_NAMED]
    known = f" There are: {', '.join(alike)}." if alike else " There is none at all yet."
    raise CommandFailed(f"There is no preset “{wanted}”.{known}", reason="not_found")


def _tell_defaults(preset: dict[str, Any], answers: dict[str, str], screen: Screen) -> None:
    for question in preset["questions"]:
        name, default = question["name"], question["default"]
        if name not in answers and default is not None:
            screen.say(f"“{question['text']}” is answered by its default, “{default}”.")


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise CommandFailed(
            f"“{text}” must be like name=value.", reason="usage", exit_code=EXIT_USAGE
        )
    return name, value


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _row(preset: dict[str, Any]) -> tuple[str, ...]:
    questions = ", ".join(map(_question, preset["questions"]))
    return preset["id"], preset["name"], preset["workflow_id"], questions


def _question(question: dict[str, Any]) -> str:
    """Its name, and what may be answered."""
    choices = " | ".join(question["options"])
    return f"{question['name']} ({choices})" if choices else str(question["name"])
