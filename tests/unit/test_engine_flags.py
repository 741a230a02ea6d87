"""The flags that may be chosen for an engine, and the file that remembers them."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from boot.flags import COMFYUI, FlagsRefused, check, read_flags


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        ([], ()),
        (["--lowvram"], ("--lowvram",)),
        (["--reserve-vram=1.5", "--cache-lru", "8"], ("--reserve-vram", "1.5", "--cache-lru", "8")),
        (["--fast"], ("--fast",)),
        (["--fast", "cublas_ops", "autotune"], ("--fast", "cublas_ops", "autotune")),
        (["--preview-method", "taesd", "--cpu"], ("--preview-method", "taesd", "--cpu")),
    ],
    ids=str,
)
def test_flags_that_change_speed_and_memory_are_taken(
    words: list[str], kept: tuple[str, ...]
) -> None:
    assert check(words, COMFYUI) == kept


@pytest.mark.parametrize(
    "words",
    [
        ["--listen", "0.0.0.0"],
        ["--port", "80"],
        ["--output-directory", "/etc"],
        ["--front-end-version", "someone/frontend@latest"],
        ["--enable-manager"],
        ["--enable-cors-header"],
        ["--verbose", "DEBUG", "/tmp/file"],
        ["--lowvram", "main.py"],
        ["main.py"],
        ["-c", "print()"],
        ["--"],
        [""],
        ["--lowvram", "--lowvram"],
        ["--lowvram", "--highvram"],
        ["--cache-lru"],
        ["--cache-lru", "8", "9"],
        ["--cache-lru", "1.5"],
        ["--cache-lru", "-1"],
        ["--reserve-vram", "nan"],
        ["--reserve-vram", "1e400"],
        ["--reserve-vram", "1_0"],
        ["--reserve-vram", "٣"],
        ["--preview-method", "other"],
        ["--fast", "--listen=0.0.0.0"],
        ["--lowvram=yes"],
        ["--low", "--lowvram"],
        ["--preview-size", "512"] * 40,
    ],
    ids=lambda words: " ".join(words)[:40],
)
def test_flags_that_lead_elsewhere_or_make_no_sense_are_refused(words: list[str]) -> None:
    with pytest.raises(FlagsRefused) as refused:
        check(words, COMFYUI)
    assert str(refused.value).endswith(".")


def test_a_flag_in_the_file_is_judged_again_when_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "engine_flags.json"
    assert read_flags(file, "comfyui", COMFYUI) == ()
    file.write_text(json.dumps({"comfyui": ["--lowvram"], "other": ["--cpu"]}))
    assert read_flags(file, "comfyui", COMFYUI) == ("--lowvram",)
    assert read_flags(file, "third", COMFYUI) == ()
    file.write_text(json.dumps({"comfyui": ["--listen", "0.0.0.0"]}))
    with pytest.raises(FlagsRefused, match="listen"):
        read_flags(file, "comfyui", COMFYUI)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"comfyui": "--cpu"}', b'{"comfyui": [1]}', b"[" * 60_000, b" " * 70_000],
    ids=lambda content: repr(content[:20]),
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "engine_flags.json"
    file.write_bytes(content)
    with pytest.raises(FlagsRefused):
        read_flags(file, "comfyui", COMFYUI)


def test_neither_a_link_nor_a_pipe_is_read(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text('{"comfyui": ["--cpu"]}')
    link, pipe = tmp_path / "link.json", tmp_path / "pipe.json"
    link.symlink_to(real)
    os.mkfifo(pipe)
    for trap in (link, pipe, tmp_path):
        with pytest.raises(FlagsRefused):
            read_flags(trap, "comfyui", COMFYUI)


def test_comfyui_itself_understands_every_flag() -> None:
    source, python = os.environ.get("COMFYUI_DIR"), os.environ.get("COMFYUI_PYTHON", "python3")
    if not source:
        pytest.skip("COMFYUI_DIR names no ComfyUI")
    for name, flag in COMFYUI.items():
        value = flag.choices[0] if flag.choices else f"{flag.least:g}" if flag.values else None
        words = [name, *([value] if value is not None else [])]
        assert check(words, COMFYUI)
        done = subprocess.run(
            [python, "-c", "import comfy.options as o; o.enable_args_parsing();"
             "import comfy.cli_args", *words],
            cwd=source, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (words, done.stderr)
