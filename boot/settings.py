"""The environment, read once: where everything is and who runs it."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from boot.descent import planted_link
from boot.plan import Address, BootError, Ids
from boot.releases import ReleaseUnusable, read_version

_STUDIO_UID = 10001
_ENGINE_UID = 10002
_STUDIO_PORT = 8000
_UPDATE_DEADLINE_S = 300
_IMAGES_LLAMA = "/opt/venv/llama/bin/python"


@dataclass(frozen=True)
class Settings:
    """Absolute folders, ids and the engine's options.

    ``studio_ids`` and ``engine_ids`` are both set (two users besides root) or both None.
    ``comfyui_port`` is None when nobody chose one and 0 for any free one; ``studio_port`` is what
    Studio serves on, 0 for any free one. ``runtime`` is the image's ``RUNTIME_VERSION``, None
    outside the image; ``commit`` is what its copy of the application was made from, if it says so.
    """

    app_dir: Path
    image: bool
    runtime: int | None
    commit: str | None
    update_deadline_s: float
    studio_dir: Path
    run_dir: Path
    engine_dir: Path
    model_dir: Path
    custom_nodes_dir: Path
    cache_dir: Path
    llm_dir: Path
    given_folders: frozenset[str]
    engine: str
    comfyui_dir: Path | None
    comfyui_python: str | None
    llama_python: str | None
    comfyui_port: int | None
    studio_host: str
    studio_port: int
    studio_comfy_port: int | None
    comfyui_flags: tuple[str, ...]
    comfyui_gpus: str
    studio_ids: Ids | None
    engine_ids: Ids | None

    @property
    def isolation(self) -> bool:
        """Studio and the engines are different users."""
        return self.engine_ids is not None

    @property
    def address(self) -> Address:
        """What is opened for Studio."""
        return Address(
            self.studio_host, self.studio_port, self.studio_comfy_port, shuts_ipv6=self.isolation
        )


def read_settings(environ: Mapping[str, str], *, app_dir: Path) -> Settings:
    """Work out the settings.

    Args:
        environ: variables; empty ones count as unset.
        app_dir: the folder that holds ``bootstrap.py`` and ``studio/``.

    Raises:
        BootError: a value that cannot be used, named with its variable.
    """
    given = {name: value for name, value in environ.items() if value.strip()}
    image = given.get("STUDIO_IMAGE") == "1"
    volume = Path("/workspace")
    studio_ids, engine_ids = _ids(given) if image and os.geteuid() == 0 else (None, None)
    folder = partial(_folder, given, engine_ids)
    studio_dir = folder("STUDIO_DIR", volume / "studio" if image else Path("~/.studio"))
    base = volume if image else studio_dir
    engine_dir = folder("ENGINE_DIR", base / "engine")
    comfyui_dir = given.get("COMFYUI_DIR")
    studio_port = _number(given, "STUDIO_PORT", maximum=65535)
    return Settings(
        app_dir=app_dir,
        image=image,
        runtime=_runtime(given, app_dir) if image else None,
        commit=_commit(given),
        update_deadline_s=float(
            _number(given, "UPDATE_DEADLINE_S", maximum=86_400) or _UPDATE_DEADLINE_S
        ),
        studio_dir=studio_dir,
        run_dir=_run_dir(given, studio_dir, image=image),
        engine_dir=engine_dir,
        model_dir=folder("MODEL_DIR", base / "models"),
        custom_nodes_dir=folder("CUSTOM_NODES_DIR", engine_dir / "custom_nodes"),
        cache_dir=folder("CACHE_DIR", base / "cache"),
        llm_dir=folder("LLM_DIR", base / "llm"),
        given_folders=frozenset(name for name in given if name.endswith("_DIR")),
        engine=given.get("STUDIO_ENGINE", "auto").strip(),
        comfyui_dir=_absolute("COMFYUI_DIR", comfyui_dir) if comfyui_dir else None,
        comfyui_python=given.get("COMFYUI_PYTHON"),
        llama_python=given.get("LLAMA_PYTHON") or (_IMAGES_LLAMA if image else None),
        comfyui_port=_number(given, "COMFYUI_PORT", maximum=65535),
        studio_host=given.get("STUDIO_HOST") or ("0.0.0.0" if image else "127.0.0.1"),  # noqa: S104
        studio_port=_STUDIO_PORT if studio_port is None else studio_port,
        studio_comfy_port=_number(given, "STUDIO_COMFY_PORT", maximum=65535),
        comfyui_flags=_flags(given.get("COMFYUI_FLAGS", "")),
        comfyui_gpus=given.get("COMFYUI_GPUS", "all").strip(),
        studio_ids=studio_ids,
        engine_ids=engine_ids,
    )


def _runtime(given: Mapping[str, str], app_dir: Path) -> int:
    runtime = _number(given, "RUNTIME_VERSION", maximum=2**31 - 1)
    if runtime is not None:
        return runtime
    # An image runs at least what it came with.
    try:
        return read_version(app_dir).min_runtime
    except ReleaseUnusable as error:
        raise BootError(f"{app_dir} is no copy of Studio: {error}") from None


def _commit(given: Mapping[str, str]) -> str | None:
    commit = given.get("STUDIO_COMMIT", "").strip().lower()
    if commit and not re.fullmatch("[0-9a-f]{12,64}", commit):
        raise BootError("STUDIO_COMMIT must be a commit's number of 12 or more hexadecimal digits.")
    return commit or None


def _folder(given: Mapping[str, str], engine_ids: Ids | None, name: str, default: Path) -> Path:
    return _absolute(name, given.get(name) or str(default), engine_ids)


def _absolute(name: str, value: str, engine_ids: Ids | None = None) -> Path:
    try:
        path = Path(value).expanduser().absolute()
        if engine_ids is not None and planted_link(path, engine_ids.uid):
            # Where it leads is for a custom node to say; whoever opens the folder refuses it.
            return path
        return path.resolve()
    except (RuntimeError, OSError, ValueError) as error:
        raise BootError(f"{name} cannot be used as a folder: {error}.") from None


def _run_dir(given: Mapping[str, str], studio_dir: Path, *, image: bool) -> Path:
    # Not resolved: a symbolic link in its place is refused later, not followed.
    if value := given.get("STUDIO_RUN_DIR"):
        return Path(value).expanduser().absolute()
    if image:
        return Path("/run/studio")
    digest = hashlib.sha256(str(studio_dir).encode()).hexdigest()[:16]
    base = given.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    return Path(base) / f"studio-{digest}"


def _number(given: Mapping[str, str], name: str, *, maximum: int) -> int | None:
    value = given.get(name)
    if value is None:
        return None
    if not value.strip().isascii() or not value.strip().isdigit() or int(value) > maximum:
        raise BootError(f"{name} must be a number from 0 to {maximum}.")
    return int(value)


def _flags(value: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(value))
    except ValueError as error:
        raise BootError(f"COMFYUI_FLAGS cannot be split into words: {error}.") from None


def _ids(given: Mapping[str, str]) -> tuple[Ids | None, Ids | None]:
    """Two users; the engine's own group is shared, so Studio may delete what engines wrote."""
    largest = 2**31 - 1
    studio = _number(given, "STUDIO_UID", maximum=largest)
    engine = _number(given, "ENGINE_UID", maximum=largest)
    studio = _STUDIO_UID if studio is None else studio
    engine = _ENGINE_UID if engine is None else engine
    if 0 in (studio, engine):
        return None, None
    if studio == engine:
        raise BootError("STUDIO_UID and ENGINE_UID must differ (0 for both: no isolation).")
    return Ids(studio, studio, (studio, engine)), Ids(engine, engine, (engine,))
