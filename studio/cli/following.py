"""A job from its place in the queue to its end, as a person at a terminal sees it."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from studio.cli.client import Client, Unreachable
from studio.cli.failures import CommandFailed
from studio.cli.screen import Screen
from studio.cli.session import Session
from studio.models import TERMINAL_STATUSES, JobStatus

_RECONNECT_S: Final = 1.0
_MAX_LOST: Final = 30
_MAX_LOST_WHEN_GONE: Final = 2


async def follow(session: Session, job_id: str, screen: Screen, *, advice: str) -> dict[str, Any]:
    """The job once it has ended; a lost connection is opened again.

    Args:
        advice: how to get the files later, as a sentence.

    Raises:
        Unreachable: Studio has gone, or stays silent. The job goes on when it runs again.
    """
    client = session.client
    screen.start_clock()
    lost = 0
    while True:
        try:
            async for event, data in client.events(job_id):
                lost = 0
                if event == "status":
                    await _show(client, data, screen)
                elif event == "progress":
                    screen.show_progress(data)
            job = await client.job(job_id)
            if JobStatus(job["status"]) in TERMINAL_STATUSES:
                return job
        except Unreachable as error:
            lost += 1
            if lost > (_MAX_LOST_WHEN_GONE if session.is_gone() else _MAX_LOST):
                raise Unreachable(
                    "Studio stopped before the job ended. The job is finished when Studio runs "
                    f"again. {advice}",
                    reason=error.reason,
                ) from error
            screen.show_status("waiting for Studio to answer again", None)
        await asyncio.sleep(_RECONNECT_S)


def failure(job: dict[str, Any]) -> CommandFailed:
    """Why a job that has ended did not succeed."""
    error = job["error"]
    if error is None:
        return CommandFailed(f"The job was {job['status']}.", reason=job["status"])
    place = ""
    if error["node_id"]:
        kind = f" ({error['class_type']})" if error["class_type"] else ""
        place = f" at node {error['node_id']}{kind}"
    return CommandFailed(f"The job failed{place}: {error['message']}", reason=error["code"])


async def _show(client: Client, data: dict[str, Any], screen: Screen) -> None:
    engine_ready = True
    if data["status"] == JobStatus.QUEUED:
        engine_ready, _ = await client.ready()
    screen.show_status(data["status"], data["queue_position"], engine_ready=engine_ready)
