"""Makes a release ready and switches to it, in steps; each is told before it begins.

Nothing that runs is touched before the last three: a failure, a full disk or a kill earlier leaves
a folder that nobody names, which the next staging removes.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from boot.arming import arm, disarm
from boot.first_release import stage_copy
from boot.releases import RELEASES, ReleaseUnusable, names, read_current, switch
from boot.staging import StagingBusy, publish, staging
from studio.clients.rehearsal import Place, read_schema, rehearse
from studio.clients.supervisor import Supervisor, SupervisorRefused, SupervisorUnavailable
from studio.clock import Clock
from studio.errors import StudioError, UpdateRefused
from studio.services.update_source import Allowed, Candidate, UpdateSource
from studio.store.db import Database
from studio.store.migrations import MIGRATIONS
from studio.store.rehearsal import copy_database, min_writer, min_writer_of
from studio.store.release_tree import disk_refusal

log = logging.getLogger(__name__)

STEPS: Final = (
    "fetch", "verify", "stage", "import", "copy", "rehearse", "publish", "arm", "switch", "restart",
)  # fmt: skip
STAGED: Final = ".incoming"
_SCRATCH: Final = ".rehearsal"
_SOCKETS: Final = "rehearsal"
_IMPORT_S: Final = 120.0
_REHEARSE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Site:
    """The folders of an update: all state, sockets, snapshots, and the image's own copy."""

    studio_dir: Path
    run_dir: Path
    backups_dir: Path
    app_dir: Path

    def place(self, release: Path) -> Place:
        """Where ``release`` is tried."""
        scratch = self.studio_dir / RELEASES / _SCRATCH
        return Place(release, self.app_dir, scratch, self.run_dir / _SOCKETS)


