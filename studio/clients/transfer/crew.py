"""The threads of one transfer, and the one that watches them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from studio.clients.transfer.line import Line
from studio.clients.transfer.records import Changed, Rules, Sink, Stopped
from studio.clients.transfer.throttle import Throttle
from studio.errors import DiskFull, StudioError

_TICK_S: Final = 0.25
_DIGEST_PAUSE_S: Final = 0.1


class Crew:
    """Lets threads work, cuts connections that hardly bring anything, makes certain what came.

    Args:
        part: where the bytes go.
        throttle: while it limits, slow is what is wanted.
    """

    def __init__(self, part: Sink, throttle: Throttle, rules: Rules) -> None:
        self._part = part
        self._throttle = throttle
        self._rules = rules
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._error: Exception | None = None
        self._working: set[int] = set()
        self._lines: set[Line] = set()
        self._synced_at = time.monotonic()

    # -- for the threads --------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to do, because of an error or because somebody said so."""
        return self._stop.is_set() or self._error is not None

    def pause(self, seconds: float) -> None:
        """Wait, but no longer than anybody wants the file."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0 and not self.is_over:
            self._stop.wait(min(left, _TICK_S))

    def follow(self, line: Line) -> None:
        """Watch a connection."""
        with self._lock:
            self._lines = {one for one in self._lines if one.is_open}
            self._lines.add(line)

    def retire(self) -> bool:
        """Whether the calling thread may end because others go on."""
        with self._lock:
            if len(self._working) < 2:
                return False
            self._working.discard(threading.get_ident())
            return True

    # -- for the one that watches -----------------------------------------------------------------

    def stop(self) -> None:
        """Let everything end soon; from any thread."""
        self._stop.set()
        for line in self._open_lines():
            line.cut("stopped")

    def require_going(self) -> None:
        """Nothing more is to be done once somebody said so.

        Raises:
            Stopped: somebody did.
        """
        if self._stop.is_set():
            raise Stopped

    def work(self, work: Callable[[], None], count: int) -> None:
        """Let ``count`` threads work to their end, and raise what the first of them ran into.

        Raises:
            Stopped: somebody asked for it.
        """
        self._error = None
        ended = threading.Event()
        threads = [
            threading.Thread(target=self._worker, args=(work, ended), daemon=True)
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            ended.wait(_TICK_S)
            ended.clear()
            self._watch()
            self._sync_now_and_then()
        if not isinstance(self._error, Changed | DiskFull):
            self._sync()
        self.require_going()
        self.raise_error()

    def hash_behind(self, gathered: threading.Event) -> None:
        """Hash what comes until all of it is there; the body of a thread."""
        try:
            while not gathered.is_set() and not self._stop.is_set():
                if not self._part.digest_step():
                    gathered.wait(_DIGEST_PAUSE_S)
        except StudioError as error:
            self._fail(error)

    def raise_error(self) -> None:
        """Raise what a thread ran into, once."""
        error, self._error = self._error, None
        if error is not None:
            raise error

    def _worker(self, work: Callable[[], None], ended: threading.Event) -> None:
        with self._lock:
            self._working.add(threading.get_ident())
        try:
            work()
        except Exception as error:  # noqa: BLE001 - raised by the thread that watches
            self._fail(error)
        finally:
            with self._lock:
                self._working.discard(threading.get_ident())
            ended.set()

    def _fail(self, error: Exception) -> None:
        with self._lock:
            self._error = self._error or error

    def _open_lines(self) -> list[Line]:
        with self._lock:
            return [line for line in self._lines if line.is_open]

    def _watch(self) -> None:
        now, enough = time.monotonic(), 1.0
        if self._throttle.rate is None:
            enough = self._rules.least_bytes_per_s * self._rules.stall_s
        for line in self._open_lines():
            head_since = line.head_since
            if self.is_over:
                line.cut("stopped")
            elif head_since is not None:
                if now - head_since > self._rules.head_s:
                    line.cut("no answer came in time")
            elif now - line.mark_at >= self._rules.stall_s:
                if line.received - line.mark_bytes < enough:
                    line.cut("hardly anything came for a while")
                else:
                    line.mark()

    def _sync_now_and_then(self) -> None:
        due = time.monotonic() - self._synced_at >= self._rules.sync_every_s
        if self._part.unsynced >= self._part.chunk_bytes or (due and self._part.unsynced):
            self._sync()

    def _sync(self) -> None:
        try:
            self._part.sync()
        except StudioError as error:
            self._fail(error)
        self._synced_at = time.monotonic()
