"""The bytes of a file, from one connection or several."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Final

from studio.clients.transfer.asking import Caller, content_range, require_plain
from studio.clients.transfer.crew import Crew
from studio.clients.transfer.line import Answer, Line
from studio.clients.transfer.patience import Patience
from studio.clients.transfer.records import Busy, Changed, Cut, Expired, Found, Rules, Sink
from studio.clients.transfer.throttle import Throttle
from studio.errors import HashMismatch, SourceTooLarge, SourceUnreachable
from studio.remote import Claim, RemoteFile

_BUFFER_BYTES: Final = 1 << 20
_EXPIRED: Final = frozenset({401, 403, 404, 410})


class Fetcher:
    """What the threads of one transfer do."""

    def __init__(
        self,
        *,
        remote: RemoteFile,
        part: Sink,
        caller: Caller,
        crew: Crew,
        patience: Patience,
        throttle: Throttle,
        rules: Rules,
    ) -> None:
        self._remote = remote
        self._part = part
        self._caller = caller
        self._crew = crew
        self._patience = patience
        self._throttle = throttle
        self._rules = rules
        self._lock = threading.Lock()

    def require_fits(self, found: Found) -> None:
        """Refuse what cannot be the file, before anything is fetched.

        Raises:
            HashMismatch: it has another size.
            SourceTooLarge: it is larger than any model.
        """
        expected = self._remote.size_bytes or self._remote.wanted_bytes
        if found.size is not None and expected is not None and found.size != expected:
            raise HashMismatch(
                f"The file there has {found.size} bytes, not the {expected} that it should have.",
                details={"size_bytes": found.size, "expected_bytes": expected},
            )
        if (found.size or 0) > self._rules.largest_bytes:
            raise _too_large(self._rules.largest_bytes)

    def stretches(self, found: Found, lines: list[Line]) -> None:
        """Fetch one missing stretch after another, until there is none.

        Args:
            lines: connections that are open already; taken from.
        """
        buffer = memoryview(bytearray(_BUFFER_BYTES))
        with self._lock:
            line = lines.pop() if lines else None
        try:
            while not self._crew.is_over and (claim := self._part.claim()) is not None:
                try:
                    line = line or self._caller.line(found.url)
                    self._stretch(line, found, claim, buffer)
                    continue
                except (Cut, SourceUnreachable) as error:
                    failure = error
                finally:
                    # At once: others may take it up while this one waits.
                    self._part.release(claim)
                if line is not None:
                    line.close()
                    line = None
                # A server that has enough of several connections may bear one less.
                if isinstance(failure, Busy) and self._crew.retire():
                    return
                if not self._crew.is_over:
                    self._crew.pause(self._patience.failed(failure))
        finally:
            if line is not None:
                line.close()

    def stream(self, found: Found, lines: list[Line]) -> None:
        """Fetch the whole file in one piece, from its beginning each time."""
        buffer, best = memoryview(bytearray(_BUFFER_BYTES)), 0
        line = lines.pop() if lines else None
        while not self._crew.is_over:
            try:
                line = line or self._caller.line(found.url)
                self._whole(line, found, buffer, best)
            except (Cut, SourceUnreachable) as error:
                best = max(best, self._part.received)
                if not self._crew.is_over:
                    self._crew.pause(self._patience.failed(error))
            else:
                return
            finally:
                if line is not None:
                    line.close()
                    line = None

    def _stretch(self, line: Line, found: Found, claim: Claim, buffer: memoryview) -> None:
        assert claim.end is not None
        headers = {"Range": f"bytes={claim.start}-{claim.end - 1}"}
        if found.validator is not None:
            headers["If-Range"] = found.validator
        answer = self._caller.get(line, found.url, headers)
        try:
            self._require_stretch(answer, found, claim)
            while claim.start < claim.end:
                if not self._take(answer, claim, buffer, claim.end - claim.start):
                    raise Cut("the answer ended early")
        finally:
            answer.close()

    def _require_stretch(self, answer: Answer, found: Found, claim: Claim) -> None:
        if answer.status in (200, 416):
            raise Changed
        if answer.status in _EXPIRED:
            raise Expired
        if answer.status != 206:
            raise self._caller.refusal(answer)
        require_plain(answer)
        stretch, etag = content_range(answer), answer.header("etag")
        if stretch is None or stretch[0] != claim.start or stretch[1] >= (claim.end or 0):
            raise Changed(ranges_lie=True)
        if stretch[2] not in (None, found.size) or (found.etag and etag not in (None, found.etag)):
            raise Changed
        if answer.length not in (None, stretch[1] - stretch[0] + 1):
            raise Changed(ranges_lie=True)

    def _whole(self, line: Line, found: Found, buffer: memoryview, best: int) -> None:
        answer = self._caller.get(line, found.url, {})
        if answer.status in _EXPIRED:
            raise Expired
        if answer.status != 200:
            raise self._caller.refusal(answer)
        require_plain(answer)
        size = answer.length
        self.require_fits(replace(found, size=size))
        if found.size is not None and size not in (None, found.size):
            raise Changed
        self._part.begin(None, size)
        claim = self._part.claim(everything=True)
        assert claim is not None
        limit = self._remote.size_bytes or found.size or self._rules.largest_unknown_bytes
        while size is None or claim.start < size:
            left = limit + 1 - claim.start if size is None else size - claim.start
            if not self._take(answer, claim, buffer, left, best):
                if size is None:
                    break
                raise Cut("the answer ended early")
            if size is None and claim.start > limit:
                raise _too_large(limit)
        if claim.start < (self._remote.size_bytes or found.size or 0):
            raise Cut("the answer ended early")
        self._part.end()

    def _take(
        self, answer: Answer, claim: Claim, buffer: memoryview, left: int, best: int = 0
    ) -> int:
        """Read once and store it; what is not past ``best`` is no progress."""
        if self._crew.is_over:
            raise Cut("stopped")
        most = self._throttle.portion(min(len(buffer), left))
        count = answer.read(buffer[:most])
        if count:
            self._part.write(claim, buffer[:count])
            self._patience.gained(max(0, min(count, claim.start - best)))
            self._crew.pause(self._throttle.wait_after(count))
        return count


def _too_large(limit: int) -> SourceTooLarge:
    return SourceTooLarge(f"The file is larger than {limit} bytes.", details={"most_bytes": limit})
