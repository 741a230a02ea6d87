"""The real ``bootstrap.py`` in a copy of the application whose Studio and ComfyUI are stubs."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.fakes.bootstrap_family import ROOT, wait_for

# Writes down what it was given, then waits.
DUMP = """
import json, os, sys, time
from pathlib import Path
facts = {"environ": dict(os.environ), "argv": sys.argv, "cwd": os.getcwd(), "pid": os.getpid()}
new = Path(%r) / f".{os.getpid()}"
new.write_text(json.dumps(facts))
new.rename(new.with_name(%r))
time.sleep(600)
"""


class App:
    """A copy of the application in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process: subprocess.Popen[str] | None = None
        self.app = folder / "app"
        (self.app / "studio" / "embedded").mkdir(parents=True)
        for part in ("frontend", "catalogs", "workflows"):
            (self.app / part).mkdir()
        for name in ("bootstrap.py", "version.json"):
            shutil.copy(ROOT / name, self.app)
        (self.app / "boot").symlink_to(ROOT / "boot")
        (self.app / "studio" / "__init__.py").touch()
        (self.app / "studio" / "__main__.py").write_text(DUMP % (str(folder), "studio.json"))
        (self.app / "studio" / "embedded" / "__init__.py").touch()
        (self.app / "studio" / "embedded" / "__main__.py").write_text(
            DUMP % (str(folder), "embedded.json")
        )

    def add_comfyui(self) -> Path:
        """A ComfyUI with a Python of its own, which says that it has every package."""
        comfyui = self.folder / "ComfyUI"
        python = comfyui / "venv" / "bin" / "python"
        python.parent.mkdir(parents=True)
        python.write_text(
            f'#!/bin/sh\n[ "$1" = -c ] && exit 0\nexec {sys.executable} "$@"\n', encoding="utf-8"
        )
        python.chmod(0o755)
        (comfyui / "main.py").write_text(DUMP % (str(self.folder), "comfyui.json"))
        return comfyui

    def start(self, *arguments: str, **environ: str) -> subprocess.Popen[str]:
        """Bootstrap with these variables and none of the caller's."""
        self.process = subprocess.Popen(
            [sys.executable, str(self.app / "bootstrap.py"), *arguments],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder),
                "STUDIO_DIR": str(self.folder / "data"),
                "STUDIO_RUN_DIR": str(self.folder / "run"),
                "STUDIO_PORT": "0",
                "COMFYUI_PORT": "0",
                **environ,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return self.process

    def refused(self, *arguments: str, **environ: str) -> tuple[int, str]:
        """Exit status and words of a bootstrap that cannot start."""
        process = self.start(*arguments, **environ)
        words, _ = process.communicate(timeout=20)
        return process.returncode, words

    def facts(self, name: str, *, timeout_s: float = 15.0) -> dict[str, Any]:
        """What a stub was given, once it runs."""
        path = self.folder / f"{name}.json"
        wait_for(path.exists, timeout_s=timeout_s)
        facts: dict[str, Any] = json.loads(path.read_text())
        return facts

    def end(self) -> None:
        """Stop it as a person would."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGTERM)
            self.process.communicate(timeout=12)


@contextlib.contextmanager
def app() -> Iterator[App]:
    """A copy in a short folder of its own, because a socket's path must be short."""
    with tempfile.TemporaryDirectory(prefix="bs-") as folder:
        made = App(Path(folder))
        try:
            yield made
        finally:
            made.end()
