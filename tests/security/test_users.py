"""The box with its real users: Studio's, the engines', and one that somebody chose for both.

What is in place of ComfyUI here is what a custom node is: any program, run by bootstrap as the
engines' user with what an engine gets.
"""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.studio_process import OWNER_KEY, RunningStudio, run_studio
from tests.fakes.bootstrap_family import ROOT, Line, wait_for
from tests.security.users import (
    ENGINE_UID,
    OTHER_UID,
    PYTHON,
    STUDIO_UID,
    needs_several_users,
    uid_of,
)

NODE = """
import json, os, signal, socket, time
from pathlib import Path

place = Path(__file__).with_name("place.json")
while not place.exists():
    time.sleep(0.05)
told = json.loads(place.read_text())
studio_dir, run_dir, pid, parent = (told[name] for name in ("studio", "run", "pid", "bootstrap"))

def connect(name):
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(f"{run_dir}/{name}")

def read(path):
    with open(path, "rb") as file:
        file.read(1)

tries = {
    "environment": lambda: read(f"/proc/{pid}/environ"),
    "bootstrap's environment": lambda: read(f"/proc/{parent}/environ"),
    "memory": lambda: open(f"/proc/{pid}/mem", "rb").close(),
    "open files": lambda: os.listdir(f"/proc/{pid}/fd"),
    "working folder": lambda: os.listdir(f"/proc/{pid}/cwd"),
    "folder": lambda: os.listdir(studio_dir),
    "database": lambda: read(f"{studio_dir}/db/studio.db"),
    "database for writing": lambda: open(f"{studio_dir}/db/studio.db", "r+b").close(),
    "backups": lambda: os.listdir(f"{studio_dir}/db/backups"),
    "pictures": lambda: os.listdir(f"{studio_dir}/assets"),
    "logs": lambda: os.listdir(f"{studio_dir}/logs"),
    "a release of its own": lambda: os.mkdir(f"{studio_dir}/planted"),
    "the link to the release": lambda: os.symlink("/tmp", f"{studio_dir}/.current-1"),
    "control socket": lambda: connect("control.sock"),
    "bootstrap's socket": lambda: connect("bootstrap.sock"),
    "engines' record": lambda: read(f"{run_dir}/engines.json"),
    "signal": lambda: os.kill(pid, 0),
    "signal to bootstrap": lambda: os.kill(parent, 0),
}
reached = []
for name, attempt in tries.items():
    try:
        attempt()
        reached.append(name)
    except FileNotFoundError:
        # Looking for it was allowed.
        reached.append(name)
    except PermissionError:
        pass
output = Path(told["engine"]) / "output"
(output / "studio").mkdir(exist_ok=True)
(output / "studio" / "picture.png").write_bytes(b"png")
said = {
    "reached": reached, "tries": len(tries), "environ": dict(os.environ),
    "uid": os.getuid(), "groups": os.getgroups(),
}
new = output / ".said"
new.write_text(json.dumps(said))
new.rename(output / "said.json")
time.sleep(600)
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may look into, on a machine where we may be every user."""
    needs_several_users()
    with tempfile.TemporaryDirectory(prefix="studio-users-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def box(place: Path, **more: str) -> dict[str, str]:
    """The variables of the image, with the program above as its ComfyUI."""
    comfyui = place / "ComfyUI"
    comfyui.mkdir()
    (comfyui / "main.py").write_text(NODE)
    python = comfyui / "python"
    # It is asked whether it has ComfyUI's packages, and says yes.
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit 0\nexec {PYTHON} "$@"\n')
    python.chmod(0o755)
    volume = place / "volume"
    volume.mkdir()
    return {
        "STUDIO_IMAGE": "1",
        "STUDIO_HOST": "127.0.0.1",
        "RUNTIME_VERSION": "1",
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "STUDIO_ENGINE": "comfyui",
        "COMFYUI_DIR": str(comfyui),
        "COMFYUI_PYTHON": str(python),
        "STUDIO_DIR": str(volume / "studio"),
        **{
            f"{name}_DIR": str(volume / name.lower())
            for name in ("ENGINE", "MODEL", "CACHE", "LLM")
        },
        **more,
    }


def running(studio: RunningStudio) -> tuple[int, int]:
    """The processes of bootstrap and of Studio, once Studio serves."""
    wait_for((studio.run_dir / "control.sock").exists, timeout_s=120)
    with Line(studio.run_dir / "bootstrap.sock") as line:
        told = line.ask(b'{"verb": "status"}')
    return told["bootstrap"]["pid"], told["children"]["studio"]["pid"]


def said_by_the_node(place: Path, studio: RunningStudio) -> dict[str, Any]:
    bootstrap, pid = running(studio)
    engine = place / "volume" / "engine"
    told = {
        "studio": str(place / "volume" / "studio"),
        "run": str(studio.run_dir),
        "engine": str(engine),
        "pid": pid,
        "bootstrap": bootstrap,
    }
    new = place / "place"
    new.write_text(json.dumps(told))
    new.rename(place / "ComfyUI" / "place.json")
    path = engine / "output" / "said.json"
    wait_for(path.exists, timeout_s=60)
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def engine_folder(place: Path) -> Path:
    """One that an engine has used before."""
    folder = place / "volume" / "engine"
    folder.mkdir()
    os.chown(folder, ENGINE_UID, ENGINE_UID)
    folder.chmod(0o2770)
    return folder


def test_a_node_in_the_box_reaches_nothing_of_studios_and_is_no_other_user(place: Path) -> None:
    environ = box(place, HF_TOKEN="canary-token", MY_KEY="canary-key")
    with run_studio(place, environ, serves=False, python=PYTHON) as studio:
        said = said_by_the_node(place, studio)
        ready = httpx.get(f"{studio.url}/ready", timeout=30).json()
        _bootstrap, pid = running(studio)
        assert uid_of(pid) == STUDIO_UID

        assert said["reached"] == []
        assert (said["uid"], said["groups"]) == (ENGINE_UID, [ENGINE_UID])
        assert said["environ"]["HOME"] == str(place / "volume" / "engine")
        assert "canary" not in json.dumps(said["environ"])
        assert OWNER_KEY not in json.dumps(said["environ"])
        assert ready["isolation"] is True and "no isolation" not in ready["notices"]

        # Studio, for its part, takes away what an engine wrote.
        picture = place / "volume" / "engine" / "output" / "studio" / "picture.png"
        subprocess.run(
            ["rm", str(picture)],
            user=STUDIO_UID,
            group=STUDIO_UID,
            extra_groups=[STUDIO_UID, ENGINE_UID],
            check=True,
        )
        assert not picture.exists()


def test_a_box_of_one_user_works_and_says_that_nothing_is_apart(place: Path) -> None:
    environ = box(place)
    os.chown(place / "volume", OTHER_UID, OTHER_UID)
    with run_studio(place, environ, serves=False, python=PYTHON, user=OTHER_UID) as studio:
        said = said_by_the_node(place, studio)
        ready = httpx.get(f"{studio.url}/ready", timeout=30).json()

        # The same program does reach all of it then: what is refused above is refused for a reason.
        assert len(said["reached"]) == said["tries"]
        assert said["uid"] == OTHER_UID
        assert ready["isolation"] is False and "no isolation" in ready["notices"]


def test_a_user_without_a_name_or_a_home_gets_both(place: Path) -> None:
    """As Docker starts ``--user 10099``: PyTorch asks for a name, packages keep files at home."""
    environ = box(place, HOME="/", XDG_CACHE_HOME="/somebody/.cache")
    os.chown(place / "volume", OTHER_UID, OTHER_UID)
    with run_studio(place, environ, serves=False, python=PYTHON, user=OTHER_UID) as studio:
        seen = said_by_the_node(place, studio)["environ"]
        assert seen["HOME"] == str(place / "volume" / "engine")
        assert seen["USER"] == seen["LOGNAME"] == "studio" and "XDG_CACHE_HOME" not in seen


def test_a_volume_that_the_one_user_may_not_write_is_explained_on_the_page(place: Path) -> None:
    environ = box(place)
    with run_studio(place, environ, serves=False, python=PYTHON, user=OTHER_UID) as studio:
        answer = httpx.get(f"{studio.url}/ready", timeout=30)
        assert answer.status_code == 503
        [reason] = answer.json()["reasons"]
        assert "Permission denied" in reason and "volume" in reason
        # There is no second process beside it that could be called isolated.
        assert not (place / "volume" / "studio").exists()


def test_a_volume_of_another_user_becomes_the_boxes_own(place: Path) -> None:
    environ = box(place)
    former = place / "volume" / "studio" / "db"
    former.mkdir(parents=True)
    (former / "notes").write_text("kept")
    (place / "volume" / "engine" / "input").mkdir(parents=True)
    for path in (place / "volume", *(place / "volume").rglob("*")):
        os.chown(path, OTHER_UID, OTHER_UID)
    (place / "elsewhere").write_text("root's")
    os.link(place / "elsewhere", former / "linked")
    with run_studio(place, environ, serves=False, python=PYTHON) as studio:
        said = said_by_the_node(place, studio)
        assert said["reached"] == []
        assert (former / "notes").stat().st_uid == STUDIO_UID
        assert (place / "elsewhere").stat().st_uid == 0
        assert (place / "volume" / "engine" / "input").stat().st_uid == ENGINE_UID
        # Only what is Studio's changes hands.
        assert (place / "volume").stat().st_uid == OTHER_UID


def test_what_root_left_in_studios_folder_does_not_keep_studio_out(place: Path) -> None:
    environ = box(place)
    with run_studio(place, environ, serves=False, python=PYTHON) as studio:
        running(studio)
    database = place / "volume" / "studio" / "db" / "studio.db"
    os.chown(database, 0, 0)
    os.chown(database.parent, 0, 0)
    database.chmod(0o600)
    deep = [place / "volume" / "studio" / name for name in ("thumbs/ab/deep", "releases/a/b/deep")]
    for path in deep:
        path.parent.mkdir(parents=True)
        path.write_text("root's")
    (place / "elsewhere").write_text("root's")
    (place / "volume" / "studio" / "planted").symlink_to(place / "elsewhere")
    os.link(place / "elsewhere", place / "volume" / "studio" / "db" / "linked")
    with run_studio(place, environ, serves=False, python=PYTHON) as studio:
        running(studio)
        assert (database.stat().st_uid, database.parent.stat().st_uid) == (STUDIO_UID, STUDIO_UID)
        assert [path.stat().st_uid for path in deep] == [STUDIO_UID, STUDIO_UID]
        # What has another name elsewhere may be somebody else's.
        assert (place / "elsewhere").stat().st_uid == 0


def test_a_node_that_locks_the_engines_folder_ends_no_isolation(place: Path) -> None:
    environ = box(place)
    engine_folder(place).chmod(0o500)
    with run_studio(place, environ, serves=False, python=PYTHON) as studio:
        said = said_by_the_node(place, studio)
        _bootstrap, pid = running(studio)
        assert (uid_of(pid), said["uid"], said["reached"]) == (STUDIO_UID, ENGINE_UID, [])


@pytest.mark.parametrize("trap", ["link", "file"])
def test_a_node_that_spoils_the_engines_folder_spoils_the_engine_alone(
    place: Path, trap: str
) -> None:
    environ = box(place)
    planted = engine_folder(place) / "input"
    if trap == "link":
        planted.symlink_to(place / "volume" / "studio" / "db")
    else:
        planted.write_text("in the way")
    os.chown(planted, ENGINE_UID, ENGINE_UID, follow_symlinks=False)
    with run_studio(place, environ, serves=False, python=PYTHON) as studio:
        _bootstrap, pid = running(studio)
        ready = httpx.get(f"{studio.url}/ready", timeout=30).json()
        assert uid_of(pid) == STUDIO_UID
        assert ready["isolation"] is True
        assert any("engine's folders" in notice for notice in ready["notices"])


KEEPS_OWNERS = """
import errno, os

def refuse(path, *rest, **more):
    place = os.readlink(f"/proc/self/fd/{path}") if isinstance(path, int) else os.fspath(path)
    if place.startswith(os.environ["KEEPS_OWNERS"]):
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM), place)
    change(path, *rest, **more)

change = os.chown
os.chown = os.fchown = refuse
"""
"""Python's start-up module in front of a volume like those network ones."""


@pytest.mark.parametrize(("owner", "name"), [(OTHER_UID, f"user {OTHER_UID}"), (0, "root")])
def test_a_volume_that_keeps_its_owners_is_worked_on_as_its_owner_which_is_told(
    place: Path, owner: int, name: str
) -> None:
    (place / "first").mkdir()
    (place / "first" / "sitecustomize.py").write_text(KEEPS_OWNERS)
    packages = f"{place / 'first'}{os.pathsep}{sysconfig.get_path('purelib')}"
    environ = box(place, PYTHONPATH=packages, KEEPS_OWNERS=str(place / "volume"))
    (place / "volume" / "studio").mkdir()
    for path in (place / "volume", place / "volume" / "studio"):
        os.chown(path, owner, owner)
    with run_studio(place, environ, serves=False, python=PYTHON) as studio:
        said = said_by_the_node(place, studio)
        bootstrap, pid = running(studio)
        ready = httpx.get(f"{studio.url}/ready", timeout=30).json()
        assert (uid_of(pid), said["uid"]) == (owner, owner)
        status = Path(f"/proc/{bootstrap}/status").read_text()
        assert f"Uid:\t{owner}\t{owner}\t{owner}\t" in status
        assert ready["isolation"] is False
        assert any(f"So everything runs as {name}," in notice for notice in ready["notices"])
        assert f"Going on as {name}, without isolation." in studio.log.read_text()
        doctor = subprocess.run(
            [PYTHON, "-P", "-m", "studio", "doctor"],
            env={**environ, "PYTHONPATH": str(ROOT) + os.pathsep + packages}
            | {"PATH": os.environ["PATH"], "STUDIO_RUN_DIR": str(studio.run_dir)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "isolation: The volume keeps its owners" in doctor.stdout, doctor.stdout
