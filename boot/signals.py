"""Signals as something that a selector sees, so that one thread decides everything."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def signals_into(
    selector: selectors.BaseSelector, ended: Callable[[signal.Signals], None]
) -> Iterator[None]:
    """Wake ``selector`` for the end of a child, and for a wish to end, which is told to ``ended``.

    A hangup that was ignored stays ignored.
    """
    reader, writer = os.pipe()
    for handle in (reader, writer):
        os.set_blocking(handle, False)
    # A full pipe loses nothing: what matters has been seen or is repeated.
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    numbers = [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD]
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        signal.signal(number, lambda _number, _frame: None)

    def read(_events: int) -> None:
        for number in os.read(reader, 512):
            if number != signal.SIGCHLD:
                ended(signal.Signals(number))

    selector.register(reader, selectors.EVENT_READ, read)
    try:
        yield
    finally:
        # From here on a second signal has nothing left to end but this process.
        signal.set_wakeup_fd(-1)
        selector.close()
        os.close(reader)
        os.close(writer)
