"""How large an order may be: its jobs are in memory together, and go into one commit."""

from __future__ import annotations

from typing import Final

import orjson

from studio.errors import PayloadTooLarge
from studio.services.submissions import Submission

MAX_ORDER_BYTES: Final = 64 * 1024 * 1024


class OrderSize:
    """Adds up the graphs and values of one order's jobs."""

    def __init__(self) -> None:
        self._bytes = 0

    def add(self, submission: Submission) -> None:
        """Raises ``PayloadTooLarge`` once they are too large together."""
        self._bytes += len(orjson.dumps(submission.workflow))
        if submission.recipe is not None:
            self._bytes += len(orjson.dumps(submission.recipe.values))
            self._bytes += len(orjson.dumps(submission.recipe.answers))
        if self._bytes > MAX_ORDER_BYTES:
            raise PayloadTooLarge(
                f"The graphs and values of the jobs are larger than {MAX_ORDER_BYTES // 2**20} MiB "
                "together. Ask for fewer at once."
            )
