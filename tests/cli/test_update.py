"""``studio update`` in a box with a repository of releases: what it says, asks and refuses."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.studio_process import ROOT
from tests.cli.program import Ended, Place
from tests.faults.update_rig import Rig, rig


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Rig]:
    with rig(tmp_path) as made:
        made.box.start()
        yield made


def update(box: Rig, *words: str) -> Ended:
    done = subprocess.run(
        [sys.executable, "-m", "studio", "update", *words],
        cwd=ROOT,
        env=box.box.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    return Ended(done.returncode, done.stdout, done.stderr)


async def test_a_release_that_is_not_signed_is_installed_only_when_that_is_allowed(
    box: Rig,
) -> None:
    async with box.box.api():
        first = await box.first()
    commit = box.release()
    checked = update(box, "check")
    assert checked.status == 0, checked.err
    assert f"0.2.0 is there: main, {commit[:12]}, not signed" in checked.out
    refused = update(box, "apply")
    assert (refused.status, refused.out) == (1, "")
    assert "[update_refused]" in refused.err
    assert "./start.sh update apply --allow-unsigned" in refused.err
    assert box.current() == first
    moved = update(box, "apply", "abcdef123456", "--allow-unsigned")
    assert (moved.status, "[moved]" in moved.err) == (1, True)
    applied = update(box, "apply", commit[:12], "--allow-unsigned")
    assert applied.status == 0, applied.err
    assert f"Studio 0.2.0 runs, from the release 0.2.0-{commit[:12]}" in applied.out
    assert "./start.sh update back" in applied.out
    steps = [line.partition(":")[0] for line in applied.err.splitlines()]
    assert steps == sorted(set(steps), key=steps.index) and {"rehearse", "trial"} <= set(steps)
    assert box.current() == f"0.2.0-{commit[:12]}"
    back = update(box, "back")
    assert back.status == 0, back.err
    assert box.current() == first


def test_in_a_clone_it_says_what_updates_it(running: Place) -> None:
    ended = running.run("update", "check")
    assert (ended.status, ended.out) == (1, "")
    assert "git pull" in ended.err


def test_without_a_studio_it_says_so(place: Place) -> None:
    ended = place.run("update", "list")
    assert (ended.status, ended.out) == (1, "")
    assert "[not_running]" in ended.err


def test_in_a_clone_the_list_says_how_it_is_updated(running: Place) -> None:
    listed = running.run("update", "list")
    assert listed.status == 0, listed.err
    assert "runs from a clone" in listed.out and "git pull" in listed.out
