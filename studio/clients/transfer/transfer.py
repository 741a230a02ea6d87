"""One file, fetched: whom to ask, when to begin anew, when to give up.

A thread for each connection takes one stretch after another, the first missing one first, so the
file grows from its front and is hashed right behind it. The thread that ``run`` is called in
watches them.
"""

from __future__ import annotations

import random
import ssl
import threading
from dataclasses import replace

from studio.clients.transfer.asking import Caller
from studio.clients.transfer.crew import Crew
from studio.clients.transfer.fetching import Fetcher
from studio.clients.transfer.line import Line
from studio.clients.transfer.patience import Patience
from studio.clients.transfer.records import Changed, Cut, Expired, Found, Rules, Sink
from studio.clients.transfer.throttle import Throttle
from studio.errors import SourceError, SourceUnreachable
from studio.net import Outbound
from studio.remote import RemoteFile, Tokens


class Transfer:
    """One attempt to have a file whole.

    Args:
        remote: what is fetched.
        part: where its bytes go; opened, and closed by the caller.
        throttle: shared by all transfers.
        tls: how certificates are judged.
        chance: of the pauses between tries.
    """

    def __init__(
        self,
        *,
        remote: RemoteFile,
        part: Sink,
        outbound: Outbound,
        tokens: Tokens,
        throttle: Throttle,
        tls: ssl.SSLContext,
        rules: Rules | None = None,
        chance: random.Random | None = None,
    ) -> None:
        rules = rules or Rules()
        self._remote = remote
        self._part = part
        self._rules = rules
        self._patience = Patience(rules, chance or random.Random())  # noqa: S311
        self._crew = Crew(part, throttle, rules)
        self._caller = Caller(
            remote=remote,
            outbound=outbound,
            tokens=tokens,
            tls=tls,
            wait_s=rules.stall_s,
            follow=self._crew.follow,
        )
        self._fetcher = Fetcher(
            remote=remote,
            part=part,
            caller=self._caller,
            crew=self._crew,
            patience=self._patience,
            throttle=throttle,
            rules=rules,
        )
        self.is_verifying = False
        """All bytes are there, and the last of them are being hashed."""

    def stop(self) -> None:
        """Let ``run`` end soon, with ``Stopped``; from any thread."""
        self._crew.stop()

    def run(self) -> None:
        """Bring the file: every byte of it is on disk and hashed after this. Blocks.

        Raises:
            Stopped: somebody asked for it. What came is kept.
            SourceError, NotAModel, BlockedAddress, InvalidRequest: it cannot be had.
            HashMismatch: it has not the size that was promised.
            DiskFull, StorageUnavailable: it cannot be stored.
        """
        gathered = threading.Event()
        hashing = threading.Thread(target=self._crew.hash_behind, args=(gathered,), daemon=True)
        hashing.start()
        try:
            self._bring()
        finally:
            gathered.set()
            hashing.join()
        self._crew.raise_error()
        self.is_verifying = True
        while self._part.digest_step():
            self._crew.require_going()
        self._part.sync()
        if not self._part.is_whole:
            raise SourceError("The file did not come whole.")

    def _bring(self) -> None:
        # Other places are as good only where a hash tells whether the bytes are.
        others = self._remote.mirrors if self._remote.sha256 is not None else ()
        urls = (self._remote.url, *others)
        for url in urls:
            try:
                self._bring_from(url)
            except SourceError:
                if url == urls[-1]:
                    raise
            else:
                return

    def _bring_from(self, url: str) -> None:
        restarts, ignored, whole = 0, False, False
        before: Found | None = None
        while True:
            found, line = self._find(url)
            if ignored and before is not None and found.version == before.version:
                # The same file, and yet not in stretches: then in one piece.
                whole = True
            before, ignored = found, False
            try:
                self._gather(found, line, whole=whole)
            except Changed as change:
                restarts += 1
                if restarts > self._rules.restarts:
                    raise SourceError("The file there changes again and again.") from None
                ignored, whole = True, whole or change.ranges_lie
            except Expired:
                self._crew.pause(self._patience.failed(Cut("its address is refused each time")))
            else:
                return

    def _find(self, url: str) -> tuple[Found, Line]:
        while True:
            self._crew.require_going()
            try:
                found, line = self._caller.find(url)
            except (Cut, SourceUnreachable) as error:
                self._crew.require_going()
                self._crew.pause(self._patience.failed(error))
                continue
            self._patience.reached()
            try:
                self._fetcher.require_fits(found)
            except BaseException:
                line.close()
                raise
            return found, line

    def _gather(self, found: Found, line: Line, *, whole: bool) -> None:
        part, lines = self._part, [line] if line.is_open else []
        if whole:
            # A server that lies about stretches may lie about the size in their heads too.
            found = replace(found, size=None)
        if whole or not found.resumable(self._remote.sha256):
            self._crew.work(lambda: self._fetcher.stream(found, lines), 1)
            return
        try:
            if part.size != found.size or part.version != found.version:
                part.begin(found.version, found.size)
            count = min(self._rules.connections, part.missing_chunks)
            if count:
                self._crew.work(lambda: self._fetcher.stretches(found, lines), count)
        finally:
            for left in lines:
                left.close()
