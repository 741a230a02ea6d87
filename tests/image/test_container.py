"""The container as a person starts it: with real ComfyUI inside, on the processor."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.fakes.gguf_files import write_model
from tests.image.container import (
    ENGINE_UID,
    PATIENCE_S,
    RED,
    STUDIO_UID,
    Container,
    eventually,
    running,
    slow_graph,
)
from tests.policy.source import ROOT

SHARED = ("/run", "/tmp", "/var/tmp")
"""Folders for everybody, in which nobody can replace what is another's."""
PNG = b"\x89PNG\r\n"
ANOTHER_UID = 4242

BOOTSTRAP = "bootstrap.py"
STUDIO = "-m studio serve"
COMFYUI = "main.py --listen"
LLAMA = "llama_server.py"


def owner(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_uid, stat.S_IMODE(found.st_mode)


def wait_for_health(container: Container) -> None:
    eventually(lambda: True if container.health() == "healthy" else None, "healthy")


def test_a_first_boot_on_an_empty_volume_ends_with_a_picture_of_real_comfyui(
    image: str, volume: Path
) -> None:
    with running(image, volume) as container:
        container.wait_for_login_page()
        ready = container.wait_until_ready()
        assert ready["isolation"] is True
        assert "no isolation" not in ready["notices"]
        engines = container.client.get("/api/system/engines").json()["engines"]
        assert [engine["kind"] for engine in engines] == ["comfyui"]
        assert container.make_red_picture().startswith(PNG)
        wait_for_health(container)

        assert container.process(STUDIO).uid == STUDIO_UID
        assert container.process(COMFYUI).uid == ENGINE_UID
        assert {each.uid for each in container.processes()} <= {0, STUDIO_UID, ENGINE_UID}
        assert owner(volume / "studio") == (STUDIO_UID, 0o700)
        uid, mode = owner(volume / "engine")
        assert (uid, mode & stat.S_ISGID) == (ENGINE_UID, stat.S_ISGID)


def test_a_second_boot_runs_the_release_that_the_first_one_made(image: str, volume: Path) -> None:
    def installed() -> str | None:
        answer = container.client.get("/api/system/updates").raise_for_status()
        release: str | None = answer.json()["installed"]["release"]
        return release

    with running(image, volume) as container:
        container.wait_until_ready()
        assert installed() is None
        eventually(lambda: True if (volume / "studio/current").is_symlink() else None, "a release")
        assert container.stop() == 0

        container.start()
        container.wait_until_ready()
        assert installed() == os.readlink(volume / "studio/current").removeprefix("releases/")
        assert container.make_red_picture().startswith(PNG)


def test_docker_stop_ends_everything_with_status_0(image: str, volume: Path) -> None:
    with running(image, volume) as container:
        container.wait_until_ready()
        everything = container.processes()
        assert len(everything) >= 4
        assert container.stop() == 0
        assert [each for each in everything if each.is_alive()] == []
        assert not (volume / "studio/run/lease.json").exists()


def test_jobs_that_a_stop_interrupted_are_finished_after_the_next_start(
    image: str, volume: Path
) -> None:
    with running(image, volume) as container:
        container.wait_until_ready()
        finished = container.submit(slow_graph(0))
        container.wait_for_status(finished, "succeeded")
        jobs = [container.submit(slow_graph(seed)) for seed in range(1, 6)]
        container.wait_for_status(jobs[0], "running", "succeeded")
        assert container.job(jobs[-1])["status"] in ("queued", "running")
        assert container.stop() == 0

        container.start()
        container.wait_until_ready()
        for job in (finished, *jobs):
            assert container.wait_for_status(job, "succeeded", "failed")["status"] == "succeeded"
            assert len(container.job(job)["outputs"]) == 1


@pytest.mark.parametrize("words", [STUDIO, COMFYUI])
def test_a_process_that_is_killed_comes_back(image: str, volume: Path, words: str) -> None:
    with running(image, volume) as container:
        container.wait_until_ready()
        killed = container.process(words)
        killed.kill()
        eventually(lambda: None if killed.is_alive() else True, "its end")
        assert container.process(words).pid != killed.pid
        container.wait_until_ready()
        assert container.make_red_picture().startswith(PNG)


def test_with_bootstrap_everything_ends_and_the_next_start_goes_on(
    image: str, volume: Path
) -> None:
    with running(image, volume) as container:
        container.wait_until_ready()
        job = container.submit(slow_graph(1))
        everything = container.processes()
        bootstrap = next(
            each
            for each in everything
            if each.command.endswith(BOOTSTRAP) and "tini" not in each.command
        )
        bootstrap.kill()
        eventually(lambda: None if container.is_running() else True, "the container's end")
        assert [each for each in everything if each.is_alive()] == []

        container.start()
        container.wait_until_ready()
        assert container.wait_for_status(job, "succeeded", "failed")["status"] == "succeeded"


def test_a_read_only_root_file_system_is_enough(image: str, volume: Path) -> None:
    options = ("--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp")
    with running(image, volume, *options) as container:
        container.wait_until_ready()
        assert container.make_red_picture().startswith(PNG)


def test_what_the_compose_file_leaves_to_the_container_is_enough(image: str, volume: Path) -> None:
    service = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]["studio"]
    assert service["read_only"] is True
    options = [
        "--read-only",
        *(f"--tmpfs={folder}" for folder in service["tmpfs"]),
        *(f"--cap-drop={each}" for each in service["cap_drop"]),
        *(f"--cap-add={each}" for each in service["cap_add"]),
        *(f"--security-opt={each}" for each in service["security_opt"]),
    ]
    with running(image, volume, *options) as container:
        ready = container.wait_until_ready()
        assert ready["isolation"] is True
        assert container.make_red_picture().startswith(PNG)
        assert container.stop() == 0


