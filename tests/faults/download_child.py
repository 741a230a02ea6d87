"""A program with a queue of downloads that the tests kill: anywhere, or at a step by its name.

    python download_child.py FOLDER WISHES [STEP [TIMES]]

WISHES is a JSON list of wishes; those that the queue knows already are not added again. It prints
``ready``, then ``ended`` once all of them have. With STEP it kills itself there, at the time TIMES.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

from studio.models import OWNER_ID
from studio.remote import Wish
from studio.services import download_runs
from studio.services.download_work import DownloadWork
from studio.store import part_files, publishing
from studio.store.downloads import DownloadState
from tests.fakes.download_rig import open_rig

STEPS: dict[str, tuple[object, str, str]] = {
    "before the room is made": (part_files.PartFile, "begin", "before"),
    "after the room was made": (part_files.PartFile, "begin", "after"),
    "before a write": (part_files.PartFile, "write", "before"),
    "after a write": (part_files.PartFile, "write", "after"),
    "before the bytes are synced": (part_files.PartFile, "sync", "before"),
    "between the bytes and the list of them": (part_files, "atomic_write", "before"),
    "after the list was written": (part_files, "atomic_write", "after"),
    "before the check": (download_runs, "check_model", "before"),
    "after the check": (download_runs, "check_model", "after"),
    "before it gets its name": (download_runs, "publish", "before"),
    "after the last sync of its bytes": (publishing, "fsync_file", "after"),
    "before the folder is synced": (publishing, "fsync_folder", "before"),
    "after the folder was synced": (publishing, "fsync_folder", "after"),
    "after it got its name": (download_runs, "publish", "after"),
    "after its part was removed": (download_runs, "discard", "after"),
    "before the row says what it is": (DownloadWork, "change", "verifying before"),
    "after the row said what it is": (DownloadWork, "change", "verifying after"),
    "before the row says done": (DownloadWork, "end", "async before"),
    "after the row said done": (DownloadWork, "end", "async after"),
}
"""Where a kill may come, by name: what is called there, and when."""


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def arm(step: str, times: int) -> None:
    """Let the call of ``step`` be this process's last, when it is made for the time ``times``."""
    owner, name, when = STEPS[step]
    real: Callable[..., Any] = getattr(owner, name)
    left = times

    def is_due(arguments: dict[str, Any]) -> bool:
        nonlocal left
        if "verifying" in when and arguments.get("state") is not DownloadState.VERIFYING:
            return False
        left -= 1
        return left == 0

    def called(*positional: Any, **arguments: Any) -> Any:
        due = is_due(arguments)
        if due and when == "before":
            die()
        result = real(*positional, **arguments)
        if due:
            die()
        return result

    async def awaited(*positional: Any, **arguments: Any) -> Any:
        due = is_due(arguments)
        if due and when.endswith("before"):
            die()
        result = await real(*positional, **arguments)
        if due:
            die()
        return result

    replacement = awaited if asyncio.iscoroutinefunction(real) else called
    mock.patch.object(owner, name, replacement).start()


async def work(folder: Path, wishes: list[dict[str, Any]]) -> None:
    async with open_rig(folder, retry_s=(0.05,) * 30) as rig:
        known = {one.row.name: one.row.id for one in await rig.downloads.list(ended=500)}
        print("ready", flush=True)
        ids = []
        for wish in wishes:
            if wish["name"] not in known:
                row = await rig.downloads.add(Wish(**wish), by=OWNER_ID)
                known[wish["name"]] = row.id
            ids.append(known[wish["name"]])
        for download_id in ids:
            await rig.downloads.wait(download_id)
        print("ended", flush=True)


def main(folder: str, wishes: str, step: str = "", times: str = "1") -> None:
    if step:
        arm(step, int(times))
    asyncio.run(work(Path(folder), json.loads(wishes)))


if __name__ == "__main__":
    main(*sys.argv[1:])
