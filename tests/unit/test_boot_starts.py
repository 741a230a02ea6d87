"""Starts that failed, and ends of a trial, are counted on the disk over all lives of bootstrap."""

from __future__ import annotations

import json
import time

import pytest

from boot.arming import TRIES, arm, read_rolled_back
from boot.launch import Launcher, Volume
from boot.releases import FAILED_STARTS, read_current, switch
from tests.unit.release_volume import NEW, OLD
from tests.unit.release_volume import volume as volume


def life(volume: Volume) -> Launcher:
    """One life of bootstrap."""
    return Launcher(volume, lambda _: None, volume.studio_dir / "control.sock")


def fail(volume: Volume, times: int = FAILED_STARTS) -> None:
    """So many lives that end, with the machine, before Studio serves."""
    for _ in range(times):
        assert life(volume).start().choice.release == OLD


def test_lives_of_bootstrap_that_end_before_studio_serves_lead_to_safe_mode(
    volume: Volume,
) -> None:
    fail(volume)
    for _ in range(2):
        choice = life(volume).start().choice
        assert choice.safe_mode and OLD in choice.text
    assert read_current(volume.studio_dir) == OLD


def test_a_studio_that_serves_is_no_failure_however_bootstrap_ends(volume: Volume) -> None:
    for _ in range(FAILED_STARTS + 1):
        launcher = life(volume)
        assert launcher.start().choice.release == OLD
        assert launcher.look_at is not None
        (volume.studio_dir / "control.sock").touch()
        assert not launcher.is_late(time.monotonic())
        assert launcher.look_at is None


def test_a_studio_that_lives_on_without_serving_is_no_failure(volume: Volume) -> None:
    for _ in range(FAILED_STARTS + 1):
        launcher = life(volume)
        assert launcher.start().choice.release == OLD
        launcher.is_late(time.monotonic() + 60)


def test_a_stop_forgets_the_failures_of_what_serves_and_of_nothing_else(volume: Volume) -> None:
    for _ in range(FAILED_STARTS):
        launcher = life(volume)
        assert launcher.start().choice.release == OLD
        launcher.stopping()
        launcher.ended(1.0, asked=True)
    launcher = life(volume)
    assert launcher.start().choice.safe_mode
    (volume.studio_dir / "control.sock").touch()
    launcher.stopping()
    launcher.ended(60.0, asked=True)
    assert life(volume).start().choice.release == OLD


def test_a_restart_that_somebody_asks_for_forgets_the_failures(volume: Volume) -> None:
    fail(volume)
    launcher = life(volume)
    launcher.start()
    launcher.ended(60.0, asked=True)
    fail(volume)


def test_failures_of_one_release_are_not_those_of_another(volume: Volume) -> None:
    fail(volume)
    switch(volume.studio_dir, NEW)
    assert life(volume).start().choice.release == NEW


@pytest.mark.parametrize(
    "said",
    ["garbage", "[]", "{}", json.dumps({"release": OLD, "count": "5"}), '{"count": true}'],
)
def test_a_count_that_cannot_be_read_is_none(volume: Volume, said: str) -> None:
    (volume.studio_dir / "releases/starts.json").write_text(said)
    fail(volume)


def test_a_volume_that_takes_no_note_is_told_of_and_the_count_goes_on(volume: Volume) -> None:
    # A folder in its place, which no file can take.
    (volume.studio_dir / "releases/starts.json").mkdir()
    told: list[str] = []
    launcher = Launcher(volume, told.append, volume.studio_dir / "control.sock")
    for _ in range(FAILED_STARTS):
        assert launcher.start().choice.release == OLD
        launcher.ended(1.0, asked=False)
    assert launcher.start().choice.safe_mode
    assert any("takes no note of a start" in line for line in told)


def test_a_release_that_hangs_once_it_serves_is_left_when_the_container_is_restarted_each_time(
    volume: Volume,
) -> None:
    served = volume.studio_dir / "control.sock"
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    ran = []
    for _ in range(TRIES + 2):
        launcher = life(volume)
        ran.append(launcher.start().choice.release)
        served.touch()
        launcher.stopping()
    assert ran == [*[NEW] * (TRIES + 1), OLD]
    assert read_rolled_back(volume.studio_dir) is not None