def test_a_language_model_on_the_volume_answers_as_the_user_of_the_engines(
    image: str, volume: Path
) -> None:
    def is_listed() -> bool | None:
        models = container.client.get("/api/language/models").raise_for_status().json()["models"]
        found = [(model["id"], model["trust"]) for model in models]
        return True if found == [("tiny", "unknown")] else None

    write_model(volume / "llm/tiny.gguf")
    with running(image, volume, "--read-only", "--tmpfs", "/run", "--tmpfs", "/tmp") as container:
        container.wait_for_login_page()
        eventually(is_listed, "the model")
        container.client.post("/api/language/models/tiny/confirm").raise_for_status()
        answer = container.client.post(
            "/v1/chat/completions",
            json={
                "model": "tiny",
                "messages": [{"role": "user", "content": "Hello"}],
                "max_tokens": 8,
            },
            timeout=PATIENCE_S,
        )
        assert answer.status_code == 200, f"{answer.text}\n{container.log()[-3000:]}"
        assert answer.json()["usage"]["completion_tokens"] > 0
        assert container.process(LLAMA).uid == ENGINE_UID
        assert container.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_a_volume_of_somebody_else_is_taken_over(image: str, volume: Path) -> None:
    with running(image, volume) as container:
        container.wait_until_ready()
        job = container.submit(slow_graph(1))
        container.wait_for_status(job, "succeeded")
        assert container.stop() == 0
    for path in (volume, *volume.rglob("*")):
        shutil.chown(path, ANOTHER_UID, ANOTHER_UID)
    with running(image, volume) as container:
        container.wait_until_ready()
        assert container.job(job)["status"] == "succeeded"
        assert container.make_red_picture().startswith(PNG)
        assert owner(volume / "studio") == (STUDIO_UID, 0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_with_user_everything_runs_as_that_one_and_says_so(image: str, volume: Path) -> None:
    shutil.chown(volume, ANOTHER_UID, ANOTHER_UID)
    with running(image, volume, "--user", f"{ANOTHER_UID}:{ANOTHER_UID}") as container:
        ready = container.wait_until_ready()
        assert ready["isolation"] is False
        assert "no isolation" in ready["notices"]
        assert container.make_red_picture().startswith(PNG)
        assert {each.uid for each in container.processes()} == {ANOTHER_UID}
        # Docker gives a user without a name the root of the file system for a home.
        assert container.process(STUDIO).environment()["HOME"] == "/workspace/studio"
        assert container.process(COMFYUI).environment()["HOME"] == "/workspace/engine"
        assert container.stop() == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_an_empty_volume_of_somebody_else_is_enough(image: str, volume: Path) -> None:
    shutil.chown(volume, ANOTHER_UID, ANOTHER_UID)
    with running(image, volume) as container:
        ready = container.wait_until_ready()
        assert ready["isolation"] is True
        assert container.make_red_picture().startswith(PNG)
        # The mount itself stays theirs.
        assert owner(volume)[0] == ANOTHER_UID


@pytest.mark.skipif(os.geteuid() != 0, reason="root's folder is one that keeps others out")
def test_a_volume_that_keeps_studio_out_is_explained(image: str, volume: Path) -> None:
    volume.chmod(0o700)
    with running(image, volume) as container:
        answer = eventually(lambda: container.get("/ready"), "an explanation")
        assert answer.status_code == 503
        assert "/workspace lets nobody through" in str(answer.json()["reasons"])
        wait_for_health(container)


def test_users_of_ones_own_choice_need_no_name_in_the_image(image: str, volume: Path) -> None:
    chosen = {"STUDIO_UID": "20001", "ENGINE_UID": "20002"}
    with running(image, volume, environment=chosen) as container:
        ready = container.wait_until_ready()
        assert ready["isolation"] is True
        assert container.make_red_picture().startswith(PNG)
        assert container.process(STUDIO).uid == 20001
        assert container.process(COMFYUI).uid == 20002


def test_without_a_network_it_becomes_ready_and_makes_pictures(image: str, volume: Path) -> None:
    with running(image, volume, network="none") as container:
        eventually(lambda: container.ask_inside("GET", "/ready"), "/ready")
        wait_for_health(container)
        answer = container.ask_inside("POST", "/api/v2/jobs", {"workflow": RED})
        assert answer is not None, container.log()[-3000:]
        path = f"/api/v2/jobs/{json.loads(answer)['id']}"

        def ended() -> dict[str, Any] | None:
            job: dict[str, Any] = json.loads(container.ask_inside("GET", path) or "{}")
            return job if job.get("status") in ("succeeded", "failed") else None

        job = eventually(ended, f"the end of the job in\n{container.log()[-3000:]}")
        assert job["status"] == "succeeded", json.dumps(job)
        url = httpx.URL(job["outputs"][0]["url"])
        picture = container.ask_inside("GET", url.raw_path.decode())
        assert picture is not None and picture.encode("latin-1").startswith(PNG)


def test_the_doctor_inside_finds_what_it_needs(image: str, volume: Path) -> None:
    with running(image, volume, network="none") as container:
        eventually(lambda: container.ask_inside("GET", "/ready"), "/ready")
        said = json.loads(container.run_inside("/opt/studio/start.sh", "doctor", "--json"))
        findings = {each["subject"]: each for each in said["findings"]}
        assert said["ok"] is True, said
        # The rest is the machine's: its GPU, its memory, its network.
        for subject in ("python", "packages", "state", "database", "running", "isolation"):
            assert findings[subject]["level"] == "OK", findings[subject]


def test_an_engine_can_write_nothing_but_its_own_part_of_the_volume(
    image: str, volume: Path
) -> None:
    with running(image, volume) as container:
        container.wait_until_ready()
        assert container.process(COMFYUI).uid == ENGINE_UID
        engine = f"{ENGINE_UID}:{ENGINE_UID}"

        def writable(*places: str) -> set[str]:
            found = container.run_inside(
                *("find", *places, "-xdev", "-writable", "!", "-type", "l"),
                user=engine,
                check=False,  # what it may not even look into
            )
            return set(found.splitlines())

        shared = tuple(f"{folder}/" for folder in SHARED)
        assert {path for path in writable("/") if not f"{path}/".startswith(shared)} == set()
        own = writable("/workspace")
        assert "/workspace/engine/output" in own
        assert {path for path in own if not f"{path}/".startswith("/workspace/engine/")} == set()
        for place in ("/opt/comfyui", "/opt/venv/comfyui", "/opt/venv/studio", "/opt/studio",
                      "/workspace", "/workspace/studio"):  # fmt: skip
            refused = container.run_inside("touch", f"{place}/planted", user=engine, check=False)
            assert refused == ""
            assert container.run_inside("ls", "-A", place).split().count("planted") == 0
        container.run_inside("touch", "/workspace/engine/planted", user=engine)
