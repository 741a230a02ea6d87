"""``studio run``: a workflow file or a prompt, from the words to the files."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
from pathlib import Path
from typing import Any, Final

from studio.cli.client import Client
from studio.cli.console import BASE_URL
from studio.cli.failures import EXIT_USAGE, CommandFailed
from studio.cli.following import failure, follow
from studio.cli.graph_file import (
    assigned_texts,
    missing_files,
    names_a_file,
    read_graph,
    set_values,
    upload_files,
)
from studio.cli.interrupts import Interrupts, run_interruptible
from studio.cli.outputs import check_folder, save_outputs
from studio.cli.picture import fill_checkpoints, make_picture_graph
from studio.cli.place import checkpoint_folder, kept, open_place
from studio.cli.placeholder import tell_placeholder
from studio.cli.screen import Screen
from studio.cli.session import Session
from studio.cli.telling import let_tell
from studio.graphs.graph import Graph
from studio.models import TERMINAL_STATUSES, JobStatus

_CANCEL_WAIT_S: Final = 10.0
_FOR_WORDS: Final = ("negative", "checkpoint", "seed", "steps", "size", "count")


def execute(options: argparse.Namespace) -> int:
    """Run, save the outputs, print their paths."""
    return run_interruptible(lambda interrupts: _run(options, interrupts))


async def _run(options: argparse.Namespace, interrupts: Interrupts) -> int:
    screen = Screen(quiet=options.quiet)
    source = _Source(options, screen)
    check_folder(options.out)
    async with open_place(options, interrupts, screen) as session:
        graph = await source.graph(session.client)
        await tell_placeholder(session, graph, screen)
        await _tell_earlier_jobs(session, screen)
        job = await _submit_and_follow(session, graph, source, screen)
        if options.webhook is not None:
            await let_tell(session, screen)
        if job["status"] != JobStatus.SUCCEEDED:
            raise failure(job)
        files = await save_outputs(
            session.client,
            job,
            options.out,
            advice=kept(options, job["id"]),
            words=source.words,
        )
    if not files:
        screen.say("The workflow made no files.")
    if options.json:
        shown = {**job, "outputs": [_openable(output) for output in job["outputs"]]}
        print(json.dumps({**shown, "files": [str(path) for path in files]}, indent=2))
    else:
        for path in files:
            print(path)
    return 0


def _openable(output: dict[str, Any]) -> dict[str, Any]:
    """Without a link that leads to the socket, which no other program can open."""
    if not str(output.get("url")).startswith(BASE_URL):
        return output
    return {name: value for name, value in output.items() if not name.startswith("url")}


async def _tell_earlier_jobs(session: Session, screen: Screen) -> None:
    """Jobs that an earlier Studio left unfinished, which this one does first."""
    if not session.private:
        return
    statuses = ",".join(set(JobStatus) - TERMINAL_STATUSES)
    answer = await session.client.get(f"/api/jobs?status={statuses}&limit=200")
    if count := len(answer["jobs"]):
        more = "+" if answer["next_cursor"] else ""
        screen.say(f"{count}{more} earlier job{'s' if count > 1 else ''} ahead")


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
        return self._path.stem if self._path is not None else self.words

    @property
    def words(self) -> str:
        """The prompt; empty for a file."""
        return "" if self._path is not None else self._options.workflow

    async def graph(self, client: Client) -> Graph:
        """What to send."""
        folder, checkpoints = Path(), checkpoint_folder(self._options)
        if self._path is not None:
            written, folder = self._written, self._path.parent
        else:
            written = await make_picture_graph(
                client, self._options, self._screen, checkpoints=checkpoints
            )
        assignments = self._options.assignments
        graph = await upload_files(
            client,
            set_values(written, assignments),
            assigned=assigned_texts(written, assignments),
            folder=folder,
            screen=self._screen,
        )
        return await fill_checkpoints(client, graph, self._screen, checkpoints=checkpoints)

    async def submit(self, client: Client, graph: Graph) -> dict[str, Any]:
        """The new job.

        Raises:
            CommandFailed: it was refused.
        """
        try:
            return await client.submit(graph, self.title, self._options.webhook)
        except CommandFailed as error:
            names = missing_files(graph)
            if error.reason != "missing_asset" or not names or self._path is None:
                raise
            raise CommandFailed(
                f"{_listed(names)} found neither beside {self._path.name} nor in the current "
                "folder, nor among the files in Studio.",
                reason=error.reason,
            ) from error

    def advice(self, job_id: str) -> str:
        """How to get the files of the job later."""
        return kept(self._options, job_id)


def _listed(names: list[str]) -> str:
    return f"{', '.join(dict.fromkeys(names))} {'was' if len(set(names)) == 1 else 'were'}"


async def _submit_and_follow(
    session: Session, graph: Graph, source: _Source, screen: Screen
) -> dict[str, Any]:
    client = session.client
    submitting = asyncio.create_task(source.submit(client, graph))
    try:
        job = await asyncio.shield(submitting)
        # Said at once: whatever ends this command later, its reader knows what to ask for.
        advice = source.advice(job["id"])
        screen.say(advice)
        return await follow(session, job["id"], screen, advice=advice)
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
