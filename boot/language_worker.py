"""Becomes one model's server: ``python -m boot.language_worker``.

Started by bootstrap as the user of the engines, for llama.cpp reads files that came from elsewhere.
What it is to run stands in a file, which it judges itself; its command line is fixed. The server
gets its key in a file that nobody else can read, since command lines can be read by all.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from boot.gpus import VISIBLE
from boot.language import SLOTS, SpecRefused, read_spec, spec_file

EXIT_NO_SPEC: Final = 2
EXIT_NO_PYTHON: Final = 127
_SERVER: Final = Path(__file__).resolve().with_name("llama_server.py")


def main(arguments: Sequence[str]) -> int:
    """Replace this process by the server; returns an exit status only when that fails."""
    parser = argparse.ArgumentParser(prog="boot.language_worker")
    parser.add_argument("--slot", choices=SLOTS, required=True)
    for name in ("--work", "--models", "--python"):
        parser.add_argument(name, required=True)
    given = parser.parse_args(arguments)
    work = Path(given.work)
    try:
        spec = read_spec(spec_file(work, given.slot))
    except SpecRefused as refused:
        sys.stderr.write(f"{given.slot}: {refused}\n")
        return EXIT_NO_SPEC
    python = shutil.which(given.python)
    if python is None:
        sys.stderr.write(f"{given.slot}: there is no Python at {given.python}\n")
        return EXIT_NO_PYTHON
    config = work / f"{given.slot}.config.json"
    with contextlib.suppress(FileNotFoundError):
        config.unlink()
    handle = os.open(config, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w") as file:
        json.dump(spec.config(Path(given.models)), file)
    return _become(python, (str(_SERVER), "--config_file", str(config)), gpu=spec.gpu)


def _become(python: str, arguments: Sequence[str], *, gpu: str) -> NoReturn:
    sys.stdout.flush()
    # Studio's own folder, where this one works, has nothing that the server may import.
    env = {**os.environ, "PYTHONSAFEPATH": "1"}
    if gpu:
        # What somebody hid from CUDA stays hidden.
        env.setdefault(VISIBLE, gpu)
    os.execve(python, (python, *arguments), env)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
