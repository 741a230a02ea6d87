"""A release on trial, as bootstrap sees it: tries are counted before, verdicts survive anything."""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from boot.arming import (
    TRIES,
    arm,
    disarm,
    give_up,
    mark_good,
    put_off,
    read_good,
    read_rolled_back,
    read_trial,
    write_trial,
)
from boot.launch import Launcher, Volume, launch
from boot.releases import FAILED_STARTS, ReleaseUnusable, read_current, switch
from tests.unit.release_volume import NEW, OLD
from tests.unit.release_volume import volume as volume


def start(volume: Volume) -> str | None:
    """Which release one start runs."""
    return launch(volume, lambda _: None).choice.release


def test_a_release_on_trial_is_started_three_times_and_then_left(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    left = []
    for _ in range(TRIES):
        assert start(volume) == NEW
        trial = read_trial(volume.studio_dir)
        assert trial is not None
        left.append(trial.tries)
    assert left == [2, 1, 0]
    assert start(volume) == OLD
    assert (read_current(volume.studio_dir), read_trial(volume.studio_dir)) == (OLD, None)
    told = read_rolled_back(volume.studio_dir)
    assert told is not None and told.release == NEW and "It ended" in told.why
    assert start(volume) == OLD


def test_a_try_is_on_the_disk_before_the_release_is_started(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    said = launch(volume, lambda _: None)
    assert said.trial is not None and said.trial.tries == TRIES - 1
    stored = json.loads((volume.studio_dir / "releases/armed.json").read_text())
    assert stored["tries"] == TRIES - 1


def test_a_try_that_cannot_be_counted_is_not_taken(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("boot.launch.write_trial", refuse)
    assert start(volume) == OLD
    assert read_current(volume.studio_dir) == NEW
    monkeypatch.undo()
    assert start(volume) == NEW


def test_who_was_killed_between_arming_and_switching_has_tried_nothing(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, OLD)
    assert start(volume) == OLD
    trial = read_trial(volume.studio_dir)
    assert trial is not None and trial.tries == TRIES


def test_a_release_that_was_called_good_has_no_trial(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, OLD, ["comfyui"])
    switch(volume.studio_dir, NEW)
    trial = launch(volume, lambda _: None).trial
    assert trial is not None and trial.engines == ("comfyui",)
    mark_good(volume.studio_dir, trial)
    for _ in range(TRIES + 1):
        assert start(volume) == NEW
    good = read_good(volume.studio_dir)
    assert good is not None and (good.release, good.previous) == (NEW, OLD)


def test_one_that_is_given_up_says_why(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    trial = launch(volume, lambda _: None).trial
    assert trial is not None
    give_up(volume.studio_dir, trial, "The page is empty.")
    assert start(volume) == OLD
    told = read_rolled_back(volume.studio_dir)
    assert told is not None and told.why == "The page is empty."


def test_going_back_to_the_images_own_copy_takes_the_link_away(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, None)
    switch(volume.studio_dir, NEW)
    for _ in range(TRIES):
        start(volume)
    found = launch(volume, lambda _: None)
    assert (found.folder, found.choice.release) == (volume.app_dir, None)
    assert read_current(volume.studio_dir) is None


def test_a_roll_back_that_was_cut_short_is_done_again(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    for _ in range(TRIES):
        start(volume)

    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("boot.arming.switch", refuse)
    assert start(volume) == OLD
    assert read_current(volume.studio_dir) == NEW
    monkeypatch.undo()
    assert start(volume) == OLD
    assert read_current(volume.studio_dir) == OLD


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"release": "../../etc", "previous": null, "tries": 3}',
        '{"release": "1.1.0-bbbbbbbbbbbb", "previous": null, "tries": true}',
    ],
)
def test_a_trial_that_cannot_be_read_is_safe_mode_not_a_crash(volume: Volume, text: str) -> None:
    (volume.studio_dir / "releases/armed.json").write_text(text)
    with pytest.raises(ReleaseUnusable):
        read_trial(volume.studio_dir)
    found = launch(volume, lambda _: None)
    assert found.choice.safe_mode and found.folder == volume.app_dir
    disarm(volume.studio_dir)
    assert start(volume) == OLD


def test_more_tries_than_there_are_count_as_no_more(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, OLD)
    path = volume.studio_dir / "releases/armed.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tries": 10**9}))
    trial = read_trial(volume.studio_dir)
    assert trial is not None and trial.tries == TRIES


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(
    volume: Volume, tmp_path: Path
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    releases = volume.studio_dir / "releases"
    (releases / "armed.json").symlink_to(victim)
    (releases / ".armed.json.new").symlink_to(victim)
    arm(volume.studio_dir, NEW, OLD)
    assert victim.read_text() == "untouched"
    assert not (releases / "armed.json").is_symlink()


def test_at_the_deadline_a_release_that_nobody_called_good_is_given_up(volume: Volume) -> None:
    launcher = Launcher(volume, lambda _: None, volume.studio_dir / "control.sock")
    assert (launcher.start(), launcher.deadline)[1] is None
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    launcher.start()
    first = launcher.deadline
    launcher.start()
    assert first is not None and launcher.deadline == first
    assert launcher.leave_late()
    assert launcher.start().choice.release == OLD
    told = read_rolled_back(volume.studio_dir)
    assert told is not None and "within 300 s" in told.why


def test_at_the_deadline_a_good_release_stays(volume: Volume) -> None:
    launcher = Launcher(volume, lambda _: None, volume.studio_dir / "control.sock")
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    trial = launcher.start().trial
    assert trial is not None
    mark_good(volume.studio_dir, trial)
    assert not launcher.leave_late()
    assert launcher.start().choice.release == NEW


def test_what_ends_early_again_and_again_is_left_until_somebody_asks_for_it(
    volume: Volume,
) -> None:
    served = volume.studio_dir / "control.sock"
    launcher = Launcher(volume, lambda _: None, served)

    def end_early(times: int) -> None:
        for _ in range(times):
            assert launcher.start().choice.release == OLD
            launcher.ended(1.0, asked=False)

    end_early(FAILED_STARTS - 1)
    launcher.start()
    served.touch()
    launcher.ended(1.0, asked=False)
    end_early(FAILED_STARTS - 1)
    launcher.start()
    launcher.ended(60.0, asked=False)
    end_early(FAILED_STARTS)
    for lifetime_s in (1.0, 3600.0):
        found = launcher.start()
        assert found.choice.safe_mode and OLD in found.choice.text
        launcher.ended(lifetime_s, asked=False)
    launcher.ended(1.0, asked=True)
    assert launcher.start().choice.release == OLD


def test_the_tries_of_a_trial_are_no_failed_starts_of_what_ran_before(volume: Volume) -> None:
    launcher = Launcher(volume, lambda _: None, volume.studio_dir / "control.sock")
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    for _ in range(TRIES):
        assert launcher.start().choice.release == NEW
        launcher.ended(1.0, asked=False)
    for _ in range(FAILED_STARTS):
        assert launcher.start().choice.release == OLD
        launcher.ended(1.0, asked=False)
    assert launcher.start().choice.safe_mode


def test_the_deadline_waits_while_studio_cannot_tell(volume: Volume) -> None:
    launcher = Launcher(volume, lambda _: None, volume.studio_dir / "control.sock")
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    launcher.start()
    put_off(volume.studio_dir)
    assert not launcher.leave_late()
    assert launcher.deadline is not None and launcher.deadline > time.monotonic()
    # Long ago, and by a clock that was wrong.
    for at in (time.time() - 1.0, time.time() + 86_400.0):
        os.utime(volume.studio_dir / "releases/armed.json", (at, at))
        trial = read_trial(volume.studio_dir)
        assert launcher.leave_late()
        assert trial is not None
        write_trial(volume.studio_dir, trial)


def test_a_container_that_is_stopped_uses_no_try_of_a_release_that_serves(volume: Volume) -> None:
    served = volume.studio_dir / "control.sock"
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    for _ in range(TRIES + 1):
        launcher = Launcher(volume, lambda _: None, served)
        assert launcher.start().choice.release == NEW
        served.touch()
        launcher.stopping()
        launcher.ended(1.0, asked=True)


@pytest.mark.parametrize("harm", ["it hangs", "it ended", "it fails"])
def test_a_container_that_is_stopped_gives_no_try_back_to_a_release_that_does_not_work(
    volume: Volume, harm: str
) -> None:
    served = volume.studio_dir / "control.sock"
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    for _ in range(TRIES):
        launcher = Launcher(volume, lambda _: None, served)
        assert launcher.start().choice.release == NEW
        if harm != "it hangs":
            served.touch()
        if harm == "it ended":
            launcher.ended(1.0, asked=False)
        if harm == "it fails":
            trial = read_trial(volume.studio_dir)
            assert trial is not None
            write_trial(volume.studio_dir, replace(trial, failing="The page is empty."))
        launcher.stopping()
    assert start(volume) == OLD


def test_a_kill_between_the_verdict_and_the_end_of_the_trial_keeps_the_good_release(
    volume: Volume, monkeypatch: pytest.MonkeyPatch
) -> None:
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    for _ in range(TRIES):
        trial = launch(volume, lambda _: None).trial
    assert trial is not None and trial.tries == 0

    def killed(_: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("boot.arming.disarm", killed)
        with pytest.raises(KeyboardInterrupt):
            mark_good(volume.studio_dir, trial)
    assert start(volume) == NEW
    assert read_trial(volume.studio_dir) is None
    assert read_rolled_back(volume.studio_dir) is None


def test_a_release_that_was_good_after_another_one_is_on_trial_again(volume: Volume) -> None:
    arm(volume.studio_dir, NEW, None)
    trial = read_trial(volume.studio_dir)
    assert trial is not None
    mark_good(volume.studio_dir, trial)
    arm(volume.studio_dir, NEW, OLD)
    switch(volume.studio_dir, NEW)
    assert launch(volume, lambda _: None).trial is not None
