"""Whether the image has a newer copy of the application than the release that runs.

A release on the volume goes on running when the container gets a newer image, so somebody has to
say that there is one. The version alone does not tell: one image of a version replaces another.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from boot.arming import Trial
from boot.first_release import copy_name
from boot.releases import ReleaseUnusable, Version
from studio.services.update_source import Installed, UpdateSource, order
from studio.store.prefs import PrefStore
from studio.update_settings import UpdateSettings

log = logging.getLogger(__name__)

_LEFT: Final = "update_copies_left"
_MOST_LEFT: Final = 100


class ImageOffer:
    """The image's own copy, as something that the owner can change to.

    Args:
        version: of the image's copy; ``None`` where releases are not chosen on a volume.
        app_dir: where it is.
        source: knows when commits were made that it fetched; ``None`` without a REPO_URL.
    """

    def __init__(
        self,
        version: Version | None,
        *,
        settings: UpdateSettings,
        installed: Installed,
        app_dir: Path,
        source: UpdateSource | None,
        prefs: PrefStore,
    ) -> None:
        self.version = version
        self.is_newer = False
        self._settings = settings
        self._installed = installed
        self._app_dir = app_dir
        self._source = source
        self._prefs = prefs
        self._release: str | None = None
        self._left: Sequence[str | None] = ()

    async def open(self) -> None:
        """Find out which release the copy would be, and whether it is newer than what runs."""
        if self.version is None or self._installed.release is None:
            return
        self._left = json.loads(await self._prefs.get(_LEFT) or "[]")
        try:
            self._release = await asyncio.to_thread(copy_name, self._app_dir, self._settings.commit)
        except (OSError, ReleaseUnusable, ValueError) as error:
            log.warning("the image's copy cannot be told from others: %s", error)
        await self._look()
        if self.is_newer:
            log.info("the image has a newer copy than the release that runs: %s", self._release)

    async def note_good(self, trial: Trial) -> None:
        """What was left for another release is not offered again, at the same version."""
        names = dict.fromkeys([*self._left, trial.previous, self._release])
        self._left = [name for name in names if name not in (None, trial.release)][-_MOST_LEFT:]
        await self._look()
        await self._prefs.put(_LEFT, json.dumps(self._left))

    async def _look(self) -> None:
        own, version = self._installed, self.version
        if version is not None and own.release is not None:
            here, runs = order(version.version), order(own.version.version)
            self.is_newer = here > runs or (here == runs and await self._is_another())

    async def _is_another(self) -> bool:
        """It is not what runs, was not left for that, and is not known to be older."""
        name = self._release
        if name is None or name == self._installed.release or name in self._left:
            return False
        image_at = self._settings.committed_at or await self._committed_at(self._settings.commit)
        own_at = await self._committed_at(self._installed.commit)
        return image_at is None or own_at is None or image_at > own_at

    async def _committed_at(self, commit: str | None) -> int | None:
        if self._source is None or commit is None:
            return None
        return await asyncio.to_thread(self._source.committed_at, commit)
