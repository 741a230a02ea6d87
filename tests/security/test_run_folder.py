"""The folder of the sockets stays Studio's own, also where the one above is open to everybody."""

from __future__ import annotations

import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from boot.folders import prepare_run_dir
from boot.plan import BootError
from boot.settings import read_settings
from studio.errors import InvalidRequest
from studio.paths import sockets_folder

STUDIO_UID, ENGINE_UID, OTHER_UID = 10001, 10002, 10099
APP = Path(__file__).resolve().parents[2]


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One that everybody may write, as Kubernetes mounts an ``emptyDir``."""
    if os.geteuid() != 0:
        pytest.skip("only root can be several users")
    with tempfile.TemporaryDirectory(prefix="studio-run-") as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


def prepare(run_dir: Path) -> None:
    """What bootstrap does at every start of a container."""
    environ = {"STUDIO_IMAGE": "1", "STUDIO_RUN_DIR": str(run_dir), "STUDIO_DIR": "/nowhere"}
    prepare_run_dir(read_settings(environ, app_dir=APP))


def as_user(uid: int, work: Callable[[], None]) -> bool:
    """Whether another user can do that."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            work()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_an_engine_cannot_put_a_folder_of_its_own_in_its_place(open_folder: Path) -> None:
    run_dir = open_folder / "deeper" / "studio"
    run_dir.parent.mkdir()
    run_dir.parent.chmod(0o777)
    prepare(run_dir)
    moved = subprocess.run(
        ["mv", run_dir, open_folder / "away"], user=ENGINE_UID, group=ENGINE_UID, check=False
    )
    assert moved.returncode != 0
    moved = subprocess.run(
        ["mv", run_dir.parent, open_folder / "away"],
        user=ENGINE_UID,
        group=ENGINE_UID,
        check=False,
    )
    assert moved.returncode != 0
    facts = run_dir.stat()
    assert (facts.st_uid, stat.S_IMODE(facts.st_mode)) == (STUDIO_UID, 0o700)


def test_the_folder_itself_may_be_a_mount(open_folder: Path) -> None:
    for _ in range(2):
        prepare(open_folder)
        facts = open_folder.stat()
        assert (facts.st_uid, stat.S_IMODE(facts.st_mode)) == (STUDIO_UID, 0o700)


def test_a_mount_that_root_made_for_the_one_user_of_the_container_is_used(
    open_folder: Path,
) -> None:
    assert as_user(OTHER_UID, lambda: prepare(open_folder))
    open_folder.chmod(0o755)
    assert not as_user(OTHER_UID, lambda: prepare(open_folder))


def test_a_folder_of_another_user_is_refused_by_bootstrap_and_by_studio(open_folder: Path) -> None:
    os.chown(open_folder, ENGINE_UID, ENGINE_UID)
    with pytest.raises(BootError, match="belongs to another user"):
        prepare(open_folder)
    with pytest.raises(InvalidRequest, match="belongs to another user"):
        sockets_folder(open_folder)
    os.chown(open_folder, 0, 0)
    assert sockets_folder(open_folder) == open_folder


def test_the_manifest_for_kubernetes_mounts_that_folder_and_not_the_one_above() -> None:
    documents = yaml.safe_load_all((APP / "deploy/kubernetes.yaml").read_text())
    deployment = next(each for each in documents if each["kind"] == "Deployment")
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    places = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert "/run/studio" in places and "/run" not in places
