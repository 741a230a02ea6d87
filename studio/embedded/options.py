"""The command line, with ComfyUI's names for what ComfyUI has too."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from studio.embedded.execution import Limits
from studio.embedded.folders import Folders

_BYTES_PER_MB = 1024 * 1024
_ALL_ADDRESSES = "0.0.0.0,::"  # what ComfyUI takes a bare --listen to mean


@dataclass(frozen=True)
class Options:
    """What the command line asks for."""

    addresses: tuple[str, ...]
    port: int
    folders: Folders
    limits: Limits


def read_options(arguments: Sequence[str] | None = None) -> Options:
    """Read the command line; it ends the process for wrong arguments."""
    chosen = _parser().parse_args(arguments)
    base: Path = (chosen.base_directory or Path.cwd()).resolve()
    # ComfyUI puts a folder "temp" of its own into the temporary directory that it is given.
    temp: Path = (chosen.temp_directory or base) / "temp"
    return Options(
        addresses=tuple(each.strip() for each in chosen.listen.split(",")),
        port=chosen.port,
        folders=Folders(
            input=(chosen.input_directory or base / "input").resolve(),
            output=(chosen.output_directory or base / "output").resolve(),
            temp=temp.resolve(),
            user=(chosen.user_directory or base / "user").resolve(),
            models=_read_model_paths(chosen.extra_model_paths_config),
        ),
        limits=Limits(
            memory_limit_bytes=chosen.memory_limit_mb * _BYTES_PER_MB,
            step_delay_s=chosen.step_delay_ms / 1000,
            preview_method=chosen.preview_method,
        ),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m studio.embedded", description=__doc__)
    parser.add_argument(
        "--listen",
        default="127.0.0.1",
        nargs="?",
        const=_ALL_ADDRESSES,
        help="addresses, separated by commas",
    )
    parser.add_argument("--port", type=int, default=8188, help="0 takes any free one and says it")
    for name in ("base", "input", "output", "temp", "user"):
        parser.add_argument(f"--{name}-directory", type=Path)
    parser.add_argument("--extra-model-paths-config", type=Path, help="where models lie, by type")
    parser.add_argument(
        "--preview-method", default="none", choices=("none", "auto", "latent2rgb", "taesd")
    )
    parser.add_argument("--cpu", action="store_true", help="accepted; there is nothing else")
    parser.add_argument(
        "--memory-limit-mb",
        type=int,
        default=2048,
        help="a graph that would hold more pixels than this fails",
    )
    parser.add_argument(
        "--step-delay-ms", type=float, default=20.0, help="how long each sampler step takes"
    )
    return parser


def _read_model_paths(path: Path | None) -> dict[str, tuple[Path, ...]]:
    """Read ComfyUI's file of that kind: for each section and type the folders, one in a line."""
    found: dict[str, tuple[Path, ...]] = {}
    sections = {} if path is None else yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    for section in sections.values():
        base = Path(section.get("base_path") or "")
        for kind, folders in section.items():
            if kind not in ("base_path", "is_default"):
                listed = tuple(base / line for line in str(folders).split("\n") if line)
                found[kind] = (*found.get(kind, ()), *listed)
    return found
