"""How long a run will take, and whether somebody is asked before it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from studio.graphs.facts import describe
from studio.services.durations import Durations
from studio.services.run_estimates import Estimate, RunEstimates


def graph(steps: int, side: int = 1000) -> dict[str, dict[str, Any]]:
    return {
        "1": {"class_type": "KSampler", "inputs": {"steps": steps, "seed": 7}},
        "2": {"class_type": "EmptyLatentImage", "inputs": {"width": side, "height": side}},
    }


def estimates(durations: Durations, *past: tuple[int, dict[str, Any]]) -> RunEstimates:
    async def runs(preset_id: str) -> list[tuple[int, bytes]]:
        assert preset_id == "p"
        return [(ms, json.dumps(each).encode()) for ms, each in past]

    return RunEstimates(usual_ms=durations.median, past=runs)


async def test_a_graph_that_ran_takes_as_long_as_it_did() -> None:
    durations = Durations()
    durations.add(describe(graph(20), None).graph_key, 4_000)

    found = await estimates(durations, (9_000, graph(10))).of("p", graph(20))

    assert found == Estimate(4_000, 20.0)


async def test_other_work_of_a_preset_is_scaled_by_its_steps_and_size() -> None:
    past = [(1_000, graph(10)), (2_000, graph(20)), (99_000, graph(10))]
    asked = estimates(Durations(), *past)

    assert (await asked.of("p", graph(40))).expected_ms == 4_000
    assert (await asked.of("p", graph(40, side=2000))).expected_ms == 16_000
    assert (await asked.of("p", graph(5))).expected_ms == 500


async def test_of_what_never_ran_only_the_work_is_known() -> None:
    assert await estimates(Durations()).of("p", graph(30)) == Estimate(None, 30.0)


@pytest.mark.parametrize(
    ("estimate", "is_video", "asks"),
    [
        (Estimate(60_000, 1), True, False),
        (Estimate(60_001, 1), False, True),
        (Estimate(1, 1_000), True, False),
        (Estimate(None, 1), True, True),
        (Estimate(None, 200), False, False),
        (Estimate(None, 201), False, True),
        (Estimate(None, 0), False, False),
    ],
)
def test_what_takes_long_is_asked_about(estimate: Estimate, is_video: bool, asks: bool) -> None:
    assert estimate.is_long(is_video=is_video) is asks
