"""How often a transfer tries again, and after how long; what came in between starts it anew."""

from __future__ import annotations

import random
import threading

from studio.clients.transfer.records import Busy, Cut, Rules
from studio.errors import SourceBusy, SourceError, SourceStalled, SourceUnreachable


class Patience:
    """The budget of one transfer, shared by its connections."""

    def __init__(self, rules: Rules, chance: random.Random) -> None:
        self._rules = rules
        self._chance = chance
        self._lock = threading.Lock()
        self._failures = 0
        self._gained = 0
        self._is_reached = False

    def reached(self) -> None:
        """Note that the server has answered."""
        with self._lock:
            self._is_reached = True

    def gained(self, count: int) -> None:
        """Note that bytes came which were not there before."""
        with self._lock:
            self._gained += count

    def failed(self, error: Cut | SourceUnreachable) -> float:
        """Seconds to wait before the next try.

        Raises:
            SourceError: there is none; its code says what was wrong last.
        """
        with self._lock:
            if self._gained >= self._rules.progress_bytes:
                self._failures = 0
            self._gained = 0
            self._failures += 1
            after_s = error.after_s if isinstance(error, Cut) else None
            if after_s is not None and after_s > self._rules.longest_wait_s:
                raise _given_up(error, after_s)
            if self._failures >= self._rules.unreached_tries and self._is_out_of_reach(error):
                raise _given_up(error, after_s)
            if self._failures > self._rules.tries:
                raise _given_up(error, after_s)
            grown = self._rules.first_delay_s * 2.0 ** (self._failures - 1)
            delay = min(self._rules.longest_delay_s, grown) * self._chance.uniform(0.5, 1.0)
            return delay if after_s is None else after_s + delay * 0.1

    def _is_out_of_reach(self, error: Cut | SourceUnreachable) -> bool:
        return isinstance(error, SourceUnreachable) and not self._is_reached


def _given_up(error: Cut | SourceUnreachable, after_s: float | None) -> SourceError:
    if isinstance(error, SourceUnreachable):
        return error
    if isinstance(error, Busy):
        return SourceBusy(
            "The server has had too many requests and wants to be left alone for a while.",
            details={"retry_after_s": after_s},
            retry_after_s=None if after_s is None else int(after_s),
        )
    if error.stalled:
        return SourceStalled(f"The server is there, but hardly anything comes: {error}.")
    return SourceError(f"The file does not come through: {error}.")
