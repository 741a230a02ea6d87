"""What is in the image, without starting Studio."""

from __future__ import annotations

import json
from typing import Any

from tests.image.container import docker
from tests.policy.source import ROOT


def inspect(image: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]["Config"]
    return config


def run(image: str, *command: str) -> str:
    return docker(
        *("run", "--rm", "--network", "none", "--entrypoint", command[0], image, *command[1:])
    )


def test_it_stops_by_sigterm_says_how_it_is_and_runs_under_an_init(image: str) -> None:
    config = inspect(image)
    assert config["StopSignal"] == "SIGTERM"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert config["Entrypoint"][0] == "/usr/bin/tini"
    assert set(config["Volumes"]) == {"/workspace"}
    assert config["Labels"]["org.opencontainers.image.licenses"]
    version = json.loads((ROOT / "version.json").read_text())["version"]
    assert config["Labels"]["org.opencontainers.image.version"] == version


def test_the_application_in_it_is_only_what_runs(image: str) -> None:
    assert sorted(run(image, "ls", "-A", "/opt/studio").split()) == sorted(
        [
            *("LICENSE", "boot", "bootstrap.py", "catalogs", "frontend", "image", "start.sh"),
            *("studio", "version.json", "workflows"),
        ]
    )
    assert run(image, "ls", "/opt/studio/image").split() == ["healthcheck.py"]


def test_neither_its_environment_nor_its_history_has_a_secret(image: str) -> None:
    names = [variable.partition("=")[0] for variable in inspect(image)["Env"]]
    words = ("TOKEN", "KEY", "SECRET", "PASSW")
    assert [name for name in names if any(word in name for word in words)] == []
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    assert [
        line for line in history.splitlines() if any(f"{word}=" in line for word in words)
    ] == []


def test_the_environments_import_what_they_are_for(image: str) -> None:
    imports = {
        "comfyui": "torch, torchvision, torchaudio, aiohttp, requests, transformers, av",
        "llama": "llama_cpp, llama_cpp.server",
        "studio": "fastapi, uvloop, pip",
    }
    for venv, modules in imports.items():
        said = run(image, f"/opt/venv/{venv}/bin/python", "-c", f"import {modules}; print('well')")
        assert said.splitlines()[-1] == "well"


def test_llama_cpp_finds_the_libraries_of_cuda_that_pytorch_brings(image: str) -> None:
    names = ("libcudart.so.13", "libcublas.so.13", "libcublasLt.so.13", "libnccl.so.2")
    load = f"import ctypes; [ctypes.CDLL(name) for name in {names}]; print('well')"
    assert run(image, "/opt/venv/llama/bin/python", "-c", load) == "well"


def test_each_library_of_llama_cpp_is_there_once(image: str) -> None:
    find = "find /opt/venv/llama -name '*.so*' -type f -exec sha256sum {} +"
    digests = [line.split()[0] for line in run(image, "bash", "-c", find).splitlines()]
    assert len(digests) > 1
    assert sorted(set(digests)) == sorted(digests)
