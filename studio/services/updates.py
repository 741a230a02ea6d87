"""Updates as the owner sees them: what runs, what there is, what is done, and the way back."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, Final

from boot.arming import RolledBack, Trial, forget_rolled_back, read_good, read_rolled_back
from boot.releases import RELEASES, ReleaseUnusable, names, read_version
from boot.staging import StagingBusy
from studio.clock import Clock, iso
from studio.errors import StorageUnavailable, StudioError, UpdateRefused
from studio.models import Identity, Record
from studio.services.health import HealthService
from studio.services.update_failure import Failure, told_of
from studio.services.update_image import ImageOffer
from studio.services.update_source import Allowed, Candidate, Installed, UpdateSource
from studio.services.update_work import STEPS, Site, UpdateWork
from studio.store.prefs import PrefStore
from studio.update_settings import UpdateSettings

log = logging.getLogger(__name__)

_TAGS: Final = "update_tags"
_TOLD: Final = "update_rollback_told"
_MOST_TAGS: Final = 200
TAKEN_BACK: Final = "the last update was taken back"
"""In ``/ready``, which is for everybody; the owner is told which and why."""
_FIRST_CHECK_S: Final = 60.0
_HOUR_S: Final = 3600.0


class UpdateService:
    """One piece of work at a time; it goes on whether its asker waits or not.

    Args:
        source: ``None`` without a REPO_URL.
        check_hours: hours between checks by itself; 0 is never.
        trial: what is on trial now.
        untried: a release that was to be started, and was not.
        make_work: the steps, told to the given listener.
    """

    def __init__(
        self,
        *,
        settings: UpdateSettings,
        installed: Installed,
        image: ImageOffer,
        site: Site,
        source: UpdateSource | None,
        check_hours: int,
        prefs: PrefStore,
        clock: Clock,
        health: HealthService,
        record: Record,
        trial: Callable[[], Trial | None],
        untried: str | None,
        make_work: Callable[[Callable[[str], None]], UpdateWork],
    ) -> None:
        self._settings = settings
        self._installed = installed
        self._image = image
        self._site = site
        self._source = source
        self._check_hours = check_hours
        self._prefs = prefs
        self._clock = clock
        self._health = health
        self._record = record
        self._trial = trial
        self._untried = untried
        self._work = make_work(self._at)
        self._tags: dict[str, str] = {}
        self._found: Candidate | None = None
        self._refused: UpdateRefused | None = None
        self._checked_at: int | None = None
        self._check_error: StudioError | None = None
        self._rolled_back: RolledBack | None = None
        self._failure: Failure | None = None
        self._doing: dict[str, Any] | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Remember what was seen before, and tell once what bootstrap did meanwhile."""
        await self._image.open()
        self._tags = json.loads(await self._prefs.get(_TAGS) or "{}")
        if self._untried is not None:
            why = "The volume took no note of the try, so the release was not started."
            at = self._clock.now_ms()
            self._fail(Failure("update", "restart", StorageUnavailable.code, why, at))
            self._record(None, "update.failed", self._untried, step="restart", why=why)
        self._rolled_back = found = read_rolled_back(self._site.studio_dir)
        if found is None:
            return
        self._health.note(TAKEN_BACK)
        told = str(found.at)
        if await self._prefs.get(_TOLD) != told:
            await self._prefs.put(_TOLD, told)
            self._record(None, "update.rolled_back", found.release, why=found.why)

    async def run(self) -> None:
        """Check now and then; the body of a task."""
        if self._source is None or not self._check_hours:
            return
        await asyncio.sleep(_FIRST_CHECK_S)
        while True:
            if self._doing is None:
                try:
                    await self.check()
                except StudioError as error:
                    log.warning("updates cannot be checked for: %s", error.message)
                except Exception:
                    log.exception("updates cannot be checked for")
            await asyncio.sleep(self._check_hours * _HOUR_S)

    async def stop(self) -> None:
        """Leave what is being done where it is: nothing that runs has been touched."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def check(self) -> None:
        """Look what the repository has.

        Raises:
            StudioError: it cannot be reached, or has no release.
        """
        source = self._require_source()
        self._checked_at = self._clock.now_ms()
        try:
            found = await asyncio.to_thread(source.find)
        except Exception as error:  # noqa: BLE001 - the owner is told of it, whatever it is
            self._check_error = told_of(error)
            raise self._check_error from None
        self._check_error, self._refused = None, None
        before, self._found = self._found, found
        try:
            source.judge(found, self._tags, Allowed(unsigned=True))
        except UpdateRefused as refused:
            self._refused = refused
        if found.tag is not None and found.tag not in self._tags:
            newest = list(self._tags.items())[-_MOST_TAGS:]
            self._tags = {**dict(newest), found.tag: found.commit}
            await self._prefs.put(_TAGS, json.dumps(self._tags))
        is_news = before is None or before.commit != found.commit
        if is_news and self._is_new(found) and self._refused is None:
            self._record(None, "update.found", found.release)

    def apply(self, identity: Identity, commit: str, allowed: Allowed) -> None:
        """Begin to install the release of ``commit``, which a check has shown.

        Raises:
            UpdateRefused: it is not the one that was shown, or something else is being done.
        """
        source, found = self._require_source(), self._found
        if found is None or found.commit != commit:
            raise UpdateRefused("moved", "That is not what the last check found. Check again.")
        if not self._is_new(found):
            raise UpdateRefused("installed", f"{found.release} runs already.")
        source.judge(found, self._tags, allowed)
        self._begin(
            identity,
            "update",
            found.release,
            self._work.install(source, commit, self._tags, allowed),
        )

    def go_back(self, identity: Identity) -> None:
        """Begin to go back to the release that was good before.

        Raises:
            UpdateRefused: there is none, or something else is being done.
        """
        release = self.previous()
        if release is None:
            raise UpdateRefused("no_previous", "There is no earlier release to go back to.")
        self._begin(identity, "back", release, self._work.return_to(release))

    def use_image(self, identity: Identity) -> None:
        """Begin to change to the image's own copy.

        Raises:
            UpdateRefused: it is no newer one, or something else is being done.
        """
        version = self._image.version
        if version is None or not self._image.is_newer:
            raise UpdateRefused("installed", "The image has no newer version.")
        work = self._work.use_image(self._settings.commit)
        self._begin(identity, "image", version.version, work)

    def dismiss(self) -> None:
        """The owner knows of the last roll-back and of what failed."""
        if self._rolled_back is not None:
            self._health.withdraw(TAKEN_BACK)
            forget_rolled_back(self._site.studio_dir)
        self._rolled_back = self._failure = None

    async def note_good(self, trial: Trial) -> None:
        """The release on trial is kept: older ones are not gone back to any more."""
        self._record(None, "update.finished", trial.release)
        self.dismiss()
        try:
            await self._image.note_good(trial)
            await asyncio.to_thread(self._work.prune, {trial.release, trial.previous})
        except (OSError, StagingBusy, StudioError) as error:
            log.warning("what was left is not cleared away: %s", error)

    def previous(self) -> str | None:
        """The release that was good before this one, while it is on the volume."""
        good = read_good(self._site.studio_dir)
        if good is None or good.release != self._settings.release:
            return None
        return good.previous if good.previous in names(self._site.studio_dir) else None

    def status(self) -> dict[str, Any]:
        """The answer of ``/api/system/updates``."""
        installed, trial, rolled_back = self._installed, self._trial(), self._rolled_back
        back, doing = self.previous(), self._doing
        return {
            "managed": self._settings.is_managed,
            "repository": self._settings.repo_url if self._source else None,
            "ref": self._settings.repo_ref if self._source else None,
            "check_hours": self._check_hours,
            "installed": {
                "release": installed.release,
                "commit": installed.commit,
                **asdict(installed.version),
            },
            "image": None
            if self._image.version is None
            else {"version": self._image.version.version, "is_newer": self._image.is_newer},
            "previous": None if back is None else {"release": back, "version": self._version(back)},
            "checked_at": None if self._checked_at is None else iso(self._checked_at),
            "check_error": _error(self._check_error),
            "available": self._available(),
            "work": doing and {**doing, "steps": list(STEPS)},
            "failure": None
            if self._failure is None
            else {**asdict(self._failure), "at": iso(self._failure.at)},
            "trial": trial
            and {"release": trial.release, "previous": trial.previous, "failing": trial.failing},
            "rolled_back": rolled_back
            and {**asdict(rolled_back), "at": iso(round(rolled_back.at * 1000))},
        }

    def _available(self) -> dict[str, Any] | None:
        found = self._found
        if found is None or not self._is_new(found):
            return None
        own = self._installed.version.components
        return {
            "release": found.release,
            "ref": found.ref,
            "commit": found.commit,
            "committed_at": iso(found.committed_at * 1000),
            "trust": found.trust,
            "version": found.version.version,
            "min_runtime": found.version.min_runtime,
            "components": [
                {"name": name, "from": own.get(name), "to": to}
                for name, to in found.version.components.items()
            ],
            "changes": found.changes,
            "is_older": found.is_older,
            "refused": _error(self._refused),
        }

    def _begin(
        self, identity: Identity, kind: str, subject: str, work: Coroutine[Any, Any, None]
    ) -> None:
        if self._doing is not None:
            work.close()
            raise UpdateRefused("busy", "Another update is being made.")
        if self._trial() is not None:
            work.close()
            raise UpdateRefused("on_trial", "The release that runs has yet to prove itself.")
        self._failure = None
        at = iso(self._clock.now_ms())
        self._doing = {"kind": kind, "subject": subject, "step": "", "at": at}
        self._record(identity.user_id, "update.started", subject, what=kind)
        self._task = asyncio.create_task(self._do(kind, subject, work))

    async def _do(self, kind: str, subject: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the owner waits for an end, whatever it is
            told, step = told_of(error), str(self._doing and self._doing["step"])
            self._doing = None
            self._fail(Failure(kind, step, told.code, told.message, self._clock.now_ms()))
            self._record(None, "update.failed", subject, step=step, why=told.message)
        except BaseException:
            self._doing = None
            raise

    def _fail(self, failure: Failure) -> None:
        log.warning("the update failed at %s: %s", failure.step, failure.message)
        self._failure = failure

    def _at(self, step: str) -> None:
        if self._doing is not None:
            self._doing = {**self._doing, "step": step}

    def _is_new(self, found: Candidate) -> bool:
        return self._installed.commit is None or not found.commit.startswith(self._installed.commit)

    def _version(self, release: str) -> str | None:
        try:
            return read_version(self._site.studio_dir / RELEASES / release).version
        except ReleaseUnusable:
            return None

    def _require_source(self) -> UpdateSource:
        if not self._settings.is_managed:
            raise UpdateRefused(
                "unmanaged", "This Studio runs from a clone; update it with git pull."
            )
        if self._source is None:
            raise UpdateRefused("no_repository", "REPO_URL does not say where releases come from.")
        return self._source


def _error(error: StudioError | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {"code": error.code, "message": error.message, "details": error.details}
