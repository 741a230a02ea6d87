"""A release proves itself: it is kept once it has worked for a while, and left when it does not."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from boot.arming import Trial, disarm, give_up, mark_good, put_off, read_trial, write_trial
from boot.releases import ReleaseUnusable, read_current, switch
from studio.clients.comfy import EngineError
from studio.clients.rehearsal import Place, look_at_page, rehearse
from studio.clients.supervisor import Supervisor, SupervisorRefused, SupervisorUnavailable
from studio.clock import Clock
from studio.errors import DiskFull, StudioError
from studio.services.engine import Engine
from studio.services.engines import EngineService
from studio.store.prefs import PrefStore

log = logging.getLogger(__name__)

_TICK_S: Final = 5.0
_JOB_S: Final = 120.0
_ENGINE_S: Final = 3.0
_PREF: Final = "update_trial"


class EngineWatch:
    """Tells an engine that a release cannot use from one that is broken itself.

    Args:
        answering_s: so long one has to answer all the time and not be used until that counts.
    """

    def __init__(self, engines: Mapping[str, Engine], clock: Clock, *, answering_s: float) -> None:
        self._engines = engines
        self._clock = clock
        self._answering_s = answering_s
        self._unused_since_s: dict[str, float] = {}

    async def look(self, name: str) -> str:
        """Why the release is to blame; empty when it is not, or that cannot be said yet."""
        engine = self._engines.get(name)
        since_s = self._unused_since_s.pop(name, None)
        now_s = self._clock.monotonic_s()
        if engine is None or engine.ready or now_s < engine.rests_until_s:
            return ""
        try:
            await engine.client.system_stats(timeout_s=_ENGINE_S)
        except EngineError:
            return ""
        since_s = self._unused_since_s[name] = now_s if since_s is None else since_s
        if now_s - since_s < self._answering_s:
            return ""
        return f"The engine {name} answers, and Studio does not use it: {engine.reason}."


class UpdateTrial:
    """Looks at this very Studio until it has worked for ``hold_s`` without a break.

    Args:
        release: the one that runs, ``None`` for the image's own copy.
        url: where this Studio answers on this machine.
        place: where a job of its own is tried, without anybody's data.
        hold_s: how long it has to work; failing as long in one piece ends the trial at once.
        on_good: told once the release is kept.
    """

    def __init__(
        self,
        *,
        studio_dir: Path,
        release: str | None,
        url: str,
        place: Place,
        hold_s: float,
        clock: Clock,
        prefs: PrefStore,
        engines: EngineService,
        supervisor: Supervisor | None,
        on_good: Callable[[Trial], Awaitable[None]],
    ) -> None:
        self._studio_dir = studio_dir
        self._release = release
        self._url = url
        self._place = place
        self._hold_s = hold_s
        self._clock = clock
        self._prefs = prefs
        self._supervisor = supervisor
        self._on_good = on_good
        self._has_made_picture = False
        self._watch = EngineWatch(engines.engines, clock, answering_s=hold_s / 3)
        self.current: Trial | None = None
        """The trial that goes on."""
        self.untried: str | None = None
        """A release that was switched to, and that bootstrap could not start on trial."""

    def open(self) -> None:
        """Find out whether this start is one of a trial; one that never began is cleared away."""
        try:
            found = read_trial(self._studio_dir)
        except ReleaseUnusable as error:
            log.warning("the trial of a release cannot be read: %s", error)
            return
        if found is None or found.release == self._release:
            self.current = found
            return
        try:
            if read_current(self._studio_dir) == found.release:
                # Without its trial it would run at the next start, and nobody would look at it.
                self.untried = found.release
                switch(self._studio_dir, found.previous)
            disarm(self._studio_dir)
        except (OSError, ReleaseUnusable) as error:
            log.warning("the trial of %s is left to the next start: %s", found.release, error)

    async def run(self) -> None:
        """Look until there is a verdict; the body of a task."""
        if self.current is None:
            return
        # The first look tries a job, which may take long; it counts from its end.
        since_s, was_well = 0.0, None
        while True:
            try:
                wrong = await self._look(self.current)
            except DiskFull:
                # That says nothing about the release; there is no verdict before there is room.
                since_s = self._clock.monotonic_s()
                with contextlib.suppress(OSError):
                    put_off(self._studio_dir)
                await asyncio.sleep(_TICK_S)
                continue
            now_s = self._clock.monotonic_s()
            if (is_well := not wrong) is not was_well:
                since_s, was_well = now_s, is_well
            is_over = now_s - since_s >= self._hold_s
            self._note(wrong)
            if is_over and await (self._leave(wrong) if wrong else self._keep()):
                return
            await asyncio.sleep(min(_TICK_S, self._hold_s / 4))

    async def _look(self, trial: Trial) -> str:
        """What does not work; empty when everything does."""
        if wrong := await look_at_page(self._url):
            return wrong
        try:
            await self._prefs.put(_PREF, str(self._clock.now_ms()))
        except DiskFull:
            raise
        except StudioError as error:
            return f"The database takes nothing: {error.message}"
        for name in trial.engines:
            if wrong := await self._watch.look(name):
                return wrong
        if not self._has_made_picture:
            try:
                await rehearse(self._place, timeout_s=_JOB_S)
            except DiskFull:
                raise
            except StudioError as error:
                return error.message
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise DiskFull("The disk is full: no job could be tried.") from error
                return f"A job of its own could not be tried: {error.strerror}."
            self._has_made_picture = True
        return ""

    def _note(self, wrong: str) -> None:
        """Bootstrap has to know why, should this process not live to say it."""
        assert self.current is not None
        if wrong == self.current.failing:
            return
        if wrong:
            log.warning("the release on trial does not work: %s", wrong)
        try:
            fresh = read_trial(self._studio_dir)
            if fresh is not None and fresh.release == self._release:
                self.current = replace(fresh, failing=wrong)
                write_trial(self._studio_dir, self.current)
        except (OSError, ReleaseUnusable) as error:
            log.warning("that cannot be written down: %s", error)

    async def _keep(self) -> bool:
        assert self.current is not None
        trial = self.current
        try:
            mark_good(self._studio_dir, trial)
        except OSError as error:
            log.error("the release is good, and that cannot be stored: %s", error.strerror)
            return False
        self.current = None
        log.info("release %s is good", trial.release)
        await self._on_good(trial)
        return True

    async def _leave(self, why: str) -> bool:
        assert self.current is not None
        log.error("release %s is left again: %s", self.current.release, why)
        try:
            give_up(self._studio_dir, self.current, why)
            if self._supervisor is not None:
                await self._supervisor.signal("studio", "TERM")
        except (OSError, SupervisorUnavailable, SupervisorRefused) as error:
            log.error("that could not be asked for: %s", error)
            return False
        return True
