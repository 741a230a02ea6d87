"""Jobs whose results an engine had kept: they say nothing of how long their like takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from studio.app import open_studio
from studio.store.job_stats import JobStatsStore
from tests.fakes.comfy import FakeComfy
from tests.fakes.comfy_graphs import Graph, Made, png, previewed, saved
from tests.faults.harness import settings_for, studio_inside


async def counted(folder: Path) -> int:
    """How many runs the next Studio takes over."""
    async with open_studio(settings_for(folder)) as studio:
        return len(await JobStatsStore(studio.db).recent_durations())


@pytest.mark.parametrize("graph", [previewed("fox"), saved("fox")], ids=["previewed", "saved"])
async def test_what_is_asked_for_again_and_was_kept_does_not_count(
    engine: FakeComfy, tmp_path: Path, graph: Graph
) -> None:
    settings = settings_for(tmp_path, [engine.url])
    async with studio_inside(settings) as api:
        await api.wait(await api.submit(graph))
        for _ in range(3):
            again = await api.wait(await api.submit(graph))
            assert again["status"] == "succeeded"
        assert engine.finished["fox"] == 4
        other = {**graph, "1": {"class_type": "Source", "inputs": {"text": "hen"}}}
        await api.wait(await api.submit(other))
    assert await counted(tmp_path) == 2


async def test_a_kept_preview_that_ran_again_since_it_was_not_believed_does_not_count(
    engine: FakeComfy, tmp_path: Path
) -> None:
    async with studio_inside(settings_for(tmp_path, [engine.url])) as api:
        await api.wait(await api.submit(previewed("fox")))
        [file] = engine.files
        engine.files[file] = Made(png("hen"), 10_000)
        await api.wait(await api.submit(previewed("fox")))
        assert len(engine.posts) == 3
    assert await counted(tmp_path) == 1
