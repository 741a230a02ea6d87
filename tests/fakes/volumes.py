"""Volumes in memory: small ones that can be filled, and some that nothing can be written to."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest


@contextlib.contextmanager
def mounted(folder: Path, options: str, *, lazily: bool = False) -> Iterator[Path]:
    """A volume of its own over ``folder`` until the block ends; skips where none may be mounted.

    Args:
        options: as of ``mount`` for a tmpfs, like ``size=8m`` or ``ro``.
        lazily: whoever still has a file of it open at the end is no failure.
    """
    mount = ("mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a volume, and not everywhere")
    try:
        yield folder
    finally:
        how = ("--lazy",) if lazily else ()
        subprocess.run(("umount", *how, str(folder)), check=True)
