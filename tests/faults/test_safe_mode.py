"""A box whose volume, release or engine cannot be used still opens its page and says why."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from boot.releases import read_current
from tests.api.studio_process import RunningStudio, run_studio
from tests.fakes.bootstrap_family import Line, wait_for
from tests.fakes.volumes import mounted

RELEASE = "9.0.0-aaaaaaaaaaaa"


@pytest.fixture
def volume() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="studio-volume-") as folder:
        yield Path(folder)


def in_the_image(volume: Path, **more: str) -> dict[str, str]:
    """What the image sets; as one user, which works without root too."""
    return {
        "STUDIO_IMAGE": "1",
        "STUDIO_HOST": "127.0.0.1",
        "STUDIO_UID": "0",
        "RUNTIME_VERSION": "1",
        **{
            f"{name}_DIR": str(volume / name.lower())
            for name in ("ENGINE", "MODEL", "CACHE", "LLM")
        },
        **more,
    }


def reasons(studio: RunningStudio) -> list[str]:
    answer = httpx.get(f"{studio.url}/ready", timeout=30)
    assert answer.status_code == 503
    found: list[str] = answer.json()["reasons"]
    return found


def explains(studio: RunningStudio, word: str) -> None:
    """It lives, and says why nothing else does: to programs, probes and people."""
    assert studio.is_alive()
    assert any(word in reason for reason in reasons(studio))
    page = httpx.get(f"{studio.url}/", headers={"Accept": "text/html,*/*;q=0.8"}, timeout=30)
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert word in page.text and "Traceback" not in page.text
    told = httpx.get(f"{studio.url}/api/v2/jobs", timeout=30)
    assert told.status_code == 503
    assert told.json()["error"]["code"] == "unavailable" and word in told.json()["error"]["message"]


def ends_well(studio: RunningStudio) -> None:
    studio.process.terminate()
    assert studio.process.wait(30) == 0


def test_a_read_only_volume_is_explained_on_the_page(volume: Path) -> None:
    with mounted(volume, "ro"), tempfile.TemporaryDirectory() as elsewhere:
        environ = in_the_image(volume, STUDIO_DIR=str(volume / "studio"))
        with run_studio(Path(elsewhere), environ, serves=False) as studio:
            explains(studio, "Read-only")
            ends_well(studio)


def test_a_file_in_place_of_the_volumes_folder_is_explained_on_the_page(volume: Path) -> None:
    (volume / "studio").write_text("not a folder")
    with run_studio(volume, in_the_image(volume), serves=False) as studio:
        explains(studio, str(volume / "studio"))
        ends_well(studio)


def test_a_link_to_a_release_that_is_gone_starts_the_images_copy_and_says_so(volume: Path) -> None:
    (volume / "studio").mkdir()
    (volume / "studio" / "current").symlink_to(f"releases/{RELEASE}")
    with run_studio(volume, in_the_image(volume)) as studio, studio.client() as client:
        ready = client.get("/ready").json()
        assert any("Safe mode" in notice and RELEASE in notice for notice in ready["notices"])
        start = client.get("/api/system").json()["start"]
        assert RELEASE in start["safe_mode"] and start["release"] is None
        # Nothing is repaired behind the owner's back.
        assert read_current(studio.folder) == RELEASE


def test_a_database_that_is_too_new_for_the_images_copy_is_explained_in_safe_mode(
    volume: Path,
) -> None:
    with run_studio(volume, in_the_image(volume)) as studio:
        wait_for(lambda: read_current(studio.folder))
    shutil.rmtree(volume / "studio" / "releases")
    with sqlite3.connect(volume / "studio" / "db" / "studio.db") as database:
        database.execute("UPDATE meta SET value = '9999' WHERE key = 'min_writer'")
        database.execute("PRAGMA user_version=9999")
    database.close()
    with run_studio(volume, in_the_image(volume), serves=False) as studio:
        wait_for(lambda: any("newer" in reason for reason in reasons(studio)), timeout_s=60)
        explains(studio, "newer")
        ends_well(studio)


def test_a_release_that_cannot_open_the_database_any_more_is_explained(volume: Path) -> None:
    with run_studio(volume, in_the_image(volume)) as studio:
        release = wait_for(lambda: read_current(studio.folder), timeout_s=60)
    with sqlite3.connect(volume / "studio" / "db" / "studio.db") as database:
        database.execute("UPDATE meta SET value = '9999' WHERE key = 'min_writer'")
        database.execute("PRAGMA user_version=9999")
    database.close()
    with run_studio(volume, in_the_image(volume), serves=False) as studio:

        def is_told() -> bool:
            try:
                return any(release in reason for reason in reasons(studio))
            except httpx.TransportError:
                return False

        wait_for(is_told, timeout_s=300)
        explains(studio, "newer")
        ends_well(studio)


def test_a_box_without_its_comfyui_opens_its_library_and_says_what_is_missing(
    volume: Path,
) -> None:
    environ = in_the_image(
        volume, STUDIO_ENGINE="comfyui", COMFYUI_DIR=str(volume / "nowhere"), COMFYUI_PORT=""
    )
    with run_studio(volume, environ, serves=False) as studio, studio.client() as client:
        wait_for(lambda: client.get("/api/library").status_code == 200, timeout_s=60)
        assert any("engines: none" in reason for reason in reasons(studio))
        notices = client.get("/ready").json()["notices"]
        assert any("COMFYUI_DIR" in notice for notice in notices)


def test_what_a_loading_comfyui_writes_is_told_while_it_loads(volume: Path) -> None:
    comfyui = volume / "ComfyUI"
    comfyui.mkdir()
    (comfyui / "main.py").write_text(
        "import time; print('Import times for custom nodes', flush=True); time.sleep(600)"
    )
    python = comfyui / "python"
    # It is asked whether it has ComfyUI's packages, and says yes.
    python.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exit 0\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    environ = in_the_image(
        volume, STUDIO_ENGINE="comfyui", COMFYUI_DIR=str(comfyui), COMFYUI_PYTHON=str(python)
    )
    with run_studio(volume, environ, serves=False) as studio, studio.client() as client:

        def last_line() -> str | None:
            answer = client.get("/api/system/engines")
            engines = answer.json()["engines"] if answer.status_code == 200 else []
            return next((each["log_tail"][-1] for each in engines if each["log_tail"]), None)

        assert "custom nodes" in wait_for(last_line, timeout_s=120)
        start = client.get("/api/system").json()["start"]
        assert start["page_s"] > 0 and start["ready_s"] is None


def ended_start(client: httpx.Client) -> dict[str, Any] | None:
    """What is told of a start, once it is over."""
    start: dict[str, Any] = client.get("/api/system").json()["start"]
    return None if start["ready_s"] is None else start


def test_the_first_start_and_the_second_run_the_real_studio_from_image_and_release(
    volume: Path,
) -> None:
    with run_studio(volume, in_the_image(volume)) as studio, studio.client() as client:
        first = client.get("/api/system").json()["start"]
        release = wait_for(lambda: read_current(studio.folder), timeout_s=60)
    with run_studio(volume, in_the_image(volume)) as studio, studio.client() as client:
        # Work is taken a moment before it is noted when.
        second = wait_for(lambda: ended_start(client), timeout_s=60)
        page = client.get("/", headers={"Accept": "text/html"})
        assert page.status_code == 200 and client.get("/api/workflows").json()["items"]
    assert (first["release"], second["release"]) == (None, release)
    assert [phase["name"] for phase in second["phases"]] == [
        *("python", "folders", "volume", "engines", "program", "storage", "services", "engine")
    ]
    assert 0 < second["page_s"] <= second["ready_s"]


def test_a_studio_that_is_started_again_counts_its_phases_anew(volume: Path) -> None:
    with run_studio(volume, in_the_image(volume)) as studio, studio.client() as client:
        before = client.get("/api/system").json()["start"]["phases"]
        with Line(studio.run_dir / "bootstrap.sock") as line:
            child = line.ask(b'{"verb": "status", "name": "studio"}')["child"]["pid"]
        os.kill(child, signal.SIGKILL)
        wait_for(lambda: not Path(f"/proc/{child}").exists())
        wait_for(studio.is_ready, timeout_s=60)
        after = client.get("/api/system").json()["start"]["phases"]
    assert before[0]["name"] == "python" and after[0]["name"] == "program"
