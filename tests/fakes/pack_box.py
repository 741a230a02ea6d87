"""A volume of node packs and the worker that changes them."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from boot.packs import PackFolders, PackReport, read_json, read_record, write_json
from tests.fakes.pack_places import PackPlaces, pack_places

ROOT = Path(__file__).resolve().parents[2]


class Box:
    """A volume with node packs, and the worker."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self.folders = PackFolders(folder / "custom_nodes")
        self.work = folder / "packs"
        self.folders.root.mkdir()
        self.work.mkdir()
        self._environ = {"PATH": os.environ["PATH"], "HOME": str(folder), **environ}
        self._numbers = itertools.count(1)

    def command(self, action: str, **fields: str) -> list[str]:
        """Leave a plan and say how the worker is started."""
        plan = {"id": f"plan-{next(self._numbers)}", "action": action, **fields}
        write_json(self.work / "plan.json", plan)
        return [
            *(sys.executable, "-m", "boot.pack_worker", "--custom-nodes", str(self.folders.root)),
            *("--work", str(self.work), "--python", sys.executable),
        ]

    def run(self, action: str, *, strace: tuple[str, ...] = (), **fields: str) -> PackReport:
        """Have a plan done, or killed; the report as it stands then."""
        done = subprocess.run(
            [*strace, *self.command(action, **fields)],
            cwd=ROOT,
            env=self._environ,
            capture_output=True,
            text=True,
        )
        report = PackReport.parse(read_json(self.work / "report.json"))
        assert report is not None, done.stderr
        return report

    def install(self, url: str, name: str = "hello", ref: str = "") -> PackReport:
        """Stage and activate."""
        staged = self.run("stage", name=name, url=url, ref=ref)
        return staged if staged.code else self.run("activate", name=name)

    def names(self) -> set[str]:
        """What ComfyUI would look at."""
        return {path.name for path in self.folders.root.iterdir() if path.suffix != ".disabled"}

    def commit(self, name: str = "hello") -> str:
        record = read_record(self.folders.place(name))
        return "" if record is None else record.commit


@pytest.fixture
def places(tmp_path: Path) -> Iterator[PackPlaces]:
    """Where packs and packages come from."""
    with pack_places(tmp_path / "places") as made:
        yield made


@pytest.fixture
def box(tmp_path: Path, places: PackPlaces) -> Box:
    """A volume whose worker installs packages from there."""
    return Box(tmp_path, places.pip)
