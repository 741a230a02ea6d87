"""How downloads go, told to the feed while somebody reads it: at most five times a second."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict
from typing import Any, Final

from studio.errors import NotFound, StudioError
from studio.services.download_line import download_body
from studio.services.downloads import LIMITS, Downloads
from studio.services.feed import Feed
from studio.services.news import Topic

log = logging.getLogger(__name__)

TELL_EVERY_S: Final = 0.2


class DownloadNews:
    """What changed is told once to everybody; how far the active ones are, as a state."""

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

    async def snapshot(self) -> dict[str, Any]:
        """All that have not ended, the latest that have, and the limits."""
        found = await self._downloads.list()
        return {
            "items": [download_body(one) for one in found],
            "limits": asdict(self._downloads.limits),
        }

    def _note(self, download_id: str) -> None:
        if self._task is not None:
            self._changed.add(download_id)

    async def _tell(self) -> None:
        before: list[dict[str, Any]] = []
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
                self._feed.tell(Topic.DOWNLOADS, "changed", changed)
                continue
            active = [download_body(one) for one in self._downloads.active()]
            if active != before:
                self._feed.tell_state("downloads", Topic.DOWNLOADS, "progress", {"items": active})
            before = active

    async def _what_changed(self, ids: set[str]) -> dict[str, Any]:
        items: list[dict[str, Any]] = []
        gone: list[str] = []
        for download_id in sorted(ids - {LIMITS}):
            try:
                items.append(download_body(await self._downloads.get(download_id)))
            except NotFound:
                gone.append(download_id)
        return {"items": items, "gone": gone, "limits": asdict(self._downloads.limits)}
