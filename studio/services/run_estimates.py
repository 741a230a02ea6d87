"""How long a run will take: as its like did, or scaled from other runs of its preset."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from studio.graphs.effort import effort
from studio.graphs.facts import describe
from studio.graphs.graph import Graph

ASK_ABOVE_MS: Final = 60_000
ASK_ABOVE_EFFORT: Final = 200.0
"""Ten pictures of a megapixel in twenty steps."""

PastRun = tuple[int, bytes]
"""How many ms it took, and its graph."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """``expected_ms`` is ``None`` without any earlier run; ``effort`` is as ``effort`` counts."""

    expected_ms: int | None
    effort: float

    def is_long(self, *, is_video: bool) -> bool:
        """Whether whoever pays for it should be asked; of what never ran, what is clearly much."""
        if self.expected_ms is not None:
            return self.expected_ms > ASK_ABOVE_MS
        return is_video or self.effort > ASK_ABOVE_EFFORT


class RunEstimates:
    """Estimates runs of presets.

    Args:
        usual_ms: how long graphs of a key take, ``None`` when none was run.
        past: the last runs of a preset that succeeded.
    """

    def __init__(
        self,
        *,
        usual_ms: Callable[[str], float | None],
        past: Callable[[str], Awaitable[Sequence[PastRun]]],
    ) -> None:
        self._usual_ms = usual_ms
        self._past = past

    async def of(self, preset_id: str, graph: Graph) -> Estimate:
        """How long this graph of a preset will take."""
        usual_ms = self._usual_ms(describe(graph, None).graph_key)
        work = effort(graph)
        if usual_ms is not None:
            return Estimate(int(usual_ms), work)
        past = await self._past(preset_id)
        if not past:
            return Estimate(None, work)
        # Graphs may be large, and others want to be served meanwhile.
        return Estimate(await asyncio.to_thread(_scaled, past, work), work)


def _scaled(past: Sequence[PastRun], work: float) -> int:
    """What the earlier runs would have taken with that much work, in the middle."""
    return int(statistics.median(ms * work / effort(orjson.loads(graph)) for ms, graph in past))
