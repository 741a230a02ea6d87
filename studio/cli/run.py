"""``studio run``: a workflow file or a prompt, from the words to the files."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final

from boot.plan import BootError
from boot.settings import read_settings
from studio.cli.client import Client, Unreachable
from studio.cli.environment import load_settings
from studio.cli.failures import EXIT_USAGE, CommandFailed
from studio.cli.graph_file import (
    assigned_texts,
    names_a_file,
    read_graph,
    set_values,
    upload_files,
)
from studio.cli.interrupts import Interrupts, run_interruptible
from studio.cli.outputs import save_outputs
from studio.cli.picture import make_picture_graph
from studio.cli.screen import Screen
from studio.cli.session import open_local, open_remote
from studio.graphs.graph import Graph
from studio.models import TERMINAL_STATUSES, JobStatus

_CANCEL_WAIT_S: Final = 10.0
_RECONNECT_S: Final = 1.0
_MAX_LOST: Final = 30
_FOR_WORDS: Final = ("negative", "checkpoint", "seed", "steps", "size", "count")


def execute(options: argparse.Namespace) -> int:
    """Run, save the outputs, print their paths."""
    return run_interruptible(lambda interrupts: _run(options, interrupts))


async def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    screen = Screen(quiet=options.quiet)
    source = _Source(options, screen)
    async with _open(options, interrupts, screen) as client:
        graph = await source.graph(client)
        job = await _submit_and_follow(client, graph, source.title, screen)
        if job["status"] != JobStatus.SUCCEEDED:
            raise _failure(job)
        files = await save_outputs(client, job, options.out)
    if not files:
        screen.say("The workflow made no files.")
    if options.json:
        print(json.dumps({**job, "files": [str(path) for path in files]}, indent=2))
    else:
        for path in files:
            print(path)
    return 0


class _Source:
    """What the command line asks for; a wrong workflow is refused before anything is started."""

    def __init__(self, options: argparse.Namespace, screen: Screen) -> None:
        self._options = options
        self._screen = screen
        self._path: Path | None = None
        if names_a_file(options.workflow):
            given = [name for name in _FOR_WORDS if getattr(options, name) is not None]
            if given:
                raise CommandFailed(
                    f"--{given[0]} is for a prompt in words; with a workflow file use --set.",
                    reason="usage",
                    exit_code=EXIT_USAGE,
                )
            self._path = Path(options.workflow).expanduser()
            self._written = read_graph(self._path)
            set_values(self._written, options.assignments)
        elif not options.workflow.strip():
            raise CommandFailed("The prompt is empty.", reason="usage", exit_code=EXIT_USAGE)

    @property
    def title(self) -> str:
        return self._path.stem if self._path is not None else self._options.workflow

    async def graph(self, client: Client) -> Graph:
        """What to send."""
        folder = Path()
        if self._path is not None:
            written, folder = self._written, self._path.parent
        else:
            written = await make_picture_graph(
                client, self._options, self._screen, checkpoints=_checkpoints(self._options)
            )
        assignments = self._options.assignments
        return await upload_files(
            client,
            set_values(written, assignments),
            assigned=assigned_texts(written, assignments),
            folder=folder,
            screen=self._screen,
        )


@contextlib.asynccontextmanager
async def _open(
    options: argparse.Namespace, interrupts: Interrupts, screen: Screen
) -> AsyncIterator[Client]:
    if url := _url(options):
        async with open_remote(url, options.key or os.environ.get("API_KEY")) as client:
            yield client
        return
    settings = load_settings()
    async with open_local(settings, interrupts, screen, wait_s=options.wait) as client:
        yield client


def _url(options: argparse.Namespace) -> str | None:
    return options.url or os.environ.get("STUDIO_URL") or None


def _checkpoints(options: argparse.Namespace) -> str:
    """Where checkpoints go, as words of a sentence."""
    if not _url(options):
        with contextlib.suppress(BootError):
            settings = read_settings(os.environ, app_dir=Path(__file__).resolve().parents[2])
            return str(settings.model_dir / "checkpoints")
    return "the folder models/checkpoints of that Studio"


async def _submit_and_follow(
    client: Client, graph: Graph, title: str, screen: Screen
) -> dict[str, Any]:
    submitting = asyncio.create_task(client.submit(graph, title))
    try:
        job = await asyncio.shield(submitting)
        return await _follow(client, job["id"], screen)
    except asyncio.CancelledError:
        screen.say("Cancelling the job …")
        with contextlib.suppress(CommandFailed, TimeoutError):
            async with asyncio.timeout(_CANCEL_WAIT_S):
                await _cancel(client, (await submitting)["id"])
        raise
    finally:
        screen.clear()


async def _cancel(client: Client, job_id: str) -> None:
    job = await client.cancel(job_id)
    while JobStatus(job["status"]) not in TERMINAL_STATUSES:
        await asyncio.sleep(0.1)
        job = await client.job(job_id)


async def _follow(client: Client, job_id: str, screen: Screen) -> dict[str, Any]:
    """The job once it has ended; a lost connection is opened again."""
    screen.start_clock()
    lost = 0
    while True:
        try:
            async for event, data in client.events(job_id):
                lost = 0
                if event == "status":
                    screen.show_status(data["status"], data["queue_position"])
                elif event == "progress":
                    screen.show_progress(data)
            job = await client.job(job_id)
            if JobStatus(job["status"]) in TERMINAL_STATUSES:
                return job
        except Unreachable:
            lost += 1
            if lost > _MAX_LOST:
                raise
            screen.show_status("waiting for Studio to answer again", None)
        await asyncio.sleep(_RECONNECT_S)


def _failure(job: dict[str, Any]) -> CommandFailed:
    error = job["error"]
    if error is None:
        return CommandFailed(f"The job was {job['status']}.", reason=job["status"])
    place = ""
    if error["node_id"]:
        kind = f" ({error['class_type']})" if error["class_type"] else ""
        place = f" at node {error['node_id']}{kind}"
    return CommandFailed(f"The job failed{place}: {error['message']}", reason=error["code"])
