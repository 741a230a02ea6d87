"""Several Studios over one tree of models: each brings files, none touches what others bring."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.download_rig import CHUNK, open_rig, safetensors
from tests.fakes.origin import Asked, running_origin

MINE, OTHER = safetensors(4 * CHUNK, 1), safetensors(4 * CHUNK, 2)


@pytest.mark.parametrize(("theirs", "state"), [(MINE, "done"), (OTHER, "failed")])
async def test_a_file_that_somebody_else_brought_meanwhile_stays(
    tmp_path: Path, theirs: bytes, state: str
) -> None:
    """The same bytes are what was wanted; others are never overwritten."""
    path = tmp_path / "models" / "loras" / "m.safetensors"
    async with running_origin() as origin, open_rig(tmp_path) as rig:
        served = origin.serve("m.safetensors", MINE)

        def meanwhile(_: Asked) -> None:
            path.write_bytes(theirs)

        served.refuse_if = meanwhile
        ended = await rig.ended(origin.url("m.safetensors"))
        assert (ended.state, ended.error and ended.error.code) == (
            state,
            None if state == "done" else "name_taken",
        )
        assert path.read_bytes() == theirs
        assert [file.name for file in rig.published] == (["m.safetensors"] * (state == "done"))


async def test_the_start_of_one_studio_leaves_what_another_one_is_bringing(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "models").mkdir()
    for house in ("a", "b"):
        (tmp_path / house / "models").symlink_to(tmp_path / "models")
    async with running_origin() as origin:
        served = origin.serve("m.safetensors", MINE, cut_after=CHUNK)
        served.refuse_if = lambda _: (404, {}) if origin.sent > CHUNK else None
        async with open_rig(tmp_path / "a") as first:
            half = await first.ended(origin.url("m.safetensors"))
            assert half.state == "failed"
            async with open_rig(tmp_path / "b"):
                parts = list((tmp_path / "models").glob(".downloads/*/*.part"))
                assert [path.stem for path in parts] == [half.id]
            served.refuse_if, served.cut_after = lambda _: None, None
            await first.downloads.retry(half.id)
            assert (await first.downloads.wait(half.id)).state == "done"
            assert (tmp_path / "models/loras/m.safetensors").read_bytes() == MINE


async def test_a_name_that_another_file_has_is_refused_before_anything_is_fetched(
    tmp_path: Path,
) -> None:
    path = tmp_path / "models" / "loras" / "m.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(OTHER)
    async with running_origin() as origin, open_rig(tmp_path) as rig:
        origin.serve("m.safetensors", MINE)
        ended = await rig.ended(origin.url("m.safetensors"))
        assert ended.error and ended.error.code == "name_taken"
        assert origin.asked == []
