"""What the worker of language models is told, and what it makes of what somebody else wrote."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from boot.language import LanguageSpec, SpecRefused, read_spec, spec_file, to_json
from boot.language_worker import EXIT_NO_PYTHON, EXIT_NO_SPEC, main

GOOD: dict[str, Any] = {
    "model": "deep/fox.gguf",
    "port": 8080,
    "key": "k" * 43,
    "context": 4096,
    "threads": 2,
}


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "/etc/passwd"},
        {"model": "../fox.gguf"},
        {"model": "a/../../fox.gguf"},
        {"model": "a//b"},
        {"model": ""},
        {"model": "a\nb"},
        {"model": 5},
        {"projector": "../x"},
        {"port": 80},
        {"port": 70_000},
        {"port": "8080"},
        {"port": True},
        {"key": "short"},
        {"key": "k" * 40 + "\n"},
        {"key": None},
        {"context": 0},
        {"context": 1 << 40},
        {"threads": 0},
        {"gpu_layers": -2},
        {"chat_format": "mine"},
        {"embeddings": "yes"},
        {"gpu": "0"},
        {"gpu": "GPU-1,GPU-2"},
        {"gpu": None},
        {"lora_path": "x"},
    ],
    ids=str,
)
def test_what_is_not_possible_is_not_run(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(SpecRefused):
        LanguageSpec.parse({**GOOD, **wrong})
    path = spec_file(tmp_path, "language-1")
    path.write_text(json.dumps({**GOOD, **wrong}))
    arguments = ["--slot", "language-1", "--work", str(tmp_path), "--models", str(tmp_path)]
    assert main([*arguments, "--python", "/nowhere"]) == EXIT_NO_SPEC


@pytest.mark.parametrize("content", ["", "[]", "5", "[" * 100_000, "x" * 20_000, '{"model": "x"}'])
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "spec.json"
    path.write_text(content)
    with pytest.raises(SpecRefused):
        read_spec(path)


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text(json.dumps(GOOD))
    link = tmp_path / "link.json"
    link.symlink_to(real)
    assert read_spec(real) == LanguageSpec(**GOOD)
    with pytest.raises(SpecRefused):
        read_spec(link)
    with pytest.raises(SpecRefused):
        read_spec(tmp_path / "none.json")


def test_without_a_python_it_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    spec = LanguageSpec(**GOOD)
    spec_file(tmp_path, "language-2").write_text(json.dumps(to_json(spec)))
    arguments = ["--slot", "language-2", "--work", str(tmp_path), "--models", str(tmp_path)]
    assert main([*arguments, "--python", "/nowhere/python"]) == EXIT_NO_PYTHON
    assert "/nowhere/python" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("gpu", "visible", "seen"),
    [("GPU-b2", None, "GPU-b2"), ("", None, ""), ("GPU-b2", "0", "0")],
)
def test_its_server_sees_the_gpu_that_it_was_given(
    tmp_path: Path, gpu: str, visible: str | None, seen: str
) -> None:
    spec = LanguageSpec(**GOOD, gpu=gpu)
    spec_file(tmp_path, "language-3").write_text(json.dumps(to_json(spec)))
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\nprintf %s "$CUDA_VISIBLE_DEVICES"\n')
    python.chmod(0o755)
    arguments = ["--slot", "language-3", "--work", str(tmp_path), "--models", str(tmp_path)]
    env = {name: value for name, value in os.environ.items() if name != "CUDA_VISIBLE_DEVICES"}
    said = subprocess.run(
        [sys.executable, "-m", "boot.language_worker", *arguments, "--python", str(python)],
        env=env if visible is None else {**env, "CUDA_VISIBLE_DEVICES": visible},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert said.stdout == seen


def test_its_configuration_names_files_below_the_folder_alone() -> None:
    spec = LanguageSpec(**GOOD, projector="eyes.gguf", chat_format="mtmd", gpu_layers=-1)
    config = spec.config(Path("/models"))
    [model] = config["models"]
    assert model["model"] == "/models/deep/fox.gguf"
    assert model["clip_model_path"] == "/models/eyes.gguf"
    assert (config["host"], config["interrupt_requests"]) == ("127.0.0.1", False)
    assert LanguageSpec.parse(to_json(spec)) == spec
