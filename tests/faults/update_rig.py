"""The box with a repository of releases beside it: bootstrap, Studio, its engine, and updates."""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

from boot.releases import PARTS, read_current
from tests.api.graphs import text_to_image
from tests.fakes.release_repo import ReleaseRepo, release_repo, version_text
from tests.faults.harness import ROOT, Api, Process, process, until, until_it

ON_TRIAL = """
import os
if os.environ.get("STUDIO_RELEASE", "").startswith("0.2"):
    {harm}
"""
"""Behind the end of a module: what a release does once it is started for good."""

INTERFERENCE = """
import os as _os
import pathlib as _pathlib

_at = UpdateService._at


def _interfere(self, step):
    _at(self, step)
    root = self._site.studio_dir
    for name in ("kill_at", "fill_at"):
        mark = root / name
        if mark.exists() and mark.read_text() == step:
            mark.unlink()
            if name == "kill_at":
                _os.kill(_os.getpid(), 9)
            with (root / "filler").open("wb", buffering=0) as file:
                try:
                    while file.write(bytes(4096)):
                        pass
                except OSError:
                    pass


UpdateService._at = _interfere
"""
"""Behind the end of ``services/updates.py``: a kill, or a full disk, as a step begins."""


class Rig:
    """``box`` runs ``bootstrap.py`` as the image does; ``repo`` is where it gets releases from.

    ``app`` is the image's own copy of the application.
    """

    def __init__(self, box: Process, repo: ReleaseRepo, app: Path) -> None:
        self.box = box
        self.repo = repo
        self.app = app

    @property
    def studio_dir(self) -> Path:
        return self.box.studio_dir

    def current(self) -> str | None:
        """The release that the volume says."""
        return read_current(self.studio_dir)

    async def first(self) -> str:
        """The first release, which is made beside the first start."""
        await until(lambda: self.current() is not None, "the first release", within_s=120)
        return self.current() or ""

    def release(self, version: str = "0.2.0", *, later: str = "", **files: str) -> str:
        """A further release, like the one before except for these files; its commit."""
        changes = {"version.json": version_text(version), "CHANGELOG.md": _changelog(version)}
        if later:
            changes["workflows/README.md"] = f"made later than {later}\n"
        return self.repo.commit({**changes, **files})

    def on_trial(self, name: str, harm: str) -> dict[str, str]:
        """A module that does harm once its release is started by bootstrap."""
        return self.append(name, ON_TRIAL.format(harm=harm))

    def append(self, name: str, text: str) -> dict[str, str]:
        """A file of the application with something behind its end."""
        return {name: (self.repo.work / name).read_text() + text}

    async def check(self, api: Api) -> dict[str, Any]:
        """What a check finds."""
        answer = await api.client.post("/api/system/updates/check")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def apply(self, api: Api, commit: str, **more: object) -> None:
        """Begin to install what a check finds."""
        found = await self.check(api)
        assert found["available"]["commit"] == commit, found
        answer = await api.client.post(
            "/api/system/updates/apply", json={"commit": commit, "allow_unsigned": True, **more}
        )
        assert answer.status_code == 202, answer.text

    async def status(self, api: Api) -> dict[str, Any] | None:
        """What Studio says of updates; None while it starts again."""
        try:
            answer = await api.client.get("/api/system/updates")
        except httpx.TransportError:
            return None
        return answer.json() if answer.status_code == 200 else None

    async def settled(self, api: Api, *, within_s: float = 240.0) -> dict[str, Any]:
        """What it says once nothing is being done and nothing is on trial."""
        last: dict[str, Any] = {}

        async def is_settled() -> bool:
            said = await self.status(api)
            if said is None or said["work"] is not None or said["trial"] is not None:
                return False
            last.update(said)
            return not (self.studio_dir / "releases/armed.json").exists()

        await until_it(is_settled, "the update is over", within_s=within_s)
        return last


def picture(seed: int, steps: int = 4) -> dict[str, Any]:
    return text_to_image(f"fox {seed}", seed=seed, steps=steps)


async def make_picture(api: Api, seed: int = 1) -> str:
    """A job that is done, which no update may lose."""
    job = await api.submit(picture(seed))
    assert (await api.wait(job))["status"] == "succeeded"
    return job


async def require_picture(api: Api, job: str) -> None:
    found = await api.get(job)
    assert found["status"] == "succeeded"
    assert await api.content(found["outputs"][0])


def _changelog(version: str) -> str:
    return f"# Changelog\n\n## [{version}]\n\n- What {version} brings\n"


@contextlib.contextmanager
def rig(folder: Path, **environ: str) -> Iterator[Rig]:
    """A box that was not started yet; its first release is the application as it is here."""
    app = folder / "app"
    for part in (*PARTS, "boot"):
        shutil.copytree(ROOT / part, app / part, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bootstrap.py", "version.json"):
        shutil.copy(ROOT / name, app / name)
    with release_repo(folder / "elsewhere") as repo:
        repo.copy(ROOT, *PARTS)
        version = json.loads((ROOT / "version.json").read_text())["version"]
        commit = repo.commit(
            {
                "version.json": (ROOT / "version.json").read_text(),
                "CHANGELOG.md": _changelog(version),
            }
        )
        with process(folder, "embedded") as box:
            box.environ |= {
                "STUDIO_IMAGE": "1",
                "STUDIO_UID": "0",
                "ENGINE_UID": "0",
                "STUDIO_HOST": "127.0.0.1",
                "COMFYUI_PORT": "0",
                "STUDIO_COMMIT": commit,
                "REPO_URL": repo.url,
                "REPO_REF": "main",
                "STUDIO_OUTBOUND_ALLOW": repo.host,
                "UPDATE_CHECK_HOURS": "0",
                "UPDATE_TRIAL_S": "4",
                # The machine may be ten times as slow, and a good release is good on it too.
                "UPDATE_DEADLINE_S": "900",
                **{
                    name: str(folder / name.lower())
                    for name in ("ENGINE_DIR", "MODEL_DIR", "CACHE_DIR", "LLM_DIR")
                },
                **environ,
            }
            box.command = [sys.executable, str(app / "bootstrap.py")]
            yield Rig(box, repo, app)
