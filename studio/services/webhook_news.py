"""What happens beside jobs, told to the system's webhooks: engines and disks.

Downloads are told of by their own commits. No disk is looked at while nobody wants to hear of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from studio.errors import StudioError
from studio.services.engine import EngineState
from studio.store.outbox_system import SystemOutbox

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.5
_MAX_REASON: Final = 500

Engines = Callable[[], Sequence[Mapping[str, Any]]]
Volumes = Callable[[], Awaitable[Sequence[Mapping[str, Any]]]]


class WebhookNews:
    """Compares what is with what was told last, by this Studio or by one before it.

    Args:
        engines: every engine as the owner sees it.
        volumes: every disk with its ``level``, ``None`` while it has room.
    """

    def __init__(
        self,
        *,
        outbox: SystemOutbox,
        engines: Engines,
        volumes: Volumes,
        disk_every_s: float,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._outbox = outbox
        self._engines = engines
        self._volumes = volumes
        self._look_every_s = look_every_s
        self._disk_every_s = disk_every_s
        self._seen: dict[str, str] = {}
        """In which state this Studio found an engine last."""

    async def watch_engines(self) -> None:
        """Tell what engines are doing; the body of a task."""
        while True:
            try:
                for engine in self._engines():
                    await self._tell_engine(engine)
            except StudioError as error:
                log.warning("webhooks do not hear of an engine yet: %s", error.message)
            await asyncio.sleep(self._look_every_s)

    async def _tell_engine(self, engine: Mapping[str, Any]) -> None:
        name, state = str(engine["name"]), str(engine["state"])
        before = self._seen.get(name, state)
        if before == state == EngineState.STARTING:
            # Studio itself has just started, perhaps: how the engine does is not known yet.
            self._seen[name] = state
            return
        reason = str(engine["reason"])[:_MAX_REASON]
        # A reason may change while the state does not; that is not told.
        await self._outbox.tell_state(
            "engine",
            name,
            state,
            kind=f"engine.{state}",
            data={"name": name, "kind": engine["kind"], "state": state, "reason": reason},
            # Who asked for this between two looks hears of what changed meanwhile.
            is_news=before != state,
        )
        self._seen[name] = state

    async def watch_disks(self) -> None:
        """Tell of disks that fill up; the body of a task."""
        while True:
            if self._outbox.hears("disk"):
                try:
                    for volume in await self._volumes():
                        await self._tell_disk(volume)
                except StudioError as error:
                    log.warning("webhooks do not hear of the disks yet: %s", error.message)
            await asyncio.sleep(self._disk_every_s)

    async def _tell_disk(self, volume: Mapping[str, Any]) -> None:
        level = volume["level"]
        await self._outbox.tell_state(
            "disk",
            ", ".join(volume["roles"]),
            level or "",
            kind="disk.low" if level is not None else None,
            data=dict(volume),
            is_news=True,
        )
