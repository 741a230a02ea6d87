"""Where Studio is started from, decided anew before each of its starts."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from boot.arming import (
    Owner,
    Trial,
    disarm,
    give_up,
    is_put_off,
    read_good,
    read_trial,
    roll_back,
    write_trial,
)
from boot.releases import (
    RELEASES,
    Choice,
    Found,
    ReleaseUnusable,
    choose,
    find,
)
from boot.starts import FailedStarts

_RETRY_S = 30.0
_EARLY_S = 20.0
_LOOK_S = 1.0


@dataclass(frozen=True)
class Volume:
    """What is needed to choose.

    Args:
        app_dir: the image's own copy of the application.
        runtime: ``RUNTIME_VERSION`` of the image.
        owner: who Studio runs as, when that is not this process's user.
        deadline_s: how long a release on trial may take until it is good, all tries together.
    """

    studio_dir: Path
    app_dir: Path
    runtime: int
    owner: Owner | None = None
    deadline_s: float = 300.0


@dataclass(frozen=True)
class Launch:
    """The folder that Studio is started from this time, and why.

    ``trial`` is set while its release has to prove itself.
    """

    folder: Path
    choice: Choice
    trial: Trial | None = None

    @property
    def env(self) -> dict[str, str]:
        """What Studio is told of it."""
        return {
            "STUDIO_RELEASE": self.choice.release or "",
            "STUDIO_SAFE_MODE": self.choice.text if self.choice.safe_mode else "",
        }


class Launcher:
    """Chooses before each start, and knows until when a release on trial has to be good.

    That time is for all its tries together, on a clock that nobody sets. Every other start counts
    as failed until Studio serves, or has lived for a while: on the disk, because whoever starts
    this process again and again would otherwise never reach an end of it.

    Args:
        served: the socket that Studio makes once it serves.
    """

    def __init__(self, volume: Volume, log: Callable[[str], None], served: Path) -> None:
        self._volume = volume
        self._log = log
        self._served = served
        self._starts = FailedStarts(volume.studio_dir, log, volume.owner)
        self._counted_at: float | None = None
        self._stopping = False
        self._last: Launch | None = None
        self.deadline: float | None = None
        """On the monotonic clock; None while nothing is on trial."""

    @property
    def is_on_trial(self) -> bool:
        """The release of the last start has to prove itself, or had to when it started."""
        return self._last is not None and self._last.trial is not None

    @property
    def look_at(self) -> float | None:
        """When ``is_late`` should be asked at the latest."""
        look = None if self._counted_at is None else time.monotonic() + _LOOK_S
        return min((at for at in (look, self.deadline) if at is not None), default=None)

    def is_late(self, now: float) -> bool:
        """A release on trial had its time; takes note of a Studio that serves."""
        counted_at = self._counted_at
        if counted_at is not None and (self._served.exists() or now - counted_at >= _EARLY_S):
            self._forget_failures()
        return self.deadline is not None and now >= self.deadline

    def start(self) -> Launch:
        """Where Studio is started from now."""
        self._forget_served()
        self._last = launch(self._volume, self._log, self._starts.count())
        self._counted_at = None
        if not (self.is_on_trial or self._last.choice.safe_mode):
            self._starts.set(self._starts.count() + 1)
            self._counted_at = time.monotonic()
        if not self.is_on_trial:
            self.deadline = None
        elif self.deadline is None:
            self.deadline = time.monotonic() + self._volume.deadline_s
        return self._last

    def ended(self, lifetime_s: float, *, asked: bool) -> None:
        """Take note of an end of Studio, or of a start that could not be.

        What does not start is left for the image's copy until somebody asks for a restart.
        """
        is_early = lifetime_s < _EARLY_S and not self._served.exists()
        was_counted, self._counted_at = self._counted_at is not None, None
        if (asked and not self._stopping) or (was_counted and not is_early):
            self._forget_failures()
        self._forget_served()

    def stopping(self) -> None:
        """The container ends: that takes no try off a release that serves, once in a trial.

        Whoever ends it may do so because the release hangs, and again after each start. The end is
        no failure of a release that serves; one that does not may be ended for that very reason.
        """
        self._stopping = True
        if not self._served.exists():
            return
        self._forget_failures()
        began = self._last.trial if self._last is not None else None
        if began is None:
            return
        try:
            trial = read_trial(self._volume.studio_dir)
            if trial is None or trial.failing or trial.release != began.release:
                return
            if trial.tries == began.tries and not trial.given_back:
                back = replace(trial, tries=trial.tries + 1, given_back=True)
                write_trial(self._volume.studio_dir, back, self._volume.owner)
        except (OSError, ReleaseUnusable) as error:
            self._log(f"the try of a trial is used up: {error}")

    def _forget_failures(self) -> None:
        self._counted_at = None
        self._starts.set(0)

    def _forget_served(self) -> None:
        with contextlib.suppress(OSError):
            # A killed Studio leaves it.
            self._served.unlink()

    def leave_late(self) -> bool:
        """At the deadline: whether Studio has to start again, from the release before.

        A release that was called good has no trial left.
        """
        self.deadline = None
        began = self._last.trial if self._last is not None else None
        try:
            trial = read_trial(self._volume.studio_dir)
            if began is None or trial is None or trial.release != began.release:
                return False
            if is_put_off(self._volume.studio_dir):
                self.deadline = time.monotonic() + self._volume.deadline_s
                self._log(f"release {trial.release} has more time, the disk is full")
                return False
            late = f"It was not found to work within {self._volume.deadline_s:.0f} s."
            why = f"{late} {trial.failing}".strip()
            give_up(self._volume.studio_dir, trial, why, self._volume.owner)
        except (OSError, ReleaseUnusable) as error:
            self._log(f"a trial cannot be ended: {error}")
            self.deadline = time.monotonic() + _RETRY_S
            return False
        self._log(f"release {trial.release} was not called good in time")
        return True


def launch(volume: Volume, log: Callable[[str], None], failed_starts: int = 0) -> Launch:
    """Choose the folder for one start of Studio; counts a try of a trial, or goes back."""
    trial, damaged = None, ""
    try:
        trial = read_trial(volume.studio_dir)
    except ReleaseUnusable as error:
        damaged = str(error)
    good = read_good(volume.studio_dir)
    if trial and good and (good.release, good.previous) == (trial.release, trial.previous):
        # It was called good, and whoever did was killed before the trial was cleared away.
        with contextlib.suppress(OSError):
            disarm(volume.studio_dir)
        trial = None
    found = find(
        volume.studio_dir,
        runtime=volume.runtime,
        armed=trial,
        damaged=damaged,
        failed_starts=failed_starts,
    )
    choice = choose(found)
    if choice.reason == "armed" and trial is not None:
        choice, trial = _spend(volume, found, trial, log)
    elif trial is not None and choice.reason in ("rolled_back", "exhausted"):
        try:
            roll_back(volume.studio_dir, trial, volume.owner)
        except (OSError, ReleaseUnusable) as error:
            # It is done again before the next start; what matters now is what runs.
            log(f"the volume does not take down which release runs: {error}")
    if choice.safe_mode:
        log(f"safe mode, the image's own copy runs: {choice.text}")
    elif choice.release is None:
        log(f"the image's own copy runs: {choice.text}")
    else:
        log(f"release {choice.release} runs: {choice.text}")
    name = choice.release
    folder = volume.app_dir if name is None else volume.studio_dir / RELEASES / name
    return Launch(folder, choice, trial if choice.reason == "armed" else None)


def _spend(
    volume: Volume, found: Found, trial: Trial, log: Callable[[str], None]
) -> tuple[Choice, Trial]:
    """Take one try off, on the disk; a try that cannot be counted might be repeated for ever."""
    spent = replace(trial, tries=trial.tries - 1)
    try:
        write_trial(volume.studio_dir, spent, volume.owner)
    except OSError as error:
        log(f"release {trial.release} is not tried, the volume takes no note: {error.strerror}")
        spent = replace(trial, tries=0)
        return choose(replace(found, armed=spent)), spent
    left = "the last try" if not spent.tries else f"{spent.tries} more tries are left"
    log(f"release {trial.release} is on trial, {left}")
    return choose(found), spent
