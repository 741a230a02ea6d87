"""``studio jobs``: look at jobs, get the files of one, cancel one."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any, Final
from urllib.parse import quote

from studio.cli.following import failure, follow
from studio.cli.interrupts import Interrupts, run_interruptible
from studio.cli.outputs import check_folder, save_outputs
from studio.cli.place import kept, open_place, open_running
from studio.cli.screen import Screen
from studio.cli.table import print_table
from studio.models import TERMINAL_STATUSES, JobStatus

_MAX_PAGE: Final = 200
_MAX_TITLE: Final = 60


def execute(options: argparse.Namespace) -> int:
    """List, get or cancel."""
    action = {"list": _list, "get": _get, "cancel": _cancel}[options.action]
    return run_interruptible(lambda interrupts: action(options, interrupts))


async def _list(options: argparse.Namespace, _: Interrupts) -> int:
    async with open_running(options) as session:
        limit = min(options.limit, _MAX_PAGE)
        jobs = (await session.client.get(f"/api/jobs?limit={limit}"))["jobs"]
    if options.json:
        print(json.dumps(jobs, indent=2))
        return 0
    print_table(("ID", "STATUS", "CREATED", "FILES", "TITLE"), [_row(job) for job in jobs])
    return 0


async def _get(options: argparse.Namespace, interrupts: Interrupts) -> int:
    """Waits for the end; Ctrl-C leaves the job alone."""
    check_folder(options.out)
    screen = Screen(quiet=options.quiet)
    advice = kept(options, options.job)
    async with open_place(options, interrupts, screen) as session:
        job = await session.client.job(quote(options.job, safe=""))
        try:
            if JobStatus(job["status"]) not in TERMINAL_STATUSES:
                job = await follow(session, job["id"], screen, advice=advice)
        finally:
            screen.clear()
        if job["status"] != JobStatus.SUCCEEDED:
            raise failure(job)
        files = await save_outputs(session.client, job, options.out, advice=advice)
    if not files:
        screen.say("The job has no files.")
    for path in files:
        print(path)
    return 0


async def _cancel(options: argparse.Namespace, _: Interrupts) -> int:
    async with open_running(options) as session:
        job = await session.client.cancel(quote(options.job, safe=""))
    print(f"The job {job['id']} is {job['status']}.", file=sys.stderr)
    return 0


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    title = " ".join(str(job["title"] or "").split())
    shown = title if len(title) <= _MAX_TITLE else title[: _MAX_TITLE - 1] + "…"
    created = job["created_at"][:16].replace("T", " ")
    return job["id"], job["status"], created, str(len(job["outputs"])), shown
