"""How downloads go, told to the feed while somebody reads it: at most five times a second."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, Final

from studio.errors import NotFound, StudioError
from studio.models import Identity
from studio.services.download_line import DownloadView, download_body
from studio.services.downloads import LIMITS, Downloads
from studio.services.feed import Feed
from studio.services.news import Topic

log = logging.getLogger(__name__)

TELL_EVERY_S: Final = 0.2

_Parted = dict[str | None, list[dict[str, Any]]]
"""Downloads as clients see them, by who alone may: ``None`` is everybody."""


class DownloadNews:
    """What changed is told once to everybody who may see it; how far the active ones are, as a
    state.
    """

    def __init__(
        self, *, feed: Feed, downloads: Downloads, tell_every_s: float = TELL_EVERY_S
    ) -> None:
        self._feed = feed
        self._downloads = downloads
        self._tell_every_s = tell_every_s
        self._changed: set[str] = set()
        self._task: asyncio.Task[None] | None = None
        downloads.on_change(self._note)

    def wake(self) -> None:
        self._task = asyncio.create_task(self._tell(), name="download news")

    def sleep(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._changed.clear()

    async def snapshot(self, identity: Identity) -> dict[str, Any]:
        """All that have not ended, the latest that have, and the limits, as that caller sees it."""
        found = await self._downloads.list(by=identity)
        return {
            "items": [download_body(one) for one in found],
            "limits": asdict(self._downloads.limits),
        }

    def _note(self, download_id: str) -> None:
        if self._task is not None:
            self._changed.add(download_id)

    async def _tell(self) -> None:
        before: _Parted = {}
        while True:
            await asyncio.sleep(self._tell_every_s)
            if self._changed:
                ids, self._changed = self._changed, set()
                try:
                    changed = await self._what_changed(ids)
                except StudioError as error:
                    log.warning("what became of downloads cannot be told yet: %s", error.message)
                    self._changed |= ids
                    continue
                for whose, data in changed.items():
                    self._feed.tell(Topic.DOWNLOADS, "changed", data, user_id=whose)
                continue
            active = _parted(self._downloads.active())
            for whose in before.keys() | active.keys():
                items = active.get(whose, [])
                if items != before.get(whose, []):
                    about = f"downloads {whose or ''}"
                    told = {"items": items}
                    self._feed.tell_state(about, Topic.DOWNLOADS, "progress", told, user_id=whose)
            before = active

    async def _what_changed(self, ids: set[str]) -> dict[str | None, dict[str, Any]]:
        """What to tell, by whom alone: that the limits or ids have changed is everybody's."""
        found: list[DownloadView] = []
        gone: list[str] = []
        for download_id in sorted(ids - {LIMITS}):
            try:
                found.append(await self._downloads.get(download_id))
            except NotFound:
                gone.append(download_id)
        limits = asdict(self._downloads.limits)
        parted = {None: [], **_parted(found)} if gone or LIMITS in ids else _parted(found)
        return {
            whose: {"items": items, "gone": [] if whose else gone, "limits": limits}
            for whose, items in parted.items()
        }


def _parted(found: Iterable[DownloadView]) -> _Parted:
    parted: _Parted = {}
    for one in found:
        parted.setdefault(one.row.whose, []).append(download_body(one))
    return parted
