"""The shape of a whole library: how wide each file is for its height, and how many a day has."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class Outline:
    """All files that a filter finds, in its order."""

    ratios: Sequence[int | None]
    """Width by height in percent; ``None`` for what has no picture."""
    days: Sequence[tuple[int, int]]
    """(days since 1970-01-01, how many), as they follow each other; none where the order is not
    that of time."""


def read_outline(
    connection: sqlite3.Connection,
    clause: str,
    values: Sequence[Any],
    order: str,
    *,
    offset_ms: int,
    by_time: bool,
) -> Outline:
    """Read it from the covering index alone.

    Args:
        offset_ms: from UTC to the clock by which days begin.
        by_time: whether ``order`` is that of time.
    """
    day = f"(created_at + {offset_ms:d}) / {_DAY_MS}" if by_time else "0"
    rows = connection.execute(
        f"SELECT width * 100 / nullif(height, 0) AS ratio, {day} AS day FROM pictures"
        f" WHERE {clause} ORDER BY {order}",
        values,
    ).fetchall()
    days = [row[1] for row in rows] if by_time else []
    return Outline(
        ratios=[row[0] for row in rows],
        days=[(number, len(list(same))) for number, same in groupby(days)],
    )
