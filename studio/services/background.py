"""Tasks that run for as long as Studio does: one that ends before it is not missed in silence."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger(__name__)


def watched(work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
    """A task whose failure is told as soon as it happens."""
    task = asyncio.create_task(work, name=name)
    task.add_done_callback(_tell)
    return task


def _tell(task: asyncio.Task[None]) -> None:
    error = None if task.cancelled() else task.exception()
    if error is not None:
        log.error(
            "the task “%s” has failed and is not done until the next start",
            task.get_name(),
            exc_info=error,
        )
