"""The engine as a process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from studio.embedded.options import read_options
from tests.contract.harness import REPOSITORY


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """The command of an engine on any free port, with its folders in a temporary one."""
    command = [sys.executable, "-m", "studio.embedded", "--port", "0"]
    return [*command, "--base-directory", str(tmp_path)]


def test_it_says_which_free_port_it_took_and_ends_cleanly_when_told_to(
    arguments: list[str],
) -> None:
    with subprocess.Popen(arguments, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(maxsplit=1)[-1]
        assert httpx.get(f"{url}/prompt").status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_it_ends_at_once_while_it_works(arguments: list[str]) -> None:
    slow = [*arguments, "--step-delay-ms", "60000"]
    with subprocess.Popen(slow, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().rsplit(maxsplit=1)[-1]
        graph = {
            "1": {
                "class_type": "CheckpointLoaderSimple",
                "inputs": {"ckpt_name": "embedded-demo.safetensors"},
            },
            "2": {"class_type": "CLIPTextEncode", "inputs": {"text": "", "clip": ["1", 1]}},
            "3": {
                "class_type": "EmptyLatentImage",
                "inputs": {"width": 64, "height": 64, "batch_size": 1},
            },
            "4": {
                "class_type": "KSampler",
                "inputs": {
                    "model": ["1", 0],
                    "positive": ["2", 0],
                    "negative": ["2", 0],
                    "latent_image": ["3", 0],
                    "seed": 1,
                    "steps": 20,
                    "cfg": 1,
                    "sampler_name": "euler",
                    "scheduler": "normal",
                    "denoise": 1,
                },
            },
            "5": {"class_type": "PreviewAny", "inputs": {"source": ["4", 0]}},
        }
        assert httpx.post(f"{url}/prompt", json={"prompt": graph}).status_code == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_temporary_files_of_an_earlier_run_are_removed(
    arguments: list[str], tmp_path: Path
) -> None:
    left_over = tmp_path / "temp" / "old.png"
    left_over.parent.mkdir()
    left_over.touch()
    with subprocess.Popen(arguments, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        assert not left_over.exists()
        process.terminate()


def test_flags_have_comfyuis_meaning(tmp_path: Path) -> None:
    options = read_options(
        [
            *("--listen", "127.0.0.1,::1", "--port", "1"),
            *("--base-directory", str(tmp_path), "--output-directory", str(tmp_path / "out")),
            *("--temp-directory", str(tmp_path / "t"), "--preview-method", "auto"),
            *("--user-directory", str(tmp_path / "u"), "--memory-limit-mb", "3"),
        ]
    )
    assert options.addresses == ("127.0.0.1", "::1")
    assert options.folders.input == tmp_path / "input"
    assert options.folders.output == tmp_path / "out"
    assert options.folders.temp == tmp_path / "t" / "temp"
    assert options.folders.user == tmp_path / "u"
    assert options.limits.memory_limit_bytes == 3 * 1024 * 1024
    assert options.limits.preview_method == "auto"
