"""While the disk refuses: everybody is told at once, and it is tried again now and then."""

from __future__ import annotations

import logging
import time
from typing import Final

from studio.errors import StudioError

log = logging.getLogger(__name__)

_RETRY_MIN_S: Final = 0.5
_RETRY_MAX_S: Final = 30.0


class Outage:
    """Why writes are refused, and when the next one may try."""

    def __init__(self) -> None:
        self._fault: StudioError | None = None
        self._retry_at_s = 0.0
        self._wait_s = _RETRY_MIN_S

    @property
    def message(self) -> str | None:
        """What the last write met, ``None`` when all is well."""
        return None if self._fault is None else self._fault.message

    def require_over(self) -> None:
        """Refuse a write that need not even try.

        Raises:
            DiskFull, StorageUnavailable: what the last one met, less than a moment ago.
        """
        if self._fault is not None and time.monotonic() < self._retry_at_s:
            raise type(self._fault)(self._fault.message)

    def begin(self, fault: StudioError, cause: Exception) -> None:
        """A write met ``fault``."""
        if self._fault is None:
            log.error("the database refuses writes: %s", cause)
        self._fault = fault
        self._retry_at_s = time.monotonic() + self._wait_s
        self._wait_s = min(self._wait_s * 2, _RETRY_MAX_S)

    def end(self) -> None:
        """A write succeeded."""
        if self._fault is not None:
            log.warning("the database is writable again")
            self._fault = None
            self._wait_s = _RETRY_MIN_S
