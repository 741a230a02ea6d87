"""What the parts of a transfer tell each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from studio.remote import Claim


@dataclass(frozen=True, slots=True)
class Rules:
    """Bounds of one transfer; seconds and bytes."""

    connections: int = 4
    stall_s: float = 30.0
    """After this long without enough bytes a connection is given up."""
    least_bytes_per_s: int = 1024
    head_s: float = 30.0
    """For an answer's head, however it drips."""
    tries: int = 10
    """Failures in a row without progress."""
    unreached_tries: int = 2
    """Of them, while there was no connection yet: whoever queues transfers waits better."""
    progress_bytes: int = 16 << 10
    """So much between two failures is progress."""
    first_delay_s: float = 0.5
    longest_delay_s: float = 30.0
    longest_wait_s: float = 600.0
    """A server that wants to be asked later than that is not waited for."""
    restarts: int = 5
    """How often a file may change under way."""
    largest_bytes: int = 1 << 40
    largest_unknown_bytes: int = 64 << 30
    """Of a body that does not say how long it is."""
    sync_every_s: float = 2.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a server says about a file."""

    url: str
    """Where the bytes are, after redirects."""
    size: int | None
    etag: str | None
    """Only a strong one."""
    modified: str | None
    ranges: bool

    @property
    def validator(self) -> str | None:
        """What ``If-Range`` takes."""
        return self.etag or self.modified

    @property
    def version(self) -> str | None:
        """What stays the same for as long as the content does."""
        return self.validator

    def resumable(self, sha256: str | None) -> bool:
        """Whether stretches can be put together: something must show that they are of one file."""
        return bool(self.ranges and self.size and (self.validator or sha256))


class Sink(Protocol):
    """Where the bytes go, and what is there already; ``store.part_files.PartFile`` is one."""

    version: str | None
    size: int | None

    @property
    def received(self) -> int: ...

    @property
    def front(self) -> int: ...

    @property
    def is_whole(self) -> bool: ...

    @property
    def missing_chunks(self) -> int: ...

    @property
    def chunk_bytes(self) -> int: ...

    @property
    def unsynced(self) -> int: ...

    def begin(self, version: str | None, size: int | None) -> None: ...

    def claim(self, *, everything: bool = False) -> Claim | None: ...

    def release(self, claim: Claim) -> None: ...

    def write(self, claim: Claim, data: memoryview) -> None: ...

    def end(self) -> None: ...

    def sync(self) -> None: ...

    def digest_step(self) -> bool: ...


class Stopped(Exception):
    """Somebody asked the transfer to stop; what came is kept."""


class Cut(Exception):
    """A connection ended early, or what it brought cannot be used: try again."""

    def __init__(self, reason: str, *, after_s: float | None = None, stalled: bool = False) -> None:
        super().__init__(reason)
        self.after_s = after_s
        self.stalled = stalled


class Busy(Cut):
    """The server asks to be left alone for a while."""


class Changed(Exception):
    """The file there is not the one that was begun, or it cannot be had in stretches after all."""

    def __init__(self, *, ranges_lie: bool = False) -> None:
        super().__init__()
        self.ranges_lie = ranges_lie


class Expired(Exception):
    """The address was good for a while only: ask anew where the file is."""
