"""The machine that a run was made on."""

from __future__ import annotations

import os
import platform
import re
import statistics
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from studio.version import VERSION

_SYNCS: Final = 50


def facts(work: Path) -> dict[str, Any]:
    """What figures depend on.

    Args:
        work: the folder that databases and assets of the run lie in.
    """
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "studio": VERSION,
        "cpu": _first(r"^model name\s*:\s*(.+)$", "/proc/cpuinfo") or platform.processor(),
        "cores": os.cpu_count(),
        "virtual": " hypervisor" in _first(r"^flags\s*:(.+)$", "/proc/cpuinfo"),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": _first(r'^PRETTY_NAME="?([^"\n]+)', "/etc/os-release") or platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "fsync_ms": round(fsync_ms(work), 2),
    }


def sentence(found: dict[str, Any]) -> str:
    """The facts in one line."""
    kind = ", virtual machine" if found["virtual"] else ""
    return (
        f"{found['cpu']}, {found['cores']} cores, {found['memory_gib']} GiB{kind}; "
        f"{found['system']}, kernel {found['kernel']}, Python {found['python']}; "
        f"fsync of 4 KiB {found['fsync_ms']} ms; load before the run {found['load']}; "
        f"Studio {found['studio']}, {found['date']}"
    )


def fsync_ms(folder: Path) -> float:
    """The median time that appending 4 KiB and making them durable takes."""
    times = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(_SYNCS):
            started = time.perf_counter()
            file.write(bytes(4096))
            file.flush()
            os.fdatasync(file.fileno())
            times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def _first(pattern: str, path: str) -> str:
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    match = re.search(pattern, text, re.MULTILINE)
    return match[1].strip() if match else ""
