"""The work on one node pack: what is asked of bootstrap's worker, and how far it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from boot.packs import CHILD, PackPlan, PackReport
from studio.clients.supervisor import Supervisor, SupervisorRefused, SupervisorUnavailable
from studio.clock import new_id
from studio.errors import StudioError
from studio.services.node_registry import KnownPack
from studio.store.node_packs import FoundPack, NodePackFiles

log = logging.getLogger(__name__)

_LOOK_S: Final = 0.25
DONE: Final = {
    "install": "installed", "update": "updated", "remove": "removed",
    "restore": "restored", "disable": "disabled", "enable": "enabled",
}  # fmt: skip
"""How a change is told of once it is made."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One change. ``phase`` is ``fetching``, ``checking``, ``installing``, ``waiting``,
    ``changing``, ``starting`` or ``done``; ``code`` and ``message`` say why it failed."""

    id: str
    action: str
    name: str
    began_at: int
    phase: str = "waiting"
    done: bool = False
    code: str = ""
    message: str = ""
    commit: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PackView:
    """One pack with what the engines and the registry say of it."""

    pack: FoundPack
    on_volume: bool
    classes: tuple[str, ...]
    known: KnownPack | None

    @property
    def update(self) -> str | None:
        """The registry's commit, when that is another."""
        if self.known is None or not self.pack.present or self.pack.record is None:
            return None
        return self.known.commit if self.known.commit != self.pack.commit else None


class WorkFailed(Exception):
    """A change was not made.

    Attributes:
        code: the worker's, or ``interrupted``, ``canceled``, ``start_failed``, ``unavailable``,
            ``internal_error``.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def explain(error: Exception) -> tuple[str, str]:
    """The code and the words for why a change was not made; a defect goes to the log as well."""
    match error:
        case WorkFailed() | StudioError():
            return error.code, str(error)
        case SupervisorUnavailable() | SupervisorRefused():
            return "unavailable", "Bootstrap does not answer."
        case _:
            log.error("a change of node packs failed", exc_info=error)
            return "internal_error", "Studio failed to change it; its log says why."


class PackWork:
    """Has plans done, one at a time.

    Every method raises SupervisorUnavailable and SupervisorRefused.
    """

    def __init__(self, *, files: NodePackFiles, supervisor: Supervisor) -> None:
        self._files = files
        self._supervisor = supervisor

    async def do(self, plan: PackPlan, tell: Callable[[PackReport], None]) -> PackReport:
        """Have the worker do a plan.

        Args:
            tell: told how far it is, now and then.

        Raises:
            WorkFailed: it was not done; nothing is changed.
            StorageUnavailable: the plan could not be written.
        """
        running = await self._runs()
        while running:
            # One that an earlier Studio had started ends first.
            await asyncio.sleep(_LOOK_S)
            running = await self._runs()
        await asyncio.to_thread(self._files.write_plan, plan)
        await self._supervisor.start(CHILD)
        running = True
        while running:
            running = await self._runs()
            report = await asyncio.to_thread(self._files.report, plan)
            tell(report)
            if running:
                await asyncio.sleep(_LOOK_S)
        if not report.done:
            raise WorkFailed("interrupted", "The work was ended before it was done.")
        if report.code:
            raise WorkFailed(report.code, report.message)
        return report

    async def give_up(self) -> None:
        """End what the worker does now and remove what it has left."""
        await self._supervisor.stop(CHILD)
        await self.do(PackPlan(new_id(), "discard"), lambda _: None)

    async def _runs(self) -> bool:
        child = (await self._supervisor.status()).get(CHILD)
        if child is None:
            raise WorkFailed("unavailable", "This bootstrap cannot change node packs; restart it.")
        return child.state == "running"
