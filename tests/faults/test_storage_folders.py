"""Folders that cannot hold state are refused with a line that says why."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from studio.errors import InvalidRequest
from studio.paths import private_folder
from tests.api.graphs import png, upload
from tests.api.studio_process import run_studio
from tests.faults.storage_process import ROOT


def test_a_loop_of_links_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for place in (tmp_path / "a", tmp_path / "a" / "outputs"):
        with pytest.raises(InvalidRequest, match="cannot be used"):
            private_folder(place)


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "outputs"):
        with pytest.raises(InvalidRequest, match="cannot be used"):
            private_folder(place)


def test_a_link_to_nowhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidRequest, match="cannot be used"):
        private_folder(tmp_path / "link")


def test_a_link_to_a_folder_is_followed_to_its_real_place(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert private_folder(tmp_path / "link") == (tmp_path / "real").resolve()


def test_a_read_only_folder_is_refused_before_anything_is_accepted(tmp_path: Path) -> None:
    folder = tmp_path / "outputs"
    folder.mkdir(mode=0o555)
    script = "import sys; from pathlib import Path; from studio.paths import private_folder\n"
    script += "from studio.errors import InvalidRequest\n"
    script += "try: private_folder(Path(sys.argv[1]))\n"
    script += "except InvalidRequest as error: print(error.message)\n"
    command = [sys.executable, "-c", script, str(folder)]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere and setpriv is missing")
        command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *command]
        for parent in (tmp_path, *tmp_path.parents):
            if not os.stat(parent).st_mode & 0o001:
                parent.chmod(0o711)
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
    )
    assert done.stdout.strip() == f"The folder {folder} is read-only for this user.", done.stderr


def test_the_files_of_a_lost_database_stay_start_after_start(tmp_path: Path) -> None:
    with run_studio(tmp_path, engine=False) as studio, studio.client() as owner:
        upload(owner, png(), "kept.png")
    [stored] = (tmp_path / "studio" / "assets").glob("??/*")
    shutil.rmtree(tmp_path / "studio" / "db")
    for told in (True, False):
        with run_studio(tmp_path, engine=False) as studio:
            notices = httpx.get(f"{studio.url}/ready", timeout=30).json()["notices"]
            assert any("database was missing" in notice for notice in notices) is told
        assert stored.exists()
