"""Updates, built in order: where releases come from, the steps, the trial of the one that runs."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from fastapi import APIRouter

import boot
from boot.releases import ReleaseUnusable, Version, read_version
from studio.clients.git import Git
from studio.clients.rehearsal import Place
from studio.clients.supervisor import Supervisor
from studio.household import Household
from studio.services.engines import EngineService
from studio.services.health import HealthService
from studio.services.update_image import ImageOffer
from studio.services.update_source import Installed, UpdateSource
from studio.services.update_trial import UpdateTrial
from studio.services.update_work import Site, UpdateWork
from studio.services.updates import UpdateService
from studio.store.prefs import PrefStore
from studio.web.updates_api import update_routes

_OWN_FOLDER: Final = Path(__file__).resolve().parents[1]
_APP_DIR: Final = Path(boot.__file__).resolve().parents[1]
"""Bootstrap always runs from the image's copy, and Studio uses its modules."""
REPOSITORY: Final = ".repo"


@dataclass(frozen=True, slots=True)
class Updating:
    """What the application needs of it."""

    updates: UpdateService
    trial: UpdateTrial
    git: Git | None

    def router(self) -> APIRouter:
        return update_routes(self.updates)

    def background(self) -> Sequence[tuple[str, Coroutine[Any, Any, None]]]:
        """What goes on for as long as Studio runs."""
        return (("update checks", self.updates.run()), ("update trial", self.trial.run()))

    async def close(self) -> None:
        """End what is being fetched, and leave the rest where it is."""
        if self.git is not None:
            self.git.close()
        await self.updates.stop()


async def open_updating(
    house: Household, *, engines: EngineService, health: HealthService
) -> Updating:
    """Read what is on the volume, and whether this start is one of a trial."""
    settings, clock, prefs = house.settings, house.clock, PrefStore(house.db)
    updates = settings.updates
    release = updates.release
    commit = updates.commit if release is None else release.rpartition("-")[2]
    installed = Installed(_OWN_FOLDER, release, _version(_OWN_FOLDER), commit)
    site = Site(settings.studio_dir, settings.run_dir, settings.backups_dir, _APP_DIR)
    git = None
    if updates.is_managed and updates.repo_url is not None:
        git = Git(settings.studio_dir / REPOSITORY, updates.repo_url, allow=settings.outbound_allow)
    supervisor = Supervisor.found(settings.run_dir)
    place = Place(
        _OWN_FOLDER, _APP_DIR, settings.studio_dir / "run" / "trial", settings.run_dir / "trial"
    )

    async def note_good(trial: Any) -> None:
        await service.note_good(trial)

    trial = UpdateTrial(
        studio_dir=settings.studio_dir,
        release=release,
        url=settings.own_url,
        place=place,
        hold_s=float(settings.update_trial_s),
        clock=clock,
        prefs=prefs,
        engines=engines,
        supervisor=supervisor,
        on_good=note_good,
    )
    if updates.is_managed:
        trial.open()
    source = None if git is None else UpdateSource(git, updates, installed)
    image = ImageOffer(
        _version(_APP_DIR) if updates.is_managed else None,
        settings=updates,
        installed=installed,
        app_dir=_APP_DIR,
        source=source,
        prefs=prefs,
    )
    service = UpdateService(
        settings=updates,
        installed=installed,
        image=image,
        site=site,
        source=source,
        check_hours=settings.update_check_hours,
        prefs=prefs,
        clock=clock,
        health=health,
        record=house.activity.record,
        trial=lambda: trial.current,
        untried=trial.untried,
        make_work=lambda tell: UpdateWork(
            site=site,
            db=house.db,
            clock=clock,
            supervisor=supervisor,
            tell=tell,
            engines=lambda: [name for name, each in engines.engines.items() if each.ready],
        ),
    )
    await service.open()
    return Updating(service, trial, git)


def _version(folder: Path) -> Version:
    try:
        return read_version(folder)
    except ReleaseUnusable:
        return Version("0", 0, {})
