"""How much memory a process has now."""

from __future__ import annotations

import contextlib
from pathlib import Path


def resident_bytes(pid: int | None) -> int | None:
    """What is in memory of it; ``None`` where the system does not tell, or it has ended."""
    if pid is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    return None
