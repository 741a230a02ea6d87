"""An update and a way back in a box with its real users: bootstrap root, Studio and engine not."""

from __future__ import annotations

import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.family import members
from tests.faults.harness import until_it
from tests.faults.update_rig import Rig, make_picture, require_picture, rig
from tests.security.users import ENGINE_UID, PYTHON, STUDIO_UID, needs_several_users, uid_of

REACH = """
import os, sys
for path in sys.argv[1:]:
    for attempt in (os.listdir, lambda path: os.mkdir(f"{path}/planted")):
        try:
            attempt(path)
        except PermissionError:
            continue
        sys.exit(f"{path} was reached")
"""


@pytest.fixture
def box() -> Iterator[Rig]:
    needs_several_users()
    with tempfile.TemporaryDirectory(prefix="studio-users-") as made:
        folder = Path(made)
        folder.chmod(0o755)
        # Studio's children start the Python that Studio runs on, with nothing of its environment.
        venv = folder / "venv"
        subprocess.run((PYTHON, "-m", "venv", "--without-pip", str(venv)), check=True)
        [packages] = venv.glob("lib/python3*/site-packages")
        (packages / "tests.pth").write_text(sysconfig.get_path("purelib"))
        ids = {"STUDIO_UID": str(STUDIO_UID), "ENGINE_UID": str(ENGINE_UID)}
        with rig(folder, **ids) as made_rig:
            made_rig.box.command[0] = str(venv / "bin" / "python")
            yield made_rig


def require_users(box: Rig) -> None:
    """Each process is its own user, and what lies in Studio's folder is Studio's."""
    pids = members(box.box)
    assert (uid_of(pids["studio"]), uid_of(pids["engine"])) == (STUDIO_UID, ENGINE_UID)
    others = {
        str(path): path.lstat().st_uid
        for path in box.studio_dir.rglob("*")
        if path.lstat().st_uid != STUDIO_UID
    }
    assert others == {}
    releases = box.studio_dir / "releases"
    done = subprocess.run(
        (PYTHON, "-c", REACH, str(releases), *(str(each) for each in releases.iterdir())),
        user=ENGINE_UID,
        group=ENGINE_UID,
        extra_groups=[],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


async def test_an_update_and_the_way_back_leave_everything_to_its_user(box: Rig) -> None:
    box.box.start()
    async with box.box.api() as api:
        first, job = await box.first(), await make_picture(api)
        engine = members(box.box)["engine"]
        require_users(box)

        commit = box.release()
        await box.apply(api, commit)
        said = await box.settled(api)
        assert (said["failure"], said["installed"]["version"]) == (None, "0.2.0")
        assert box.current() == f"0.2.0-{commit[:12]}" != first
        require_users(box)
        await require_picture(api, job)

        harm = box.on_trial("studio/cli/serve.py", "os._exit(9)")
        await box.apply(api, box.release("0.2.1", **harm))

        async def is_back() -> bool:
            told = await box.status(api)
            return bool(told and told["rolled_back"])

        await until_it(is_back, "it is rolled back", within_s=240)
        await box.settled(api)
        assert box.current() == f"0.2.0-{commit[:12]}"
        assert members(box.box)["engine"] == engine
        require_users(box)
        await require_picture(api, job)
        await make_picture(api, seed=2)