class UpdateWork:
    """The steps from a commit to a Studio that runs it.

    Args:
        supervisor: bootstrap, which starts Studio again.
        tell: called with the name of each step before it begins.
        engines: names of the engines that are ready now.
    """

    def __init__(
        self,
        *,
        site: Site,
        db: Database,
        clock: Clock,
        supervisor: Supervisor | None,
        tell: Callable[[str], None],
        engines: Callable[[], Sequence[str]],
    ) -> None:
        self._site = site
        self._db = db
        self._clock = clock
        self._supervisor = supervisor
        self._tell = tell
        self._engines = engines

    async def install(
        self,
        source: UpdateSource,
        commit: str,
        tags: Mapping[str, str],
        allowed: Allowed,
    ) -> None:
        """Fetch the release of ``commit``, try it, and switch to it.

        Raises:
            StudioError: it is not taken; what ran goes on.
        """
        self._require_supervisor()
        self._tell("fetch")
        found = await asyncio.to_thread(source.find)
        self._tell("verify")
        if found.commit != commit:
            raise UpdateRefused(
                "moved",
                f"{found.ref} is now {found.commit[:12]}, not the {commit[:12]} that was looked "
                "at. Check again.",
            )
        source.judge(found, tags, allowed)
        try:
            with staging(self._site.studio_dir) as folder:
                await self._prepare(source, found, folder)
        except StagingBusy as error:
            raise UpdateRefused("busy", str(error)) from error
        except OSError as error:
            raise disk_refusal(error) from error
        await self._change_to(found.release)

    async def return_to(self, release: str) -> None:
        """Switch to a release on the volume that was good before.

        Raises:
            StudioError: it cannot write this database, or does not start; what ran goes on.
        """
        self._require_supervisor()
        self._tell("import")
        try:
            await self._require_schema(self._site.studio_dir / RELEASES / release)
        except OSError as error:
            raise disk_refusal(error) from error
        await self._change_to(release)

    async def use_image(self, commit: str | None) -> None:
        """Make the image's own copy a release, try it, and switch to it.

        Raises:
            StudioError: as ``install``.
        """
        self._require_supervisor()
        self._tell("stage")
        site = self._site
        try:
            release = await asyncio.to_thread(stage_copy, site.studio_dir, site.app_dir, commit)
            await self._try(site.studio_dir / RELEASES / release)
        except StagingBusy as error:
            raise UpdateRefused("busy", str(error)) from error
        except ReleaseUnusable as error:
            raise UpdateRefused("incomplete", f"The image's copy is no release: {error}") from error
        except OSError as error:
            raise disk_refusal(error) from error
        await self._change_to(release)

    def prune(self, keep: set[str | None]) -> None:
        """Remove releases that nobody goes back to. Blocks."""
        with staging(self._site.studio_dir) as folder:
            for name in set(names(self._site.studio_dir)) - keep:
                # A half removed one must not look like a release.
                doomed = folder / f".{name}"
                (folder / name).rename(doomed)
                shutil.rmtree(doomed)

    async def _prepare(self, source: UpdateSource, found: Candidate, folder: Path) -> None:
        staged = folder / STAGED
        self._tell("stage")
        await asyncio.to_thread(source.stage, found, staged)
        await self._try(staged)
        self._tell("publish")
        release = folder / found.release
        if release.exists():
            if found.release == read_current(self._site.studio_dir):
                raise UpdateRefused("installed", f"{found.release} runs already.")
            await asyncio.to_thread(shutil.rmtree, release)
        await asyncio.to_thread(publish, staged, found.release)

    async def _try(self, release: Path) -> None:
        self._tell("import")
        await self._require_schema(release)
        place = self._site.place(release)
        try:
            self._tell("copy")
            copy = place.studio_dir / "db" / "studio.db"
            await copy_database(self._db, self._site.backups_dir, self._clock, copy)
            self._tell("rehearse")
            await rehearse(place, timeout_s=_REHEARSE_S, judge=lambda: _require_way_back(copy))
        finally:
            await asyncio.to_thread(shutil.rmtree, place.scratch, ignore_errors=True)

    async def _require_schema(self, release: Path) -> None:
        schema = await read_schema(self._site.place(release), timeout_s=_IMPORT_S)
        oldest = await min_writer(self._db)
        if schema < oldest:
            raise UpdateRefused(
                "schema",
                f"That release writes schema {schema}, and the database needs {oldest} or newer. "
                "Going back further would lose what was stored since.",
            )

    async def _change_to(self, release: str) -> None:
        root = self._site.studio_dir
        armed = False
        try:
            previous = read_current(root)
            self._tell("arm")
            arm(root, release, previous, self._engines())
            armed = True
            self._tell("switch")
            switch(root, release)
            self._tell("restart")
            await self._restart()
        except (OSError, ReleaseUnusable, StudioError) as error:
            if armed:
                _undo(root, previous)
            if isinstance(error, OSError):
                raise disk_refusal(error) from error
            if isinstance(error, ReleaseUnusable):
                raise UpdateRefused("damaged", str(error)) from error
            raise

    def _require_supervisor(self) -> None:
        if self._supervisor is None:
            raise UpdateRefused("unsupervised", "Bootstrap is not there to start Studio again.")

    async def _restart(self) -> None:
        assert self._supervisor is not None
        try:
            await self._supervisor.signal("studio", "TERM")
        except (SupervisorUnavailable, SupervisorRefused) as error:
            raise UpdateRefused("unsupervised", f"Studio was not restarted: {error}") from error


def _undo(root: Path, previous: str | None) -> None:
    """Name again what runs. Where the volume refuses even that, the trial goes on as begun."""
    try:
        switch(root, previous)
        disarm(root)
    except (OSError, ReleaseUnusable) as error:
        log.error("what was switched to cannot be taken back: %s", error)


async def _require_way_back(migrated: Path) -> None:
    """What runs now has to open the database that the release leaves, if that is left again."""
    oldest = await asyncio.to_thread(min_writer_of, migrated)
    if oldest > len(MIGRATIONS):
        raise UpdateRefused(
            "schema",
            f"After that release only releases with schema {oldest} or newer could open the "
            f"database, and what runs now has {len(MIGRATIONS)}: there would be no way back. "
            f"Update to the first release with schema {oldest} that leaves one, then to this.",
        )
