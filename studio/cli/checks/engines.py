"""Which engine a start would take, and whether it can work."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from boot.engines import Engine, plan_engines
from boot.folders import Folders
from boot.plan import BootError, ChildPlan
from boot.settings import Settings as BootSettings
from studio.cli.checks.finding import Finding, fail, info, ok, warn

OLDEST_COMFYUI: Final = (0, 33)
_TORCH_TIMEOUT_S: Final = 120
_ANSWER_TIMEOUT_S: Final = 5
_MAX_ANSWER_BYTES: Final = 1024 * 1024
_VERSION: Final = re.compile(r"__version__\s*=\s*[\"']([^\"']+)")
_TORCH: Final = (
    "import torch; print(torch.__version__, "
    "torch.cuda.get_device_name(0) if torch.cuda.is_available() else '-', sep='|')"
)


def check_engines(settings: BootSettings, environ: Mapping[str, str]) -> Iterator[Finding]:
    """The engines as bootstrap would choose them, by bootstrap's own rules."""
    reasons: list[str] = []
    folders = Folders(
        log_dir=settings.studio_dir / "logs",
        model_paths=settings.engine_dir / "extra_model_paths.yaml",
        own_model_dir=None,
    )
    try:
        engines = plan_engines(
            settings, folders, environ, python=sys.executable, log=reasons.append
        )
    except BootError as error:
        yield fail(
            "engine",
            str(error),
            "Mend that, or set STUDIO_ENGINE=embedded to work without ComfyUI.",
        )
        return
    for engine in engines:
        why = f": {' '.join(reasons)}" if reasons and settings.engine == "auto" else ""
        yield ok("engine", f"{engine.name} (STUDIO_ENGINE={settings.engine}){why}")
        if engine.kind == "comfyui" and engine.child is not None:
            yield from _check_comfyui(engine.child)
        elif engine.kind == "remote":
            yield _check_remote(engine)


def check_gpu() -> Finding:
    """Whether this machine has an NVIDIA GPU that its driver sees."""
    fix = (
        "The embedded engine needs none; ComfyUI works without one by COMFYUI_FLAGS=--cpu, slowly."
    )
    with contextlib.suppress(ImportError):
        # It asks the driver itself, and knows more than the program; packages may be missing here.
        from studio.clients.gpu import GpuReader

        reader = GpuReader()
        if found := reader.read():
            told = "; ".join(_gpu(each.name, each.memory_total_bytes) for each in found)
            return ok("GPU", f"{told} (driver {reader.driver()})")
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return info("GPU", "No NVIDIA GPU was found (there is no nvidia-smi).", fix)
    try:
        done = subprocess.run((tool, "-L"), capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.SubprocessError):
        return warn("GPU", "nvidia-smi does not answer.", fix)
    names = [line.partition(" (UUID")[0] for line in done.stdout.splitlines() if "GPU" in line]
    if done.returncode or not names:
        return warn("GPU", "nvidia-smi finds no GPU.", f"Look at the driver. {fix}")
    return ok("GPU", "; ".join(names))


def _gpu(name: str, memory_bytes: int | None) -> str:
    return name if memory_bytes is None else f"{name}, {memory_bytes / 1e9:.0f} GB"


def is_too_old(version: str) -> bool:
    """Whether a ComfyUI of this version speaks an older protocol than Studio's."""
    parts = version.lstrip("v").split("+")[0].split("-")[0].split(".")
    return tuple(int(part) if part.isdigit() else 0 for part in parts) < OLDEST_COMFYUI


def _check_comfyui(child: ChildPlan) -> Iterator[Finding]:
    folder, python = child.cwd, child.argv[0]
    yield _check_version(folder)
    try:
        done = subprocess.run(
            (python, "-c", _TORCH),
            cwd="/",
            env=dict(child.env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TORCH_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError) as error:
        yield fail("torch", f"{python} cannot be run: {error}.", "Set COMFYUI_PYTHON.")
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
        yield fail(
            "torch",
            f"{python} cannot import torch: {last}",
            f"Install ComfyUI's packages with it: {python} -m pip install -r "
            f"{folder / 'requirements.txt'}",
        )
        return
    version, _, device = done.stdout.strip().rpartition("\n")[2].partition("|")
    if device != "-" or "--cpu" in child.argv:
        yield ok("torch", f"{version} on {'the CPU' if device == '-' else device}")
        return
    # Built for CUDA it does not fall back to the CPU: ComfyUI ends while it starts.
    judge = fail if "+cu" in version else warn
    yield judge(
        "torch",
        f"{version} sees no GPU.",
        "Install a torch that fits the driver, or set COMFYUI_FLAGS=--cpu.",
    )


def _check_version(folder: Path) -> Finding:
    try:
        text = (folder / "comfyui_version.py").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = _VERSION.search(text)
    update = f"Update it: git -C {folder} pull, then install its requirements again."
    if found is None:
        return warn("ComfyUI", f"The version in {folder} cannot be read.", update)
    if is_too_old(found[1]):
        return fail("ComfyUI", f"{found[1]} in {folder} is older than 0.33.", update)
    return ok("ComfyUI", f"{found[1]} in {folder}")


def _check_remote(engine: Engine) -> Finding:
    fix = "Start it, or correct its address in STUDIO_ENGINE."
    try:
        # The address is http or https: bootstrap's own rules let no other pass.
        with urllib.request.urlopen(  # noqa: S310
            f"{engine.url}/system_stats", timeout=_ANSWER_TIMEOUT_S
        ) as answer:
            stats = json.loads(answer.read(_MAX_ANSWER_BYTES))
        version = str(stats["system"]["comfyui_version"])
    except (OSError, ValueError, http.client.HTTPException) as error:
        return fail(engine.name, f"{engine.url} does not answer: {error}.", fix)
    except (KeyError, TypeError):
        return fail(engine.name, f"What answers at {engine.url} is not ComfyUI.", fix)
    if is_too_old(version):
        return fail(engine.name, f"{engine.url} is ComfyUI {version}.", "Update it to 0.33.")
    return ok(engine.name, f"{engine.url} is ComfyUI {version}")
