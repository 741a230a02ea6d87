"""What ``bootstrap.py`` makes of its environment: engines, folders, refusals."""

from __future__ import annotations

import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.bootstrap_app import App
from tests.fakes.bootstrap_app import app as stub_app
from tests.fakes.bootstrap_family import is_alive, wait_for

SECRETS = {
    "API_KEY": "canary",
    "HF_TOKEN": "canary",
    "CIVITAI_API_KEY": "canary",
    "TELEGRAM_BOT_TOKEN": "canary",
    "NVIDIA_API_KEY": "canary",
    "CUDA_SECRET": "canary",
    "RUNPOD_SECRET_x": "canary",
    "SOMETHING_ELSE": "canary",
}


@pytest.fixture
def app() -> Iterator[App]:
    with stub_app() as made:
        yield made


def test_no_secret_reaches_an_engine_and_every_one_reaches_studio(app: App) -> None:
    comfyui = app.add_comfyui()
    app.start(
        COMFYUI_DIR=str(comfyui), CUDA_VISIBLE_DEVICES="0", LC_ALL="C.UTF-8", TZ="UTC", **SECRETS
    )
    environ = app.facts("comfyui")["environ"]
    assert "canary" not in environ.values()
    assert environ["CUDA_VISIBLE_DEVICES"] == "0" and environ["TZ"] == "UTC"
    assert not [name for name in environ if name.startswith("STUDIO_")]
    assert SECRETS.items() <= app.facts("studio")["environ"].items()


def test_a_proxys_password_reaches_no_engine(app: App) -> None:
    comfyui = app.add_comfyui()
    proxies = {"HTTPS_PROXY": "http://me:canary@127.0.0.1:9", "all_proxy": "me:canary@127.0.0.1:9"}
    app.start(COMFYUI_DIR=str(comfyui), HTTP_PROXY="http://127.0.0.1:9", **proxies)
    environ = app.facts("comfyui")["environ"]
    assert environ["HTTP_PROXY"] == "http://127.0.0.1:9"
    assert not proxies.keys() & environ.keys()
    assert proxies.items() <= app.facts("studio")["environ"].items()


def test_studio_is_told_where_the_engines_are(app: App) -> None:
    comfyui = app.add_comfyui()
    app.start(
        COMFYUI_DIR=str(comfyui),
        COMFYUI_FLAGS="--cpu --preview-size '256'",
        STUDIO_ENGINE="comfyui, http://10.0.0.2:8188/ ,embedded",
    )
    told = app.facts("studio")["environ"]
    engines = json.loads(told["STUDIO_ENGINES"])
    assert [(each["name"], each["kind"]) for each in engines] == [
        ("comfyui", "comfyui"),
        ("10.0.0.2-8188", "remote"),
        ("embedded", "embedded"),
    ]
    assert engines[1]["url"] == "http://10.0.0.2:8188"
    assert told["STUDIO_ISOLATION"] == "0"
    assert told["STUDIO_RUN_DIR"] == str(app.folder / "run")
    data = (app.folder / "data").resolve()
    assert told["ENGINE_DIR"] == str(data / "engine")
    for name, place in (("comfyui", comfyui), ("embedded", app.app)):
        facts = app.facts(name)
        assert facts["cwd"] == str(place.resolve())
        url = next(each["url"] for each in engines if each["name"] == name)
        argv = facts["argv"]
        assert url == f"http://127.0.0.1:{argv[argv.index('--port') + 1]}"
        assert argv[argv.index("--output-directory") + 1] == str(data / "engine" / "output")
        # Whichever starts last must not empty the other's temporary folder.
        assert argv[argv.index("--temp-directory") + 1] == str(data / "engine" / name)
        temp_dir = next(each["temp_dir"] for each in engines if each["name"] == name)
        assert temp_dir == str(data / "engine" / name / "temp")
    assert "temp_dir" not in engines[1]
    assert app.facts("comfyui")["argv"][-3:] == ["--cpu", "--preview-size", "256"]


