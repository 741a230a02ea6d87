"""What a node may use of the engine while it runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from studio.embedded.folders import Folders

if TYPE_CHECKING:
    from PIL.Image import Image


class Interrupted(Exception):
    """The run was told to stop."""


class MemoryLimitExceeded(Exception):
    """A run would hold more pixels than the engine allows."""


class Interruption:
    """A flag that any thread may raise and that the running node notices."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def request(self) -> None:
        """Ask whatever runs now to stop."""
        self._event.set()

    def forget(self) -> None:
        """Drop a request that nothing noticed."""
        self._event.clear()

    def check(self) -> None:
        """Raise Interrupted if a stop was asked for, and take the request as served."""
        if self._event.is_set():
            self._event.clear()
            raise Interrupted

    def wait(self, seconds: float) -> None:
        """Wait, or raise Interrupted as soon as a stop is asked for."""
        self._event.wait(seconds)
        self.check()


@dataclass(frozen=True, kw_only=True)
class Context:
    """The engine as one run of one node sees it.

    ``claim(*shape)`` must be called before an array of that shape (of 4-byte numbers) is made;
    it raises MemoryLimitExceeded. ``report(value, total, preview)`` sends progress and raises
    Interrupted when the run was told to stop.
    """

    folders: Folders
    prompt: Mapping[str, Any]
    extra_pnginfo: Mapping[str, Any] | None
    previews: bool
    step_delay_s: float
    temp_mark: str
    interruption: Interruption
    claim: Callable[..., None]
    report: Callable[[int, int, Image | None], None]
