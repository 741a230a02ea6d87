"""How often in a row what runs ended before it served; on the disk, so that a container which is
started over and over comes to an end of it too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from boot.arming import Owner, write_object
from boot.releases import RELEASES, ReleaseUnusable, read_current, read_object

STARTS_FILE: Final = "starts.json"


class FailedStarts:
    """Counts for the release that ``current`` names; another one begins at none.

    Args:
        owner: who Studio runs as, when that is not this process's user.
    """

    def __init__(self, studio_dir: Path, log: Callable[[str], None], owner: Owner | None) -> None:
        self._studio_dir = studio_dir
        self._log = log
        self._owner = owner
        self._release, self._count = self._read()

    def count(self) -> int:
        """Of the release that is switched to."""
        if self._release != (current := self._current()):
            self._release, self._count = current, 0
        return self._count

    def set(self, count: int) -> None:
        """Remember it; a volume that takes no note is told of, and the count is kept in memory."""
        if count == self.count():
            return
        self._count = count
        path = self._studio_dir / RELEASES / STARTS_FILE
        try:
            if count:
                said = {"release": self._release, "count": count}
                write_object(self._studio_dir, STARTS_FILE, said, self._owner)
            else:
                path.unlink(missing_ok=True)
        except FileNotFoundError:
            # Before the first release there is nothing to fall back from.
            pass
        except OSError as error:
            self._log(f"the volume takes no note of a start: {error.strerror}")

    def _current(self) -> str | None:
        with contextlib.suppress(ReleaseUnusable):
            return read_current(self._studio_dir)
        return None

    def _read(self) -> tuple[str | None, int]:
        try:
            said = read_object(self._studio_dir / RELEASES / STARTS_FILE)
        except ReleaseUnusable:
            return None, 0
        release, count = said.get("release"), said.get("count")
        if not isinstance(release, str) or not isinstance(count, int) or isinstance(count, bool):
            return None, 0
        return release, count
