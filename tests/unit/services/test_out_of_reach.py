"""What a host that nobody reaches costs: a word and a moment, not a place in the queue."""

from __future__ import annotations

from pathlib import Path

from studio.clients.transfer.records import Rules
from studio.services.fetch_words import awaited, message_of
from studio.store.downloads import DownloadLimits, DownloadState
from tests.fakes.download_rig import open_rig, safetensors
from tests.fakes.origin import running_origin


async def test_one_whose_host_is_out_of_reach_says_so_and_lets_others_have_its_turn(
    tmp_path: Path,
) -> None:
    rules = Rules(first_delay_s=0.01)
    async with running_origin() as origin, open_rig(tmp_path, rules=rules, retry_s=(3_600,)) as rig:
        origin.serve("a.safetensors", safetensors(2_000, 1))
        await rig.downloads.set_limits(DownloadLimits(1, None))
        lost = await rig.add("http://127.0.0.1:1/lost.safetensors")
        other = await rig.ended(origin.url("a.safetensors"))
        shown = await rig.downloads.get(lost.id)
    assert other.state is DownloadState.DONE
    assert shown.row.state is DownloadState.QUEUED
    assert shown.row.error is not None
    assert shown.row.error.code == "source_unreachable"
    assert shown.progress.retry_in_s is not None
    said = message_of(awaited([("lost.safetensors", shown)]))
    assert "There is no connection to 127.0.0.1" in said
    assert "Tried again in 3" in said
