"""Which node pack ComfyUI is started without when it fails to start again and again: one, once.

What was tried is kept on disk until ComfyUI has answered: with a broken GPU every start of Studio
would disable one more pack that is to blame for nothing.
"""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from boot.packs import PackPlan
from studio.clock import new_id
from studio.errors import StorageUnavailable
from studio.paths import atomic_write
from studio.services.engine import Engine
from studio.store.node_packs import NodePackFiles

log = logging.getLogger(__name__)

FAILED_STARTS: Final = 2
"""So many starts in a row that fail are no accident, if there is a pack to do without."""


@dataclass(frozen=True, slots=True)
class Rescue:
    """The pack that ComfyUI was started without; ``in_vain`` once that had not helped."""

    pack: str
    in_vain: bool = False

    def plan(self, engine: Engine) -> PackPlan:
        """What the worker is to do."""
        if self.in_vain:
            return PackPlan(new_id(), "enable", self.pack)
        last = " | ".join(engine.log_tail[-3:])
        why = f"ComfyUI did not start with it. Its last lines: {last}"[:500]
        return PackPlan(new_id(), "disable", self.pack, why=why)

    @property
    def words(self) -> str:
        """What its owner is told."""
        if self.in_vain:
            return (
                f"ComfyUI does not start without the node pack {self.pack} either, so that is "
                "enabled again; the engine's log says why."
            )
        return f"ComfyUI did not start, so the newest node pack, {self.pack}, is disabled."


class PackRescue:
    """Decides and remembers. Every method but ``forget`` reads the disk.

    Args:
        record: the file that remembers what was tried.
    """

    def __init__(self, files: NodePackFiles, record: Path) -> None:
        self._files = files
        self._record = record
        self._tried = self._read()

    def next(self) -> Rescue | None:
        """What is to be done about an engine that fails; ``None`` when all of it was.

        Raises:
            StorageUnavailable: that cannot be remembered.
        """
        tried = self._tried
        if tried is None:
            newest = self._files.newest()
            chosen = None if newest is None else Rescue(newest.name)
        elif tried.in_vain:
            return None
        else:
            pack = self._files.find(tried.pack)
            # Enabled: it was not disabled any more, or somebody wants to see it fail again.
            chosen = Rescue(tried.pack, in_vain=pack is None or not pack.enabled)
        if chosen is not None:
            try:
                atomic_write(self._record, json.dumps(asdict(chosen)).encode())
            except OSError as error:
                raise StorageUnavailable(f"{self._record.name} cannot be written.") from error
            self._tried = chosen
        return chosen

    def forget(self) -> None:
        """ComfyUI has answered."""
        if self._tried is not None:
            self._tried = None
            try:
                self._record.unlink(missing_ok=True)
            except OSError as error:
                log.warning("%s cannot be removed: %s", self._record.name, error)

    def _read(self) -> Rescue | None:
        try:
            said = json.loads(self._record.read_bytes())
            return Rescue(str(said["pack"]), said["in_vain"] is True)
        except (OSError, ValueError, KeyError, TypeError):
            return None
