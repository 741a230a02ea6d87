"""What happens beside jobs, told to the system's webhooks: downloads, engines, disks.

Nothing is looked at while nobody wants to hear of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from studio.clock import Clock, new_id
from studio.errors import NotFound, StudioError
from studio.services.download_line import download_body
from studio.services.downloads import LIMITS, Downloads
from studio.store.downloads import DownloadState
from studio.store.outbox import Outbox

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5
DISK_EVERY_S: Final = 300.0
_DISK: Final = "disk.low"
_MAX_REASON: Final = 500
_RETRY_S: Final = 2.0
_DOWNLOADS: Final = {
    DownloadState.QUEUED: "download.queued",
    DownloadState.DOWNLOADING: "download.started",
    DownloadState.DONE: "download.done",
    DownloadState.FAILED: "download.failed",
    DownloadState.CANCELED: "download.canceled",
}

Engines = Callable[[], Sequence[Mapping[str, Any]]]
Volumes = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]


class WebhookNews:
    """Compares what is with what was.

    Args:
        engines: every engine as the owner sees it.
        volumes: every disk with its ``level``, ``None`` while it has room.
    """

    def __init__(
        self,
        *,
        outbox: Outbox,
        downloads: Downloads,
        engines: Engines,
        volumes: Volumes,
        clock: Clock,
        look_every_s: float = LOOK_EVERY_S,
        disk_every_s: float = DISK_EVERY_S,
    ) -> None:
        self._outbox = outbox
        self._downloads = downloads
        self._engines = engines
        self._volumes = volumes
        self._clock = clock
        self._look_every_s = look_every_s
        self._disk_every_s = disk_every_s
        self._changed: dict[str, None] = {}
        self._told: dict[str, DownloadState] = {}
        self._filled = asyncio.Event()
        downloads.on_change(self._note)

    # -- downloads -------------------------------------------------------------------------------

    def _note(self, download_id: str) -> None:
        if download_id != LIMITS and any(map(self._outbox.hears, _DOWNLOADS.values())):
            self._changed[download_id] = None
            self._filled.set()

    async def watch_downloads(self) -> None:
        """Tell what became of downloads; the body of a task."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            ids, self._changed = list(self._changed), {}
            while ids:
                try:
                    await self._tell_download(ids[0])
                except StudioError as error:
                    log.warning("webhooks do not hear of a download yet: %s", error.message)
                    await asyncio.sleep(_RETRY_S)
                else:
                    del ids[0]

    async def _tell_download(self, download_id: str) -> None:
        try:
            view = await self._downloads.get(download_id)
        except NotFound:
            self._told.pop(download_id, None)
            return
        state = view.row.state
        kind = _DOWNLOADS.get(state)
        if kind is None or self._told.get(download_id) is state:
            return
        # Of each end once; the other states have nothing that tells one time from the next.
        time = view.row.ended_at or new_id()
        await self._outbox.tell(
            kind,
            download_body(view),
            key=f"{kind} {download_id} {time}",
            lane=download_id,
            at_ms=self._clock.now_ms(),
        )
        if state.has_ended:
            self._told.pop(download_id, None)
        else:
            self._told[download_id] = state

    # -- engines ---------------------------------------------------------------------------------

    async def watch_engines(self) -> None:
        """Tell what engines are doing; the body of a task."""
        before = self._states()
        while True:
            await asyncio.sleep(self._look_every_s)
            for name, found in self._states().items():
                if before.get(name) == found:
                    continue
                try:
                    await self._tell_engine(name, *found)
                except StudioError as error:
                    log.warning("webhooks do not hear of an engine yet: %s", error.message)
                    continue
                before[name] = found

    def _states(self) -> dict[str, tuple[str, str]]:
        # A reason may change while the state does not; that is not told.
        return {one["name"]: (str(one["state"]), str(one["kind"])) for one in self._engines()}

    async def _tell_engine(self, name: str, state: str, kind: str) -> None:
        event = f"engine.{state}"
        if not self._outbox.hears(event):
            return
        reason = next((one["reason"] for one in self._engines() if one["name"] == name), "")
        data = {"name": name, "kind": kind, "state": state, "reason": reason[:_MAX_REASON]}
        key = f"{event} {name} {new_id()}"
        await self._outbox.tell(event, data, key=key, lane=name, at_ms=self._clock.now_ms())

    # -- disks -----------------------------------------------------------------------------------

    async def watch_disks(self) -> None:
        """Tell of disks that fill up; the body of a task."""
        levels: dict[str, str | None] = {}
        while True:
            if self._outbox.hears(_DISK):
                try:
                    levels = await self._tell_disks(levels)
                except StudioError as error:
                    log.warning("webhooks do not hear of the disks yet: %s", error.message)
            await asyncio.sleep(self._disk_every_s)

    async def _tell_disks(self, before: Mapping[str, str | None]) -> dict[str, str | None]:
        levels: dict[str, str | None] = {}
        for volume in await self._volumes():
            name, level = ", ".join(volume["roles"]), volume["level"]
            levels[name] = level
            if level is not None and level != before.get(name):
                at_ms = self._clock.now_ms()
                # Once a day for each, however often Studio starts meanwhile.
                key = f"{_DISK} {name} {level} {at_ms // 86_400_000}"
                await self._outbox.tell(_DISK, dict(volume), key=key, lane=name, at_ms=at_ms)
        return levels