def test_the_folders_and_the_model_paths_are_made(app: App) -> None:
    (app.folder / "nas" / "ipadapter").mkdir(parents=True)
    app.start(STUDIO_ENGINE="embedded", MODEL_DIR=str(app.folder / "nas"))
    app.facts("studio")
    engine = app.folder / "data" / "engine"
    assert {path.name for path in engine.iterdir() if path.is_dir()} == {
        *("input", "output", "temp", "user", "custom_nodes", "packs", "language"),
    }
    text = (engine / "extra_model_paths.yaml").read_text()
    section = json.loads(text.partition("\n")[2])["studio_1"]
    assert section["checkpoints"] == str(app.folder / "nas" / "checkpoints")
    assert section["ipadapter"] == str(app.folder / "nas" / "ipadapter")
    assert section["custom_nodes"] == str(engine / "custom_nodes")
    assert list(json.loads(text.partition("\n")[2])) == ["studio_cache", "studio_1"]
    cache = json.loads(text.partition("\n")[2])["studio_cache"]
    assert cache["ipadapter"] == str(app.folder / "data" / "cache" / "ipadapter")
    assert stat.S_IMODE((app.folder / "run").stat().st_mode) == 0o700
    assert stat.S_IMODE((app.folder / "data").stat().st_mode) == 0o700


def test_types_that_only_the_installed_comfyui_knows_are_listed(app: App) -> None:
    comfyui = app.add_comfyui()
    (comfyui / "folder_paths.py").write_text(
        'folder_names_and_paths["holograms"] = ([], set())\n'
        'folder_names_and_paths["custom_nodes"] = ([], set())\n'
        'folder_names_and_paths["../../etc"] = ([], set())\n'
    )
    app.start(STUDIO_ENGINE="comfyui", COMFYUI_DIR=str(comfyui))
    app.facts("studio")
    data = app.folder / "data"
    text = (data / "engine" / "extra_model_paths.yaml").read_text()
    section = json.loads(text.partition("\n")[2])["studio_1"]
    assert section["holograms"] == str(data / "models" / "holograms")
    assert section["custom_nodes"] == str(data / "engine" / "custom_nodes")
    assert "../../etc" not in section


@pytest.mark.parametrize(
    ("environ", "word"),
    [
        ({"STUDIO_ENGINE": "comfyui", "COMFYUI_DIR": "/nonexistent"}, "COMFYUI_DIR"),
        ({"STUDIO_ENGINE": "auto", "COMFYUI_DIR": "/nonexistent"}, "COMFYUI_DIR"),
        ({"STUDIO_ENGINE": "http://u:canary@h:1"}, "STUDIO_ENGINE"),
        ({"STUDIO_ENGINE": "http://h:99999"}, "STUDIO_ENGINE"),
        ({"STUDIO_ENGINE": "embeded"}, "STUDIO_ENGINE"),
        ({"STUDIO_ENGINE": "embedded,embedded"}, "twice"),
        ({"STUDIO_ENGINE": "http://a:1,http://a:1/"}, "twice"),
        ({"STUDIO_ENGINE": "http://a,http://A:80"}, "twice"),
        ({"COMFYUI_PORT": "80a"}, "COMFYUI_PORT"),
        ({"COMFYUI_FLAGS": "--x 'open"}, "COMFYUI_FLAGS"),
        ({"STUDIO_RUN_DIR": "/tmp/" + "x" * 110}, "STUDIO_RUN_DIR"),
    ],
)
def test_what_is_wrong_is_said_by_its_name(app: App, environ: dict[str, str], word: str) -> None:
    code, words = app.refused(**environ)
    assert code == 2
    assert word in words and "canary" not in words and "Traceback" not in words


def test_comfyui_without_its_packages_is_not_used(app: App) -> None:
    comfyui = app.add_comfyui()
    (comfyui / "venv" / "bin" / "python").write_text("#!/bin/sh\nexit 1\n")
    code, words = app.refused(COMFYUI_DIR=str(comfyui), STUDIO_ENGINE="comfyui")
    assert code == 2 and "COMFYUI_PYTHON" in words


