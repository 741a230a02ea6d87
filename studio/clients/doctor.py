"""The doctor of the command line, asked as a process of its own: it looks at everything anew."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_TIMEOUT_S: Final = 60.0


async def ask_doctor(variables: Mapping[str, str]) -> str:
    """What ``studio doctor --json`` says; a sentence in its place when it cannot be asked.

    Args:
        variables: where this Studio is, on top of the environment it runs with.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "studio", "doctor", "--json",
            cwd=_ROOT,
            env={**os.environ, **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
    except OSError as error:
        return f"The doctor cannot be started: {error.strerror}."
    try:
        async with asyncio.timeout(_TIMEOUT_S):
            output, _ = await process.communicate()
    except BaseException as interruption:
        process.kill()
        await process.wait()
        if isinstance(interruption, TimeoutError):
            return f"The doctor did not finish within {_TIMEOUT_S:.0f} s."
        raise
    return output.decode("utf-8", "replace")
