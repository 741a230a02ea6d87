"""``studio doctor``: every failure comes with what helps."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from studio.cli.checks.engines import is_too_old
from studio.cli.checks.finding import Level
from studio.cli.checks.installation import check_installation
from tests.cli.program import ROOT, Place


def examine(place: Place) -> tuple[int, dict[str, dict[str, Any]]]:
    ended = place.run("doctor", "--json")
    report = json.loads(ended.out)
    assert report["ok"] == (ended.status == 0)
    return ended.status, {finding["subject"]: finding for finding in report["findings"]}


def test_a_machine_that_can_run_studio_passes_and_nothing_is_made(place: Place) -> None:
    status, findings = examine(place)
    assert status == 0
    assert findings["engine"]["level"] == "OK"
    assert not place.studio_dir.exists()


def test_packages_are_compared_with_the_list_that_an_environment_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The image has no checkout, and a release has no environment of its own."""
    environment, checkout = tmp_path / "environment", tmp_path / "checkout"
    environment.mkdir()
    checkout.mkdir()
    monkeypatch.setattr(sys, "prefix", str(environment))
    assert [each.level for each in check_installation(checkout)] == [Level.OK, Level.WARN]
    lock = environment / "requirements.lock"
    lock.write_text(f"fastapi=={metadata.version('fastapi')} \\\n    --hash=sha256:0\n")
    assert [each.level for each in check_installation(checkout)] == [Level.OK, Level.OK]
    lock.write_text("fastapi==0.0.1 \\\n    --hash=sha256:0\n")
    assert "instead of 0.0.1" in list(check_installation(checkout))[1].message
    (checkout / "requirements.lock").write_text("no-such-package==1.0\n")
    assert "Missing: no-such-package" in list(check_installation(checkout))[1].message


def test_a_broken_comfyui_fails_with_what_helps(place: Place) -> None:
    place.more = {"STUDIO_ENGINE": "auto", "COMFYUI_DIR": str(place.folder / "nowhere")}
    status, findings = examine(place)
    assert status == 1
    assert findings["engine"]["level"] == "FAIL"
    assert "COMFYUI_DIR" in findings["engine"]["message"]
    assert findings["engine"]["fix"]


def test_an_old_comfyui_without_torch_fails_twice(place: Place) -> None:
    comfyui = place.folder / "ComfyUI"
    comfyui.mkdir()
    (comfyui / "main.py").touch()
    (comfyui / "comfyui_version.py").write_text('__version__ = "0.20.1"\n')
    # It can be found, as bootstrap looks for it, but not imported.
    python = comfyui / "python"
    packages = comfyui / "packages"
    for name in ("torch", "aiohttp"):
        (packages / name).mkdir(parents=True)
        (packages / name / "__init__.py").write_text("raise ImportError('half of it')\n")
    python.write_text(
        f'#!/bin/sh\nPYTHONPATH="{packages}" exec "{ROOT}/.venv/bin/python" -S "$@"\n'
    )
    python.chmod(0o755)
    place.more = {
        "STUDIO_ENGINE": "comfyui", "COMFYUI_DIR": str(comfyui), "COMFYUI_PYTHON": str(python),
    }  # fmt: skip
    status, findings = examine(place)
    assert status == 1
    assert "0.20.1" in findings["ComfyUI"]["message"]
    assert "half of it" in findings["torch"]["message"]
    assert "pip install" in findings["torch"]["fix"]


def test_a_port_in_use_is_named_with_its_program(place: Place) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        place.more = {"STUDIO_PORT": str(other.getsockname()[1])}
        status, findings = examine(place)
    assert status == 1
    assert f"process {os.getpid()} (" in findings["port"]["message"]
    assert "STUDIO_PORT" in findings["port"]["fix"]


def test_a_look_at_the_database_leaves_nothing_behind(place: Place) -> None:
    place.run("keys", "create", "mine")
    before = sorted(place.studio_dir.rglob("*"))
    assert examine(place)[1]["database"]["level"] == "OK"
    assert sorted(place.studio_dir.rglob("*")) == before


def test_a_damaged_database_fails(place: Place) -> None:
    place.run("keys", "create", "mine")
    database = place.studio_dir / "db" / "studio.db"
    database.write_bytes(b"SQLite format 3\0" + b"x" * 8192)
    status, findings = examine(place)
    assert status == 1
    assert findings["database"]["level"] == "FAIL"


def test_a_weak_key_fails_only_where_strangers_can_come(place: Place) -> None:
    place.more = {"API_KEY": "fox"}
    assert examine(place)[1]["API key"]["level"] == "WARN"
    place.more = {"API_KEY": "fox", "STUDIO_PUBLIC_URL": "https://studio.example"}
    status, findings = examine(place)
    assert (status, findings["API key"]["level"]) == (1, "FAIL")