def test_a_chosen_port_that_is_taken_is_said(app: App) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, words = app.refused(STUDIO_ENGINE="embedded", COMFYUI_PORT=str(port))
    assert code == 2 and f"COMFYUI_PORT {port} is in use" in words


def test_the_port_that_studio_will_open_is_not_given_to_an_engine(app: App) -> None:
    app.start(
        STUDIO_ENGINE="embedded", COMFYUI_PORT="", STUDIO_HOST="127.0.0.2", STUDIO_PORT="8188"
    )
    argv = app.facts("embedded")["argv"]
    assert argv[argv.index("--port") + 1] != "8188"


def test_one_port_for_both_is_refused(app: App) -> None:
    code, words = app.refused(STUDIO_ENGINE="embedded", COMFYUI_PORT="9123", STUDIO_PORT="9123")
    assert code == 2 and "COMFYUI_PORT and STUDIO_PORT are both 9123" in words


def test_unknown_arguments_are_refused(app: App) -> None:
    assert app.refused("restart") == (2, "usage: bootstrap.py [serve [--take-over]]\n")


def test_a_run_folder_that_is_a_link_is_refused(app: App) -> None:
    (app.folder / "elsewhere").mkdir()
    (app.folder / "run").symlink_to(app.folder / "elsewhere")
    code, words = app.refused(STUDIO_ENGINE="embedded")
    assert code == 2 and "symbolic link" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_run_folder_of_somebody_else_is_refused(app: App) -> None:
    (app.folder / "run").mkdir()
    os.chown(app.folder / "run", 12345, 12345)
    code, words = app.refused(STUDIO_ENGINE="embedded")
    assert code == 2 and "another user" in words


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
def test_in_the_image_folders_belong_to_who_writes_there(app: App) -> None:
    app.folder.chmod(0o755)
    data, engine = app.folder / "data", app.folder / "engine"
    data.mkdir()
    (data / "old.db").touch()
    # The children's Python may be out of other users' reach; the folders are what matters here.
    process = app.start(
        STUDIO_IMAGE="1",
        STUDIO_ENGINE="embedded",
        ENGINE_DIR=str(engine),
        MODEL_DIR=str(app.folder / "models"),
        CACHE_DIR=str(app.folder / "cache"),
        LLM_DIR=str(app.folder / "llm"),
    )
    wait_for(lambda: (app.folder / "run" / "bootstrap.sock").exists())

    def facts(path: Path) -> tuple[int, int, str]:
        seen = path.stat()
        return seen.st_uid, seen.st_gid, oct(stat.S_IMODE(seen.st_mode))

    assert facts(data) == (10001, 10001, "0o700")
    assert facts(data / "old.db")[0] == 10001
    assert facts(data / "logs") == (10001, 10001, "0o700")
    assert facts(engine) == (10002, 10002, "0o2770")
    assert facts(engine / "output") == (10002, 10002, "0o2775")
    assert facts(app.folder / "models")[0] == 10001
    assert facts(app.folder / "run") == (10001, 10001, "0o700")
    assert facts(app.folder / "run" / "bootstrap.sock") == (10001, 10001, "0o600")
    assert is_alive(process.pid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be several users")
def test_in_the_image_a_volume_that_is_closed_to_studio_is_named(app: App) -> None:
    app.folder.chmod(0o755)
    volume = app.folder / "volume"
    volume.mkdir(mode=0o700)
    process = app.start(
        STUDIO_IMAGE="1", STUDIO_ENGINE="embedded", STUDIO_DIR=str(volume / "studio")
    )
    wait_for(lambda: (app.folder / "run" / "bootstrap.sock").exists())
    process.terminate()
    words, _ = process.communicate(timeout=12)
    assert f"The folder {volume} lets nobody through" in words and "chmod a+x" in words
    assert "Studio explains that on its page" in words
