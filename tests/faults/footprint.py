"""What processes hold, and which there are below one."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds."""

    pid: int
    files: int
    threads: int
    mebibytes: int


def footprint(pid: int) -> Footprint:
    """What ``pid`` holds now."""
    status = Path(f"/proc/{pid}/status").read_text()
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return Footprint(
        pid=pid,
        files=sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir()),
        threads=int(fields["Threads"]),
        mebibytes=int(fields["VmRSS"].split()[0]) // 1024,
    )


def descendants(pid: int) -> Iterator[int]:
    """Every process below ``pid``."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = path.read_text().rpartition(")")[2].split()
            if int(fields[1]) == pid:
                yield int(path.parent.name)
                yield from descendants(int(path.parent.name))