def test_an_engine_elsewhere_that_does_not_answer_fails(place: Place) -> None:
    place.more = {"STUDIO_ENGINE": "http://127.0.0.1:9"}
    status, findings = examine(place)
    assert (status, findings["127.0.0.1-9"]["level"]) == (1, "FAIL")


def test_an_engine_elsewhere_that_speaks_another_protocol_fails(place: Place) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def greet() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as visitor:
                visitor.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")

        threading.Thread(target=greet, daemon=True).start()
        place.more = {"STUDIO_ENGINE": f"http://127.0.0.1:{port}"}
        status, findings = examine(place)
    assert (status, findings[f"127.0.0.1-{port}"]["level"]) == (1, "FAIL")


def test_a_setting_that_cannot_be_read_is_named(place: Place) -> None:
    place.more = {"STUDIO_PORT": "many"}
    status, findings = examine(place)
    assert status == 1
    assert "STUDIO_PORT" in findings["settings"]["message"]


def test_a_studio_that_runs_is_asked(running: Place) -> None:
    status, findings = examine(running)
    assert status == 0
    assert findings["running"]["message"] == "Studio takes work"
    assert findings["embedded"]["level"] == "OK"
    assert findings["ComfyUI"]["level"] == "INFO"
    assert "COMFYUI_DIR" in findings["ComfyUI"]["fix"]


def test_what_a_studio_tells_its_owner_is_not_said_to_go_by_itself(place: Place) -> None:
    """The manifest is read at every start, so what is wrong with it stays until it is mended."""
    manifest = place.folder / "models.yaml"
    manifest.write_text("before: [no-such-entry]")
    place.more["MODEL_MANIFEST"] = str(manifest)
    with place.serving():
        told: list[str] = []
        while not told:
            ended = place.run("doctor")
            told = [line for line in ended.out.splitlines() if "“no-such-entry”" in line]
        assert "again then if it is still so" in ended.out
        assert "It is gone" not in ended.out


def test_the_shell_of_doctor_is_not_taken_for_that_of_the_studio_that_runs(
    running: Place,
) -> None:
    running.run("keys", "create", "for-doctor")
    _, findings = examine(running)
    assert "API key" not in findings
    assert "open it" in findings["keys"]["message"]


def test_a_short_key_is_warned_about_and_one_warning_is_one(place: Place) -> None:
    place.more = {"API_KEY": "0123456789abcde"}
    _, findings = examine(place)
    assert findings["API key"]["level"] == "WARN"
    assert "shorter than 16" in findings["API key"]["message"]
    count = sum(finding["level"] == "WARN" for finding in findings.values())
    wanted = "1 warning." if count == 1 else f"{count} warnings."
    assert wanted in place.run("doctor").out


def test_every_failure_is_shown_with_its_fix_for_people(place: Place) -> None:
    place.more = {"STUDIO_ENGINE": "auto", "COMFYUI_DIR": str(place.folder / "nowhere")}
    ended = place.run("doctor")
    lines = ended.out.splitlines()
    failed = [number for number, line in enumerate(lines) if line.startswith("FAIL")]
    assert failed
    assert all("→" in lines[number + 1] for number in failed)


@pytest.mark.parametrize(
    ("version", "old"), [("0.32.9", True), ("0.33", False), ("v0.33.1+x", False), ("1.0", False)]
)
def test_comfyui_must_be_at_least_0_33(version: str, old: bool) -> None:
    assert is_too_old(version) is old


def test_the_hubs_and_the_clock_are_looked_at_where_the_settings_say_they_are(
    place: Place,
) -> None:
    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_response_only(404)
            self.send_header("Date", "Tue, 01 Jan 2030 00:00:00 GMT")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    hub = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=hub.serve_forever, daemon=True).start()
    with socket.socket() as closed:
        # Bound and not listened on: a connection is refused.
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        place.more = {
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "CIVITAI_URL": nowhere,
            # Asked as downloads ask: by no proxy.
            "http_proxy": nowhere,
        }
        status, findings = examine(place)
    hub.shutdown()
    hub.server_close()
    assert status == 0
    assert findings["Hugging Face"]["level"] == "OK"
    assert findings["Civitai"]["level"] == "WARN" and "refused" in findings["Civitai"]["message"]
    assert findings["clock"]["level"] == "WARN" and "behind" in findings["clock"]["message"]


def test_locks_memory_and_gpu_are_looked_at_before_the_first_start(place: Place) -> None:
    _status, findings = examine(place)
    assert findings["locks"]["level"] == "OK"
    assert "GB" in findings["memory"]["message"]
    assert findings["GPU"]["message"]
