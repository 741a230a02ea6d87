"""Updates that are killed, or meet a full disk, as one of their steps begins."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest

from studio.services.update_work import STEPS
from tests.faults.family import members
from tests.faults.harness import Api, until, until_it
from tests.faults.update_rig import INTERFERENCE, Rig, make_picture, require_picture, rig

STEP_GROUPS = (
    ("fetch", "verify", "stage"),
    ("import", "copy", "rehearse"),
    ("publish", "arm", "switch", "restart"),
)
"""Three tests, each of which may take its time on a machine that is busy."""
LATE = ("switch", "restart")
"""With these what runs changes, so each is the last of its test."""
FULL_GROUPS = (*STEP_GROUPS[:2], ("publish", "arm", "switch"), ("restart",))


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        yield made


def _is_another(box: Rig, pid: int) -> bool:
    return members(box.box).get("studio") not in (None, pid)


def interfere(box: Rig) -> None:
    """Have the copy that updates be killed, or meet a full disk, where a file says."""
    path = box.app / "studio/services/updates.py"
    path.write_text(path.read_text() + INTERFERENCE)


def test_every_step_is_interfered_with() -> None:
    for groups in (STEP_GROUPS, FULL_GROUPS):
        assert [step for group in groups for step in group] == list(STEPS)


@pytest.mark.parametrize("steps", STEP_GROUPS, ids="-".join)
async def test_a_kill_at_any_step_leaves_a_release_that_serves(
    box: Rig, steps: Sequence[str]
) -> None:
    interfere(box)
    box.box.start()
    async with box.box.api() as api:
        job = await make_picture(api)
        first = await box.first()
    for step in steps:
        async with box.box.api() as api:
            commit = box.release(later=step)
            before = members(box.box)
            found = await box.check(api)
            (box.studio_dir / "kill_at").write_text(step)
            answer = await api.client.post(
                "/api/system/updates/apply",
                json={"commit": found["available"]["commit"], "allow_unsigned": True},
            )
            assert answer.status_code == 202, (step, answer.text)

            has_restarted = partial(_is_another, box, before["studio"])
            await until(has_restarted, f"a kill at {step}", within_s=120)
        async with box.box.api() as api:
            said = await box.settled(api)
            assert members(box.box)["engine"] == before["engine"]
            await require_picture(api, job)
            expected = f"0.2.0-{commit[:12]}" if step == "restart" else first
            assert (step, box.current()) == (step, expected)
            assert said["rolled_back"] is None, step


@pytest.fixture
def small_volume(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own under STUDIO_DIR, which can be filled."""
    volume = tmp_path / "studio"
    volume.mkdir()
    mount = ("mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(volume))
    if os.geteuid() != 0 or subprocess.run(mount, check=False).returncode:
        pytest.skip("only root can mount a small file system, and not everywhere")
    yield volume
    subprocess.run(("umount", "--lazy", str(volume)), check=True)


@pytest.mark.parametrize("steps", FULL_GROUPS, ids="-".join)
async def test_a_full_disk_at_any_step_leaves_a_release_that_serves(
    small_volume: Path, box: Rig, steps: Sequence[str]
) -> None:
    interfere(box)
    box.box.start()
    async with box.box.api() as api:
        job, first = await make_picture(api), await box.first()
        for step in steps:
            if step in LATE:
                break
            commit = box.release(later=step)
            await box.check(api)
            (small_volume / "fill_at").write_text(step)
            await box.apply(api, commit)
            said = await box.settled(api)
            (small_volume / "filler").unlink()
            assert said["failure"] is not None, step
            assert box.current() == first, step
            await until_it(lambda: _takes_work(api), "the database recovers")
            await require_picture(api, job)
        else:
            return
        # From here on it is switched to: tried once there is room, or what ran runs on.
        before = members(box.box)
        (small_volume / "fill_at").write_text(step)
        await box.apply(api, box.release(later=step))
        await until(partial(_is_another, box, before["studio"]), "the restart", within_s=120)
        (small_volume / "filler").unlink()
    async with box.box.api() as api:
        said = await box.settled(api)
        assert said["installed"]["release"] in (box.current(), None)
        await require_picture(api, job)


async def _takes_work(api: Api) -> bool:
    return (await api.ready()).status_code == 200
