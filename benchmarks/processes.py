"""What a running process costs, from ``/proc``."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_MIB: Final = 1024.0


def cpu_s(pid: int) -> float:
    """Processor seconds of a process and all of its threads since its start."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mib(pid: int) -> float:
    """Its proportional set size: pages shared with others count in part."""
    return _kib(pid, "smaps_rollup", "Pss") / _MIB


def peak_mib(pid: int) -> float:
    """The most physical memory it had since ``reset_peak``."""
    return _kib(pid, "status", "VmHWM") / _MIB


def reset_peak(pid: int) -> None:
    """Begin to look for the most memory anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def end(process: subprocess.Popen[bytes], timeout_s: float = 20.0) -> None:
    """Ask a process to end, and make it end when it does not."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _kib(pid: int, file: str, name: str) -> int:
    text = Path(f"/proc/{pid}/{file}").read_text()
    match = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    if match is None:
        raise RuntimeError(f"/proc/{pid}/{file} does not say {name}")
    return int(match[1])
