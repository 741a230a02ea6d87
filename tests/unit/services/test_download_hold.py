"""The queue of downloads while a stop is prepared."""

from __future__ import annotations

from studio.store.downloads import DownloadLimits, DownloadState
from tests.fakes.download_rig import Rig, safetensors
from tests.fakes.download_rig import rig as rig
from tests.fakes.origin import Origin
from tests.fakes.origin import origin as origin
from tests.faults.harness import until_it

SIZE = 700_001
MODEL = safetensors(SIZE, 1)
OTHER = safetensors(SIZE, 2)


async def test_a_hold_ends_what_runs_at_its_place_and_lets_nothing_begin(
    origin: Origin, rig: Rig
) -> None:
    origin.serve("a.safetensors", MODEL)
    origin.serve("b.safetensors", OTHER)
    await rig.downloads.set_limits(DownloadLimits(1, 500_000))
    row = await rig.add(origin.url("a.safetensors"))

    async def has_begun() -> bool:
        return (await rig.downloads.get(row.id)).progress.received >= SIZE // 4

    await until_it(has_begun, "a part of it came")
    await rig.work.hold()
    assert rig.work.running == 0
    held = await rig.downloads.get(row.id)
    assert held.row.state is DownloadState.QUEUED, "it goes on at the next start"
    assert held.progress.received >= SIZE // 4
    other = await rig.add(origin.url("b.safetensors"))
    starts = len(origin.asked)
    await rig.downloads.set_limits(DownloadLimits(2, None))
    assert rig.work.running == 0
    assert len(origin.asked) == starts
    rig.work.go_on()
    for each in (row.id, other.id):
        assert (await rig.downloads.wait(each)).state is DownloadState.DONE
