"""Which engines there are: found, chosen, and the command line of each that is started here."""

from __future__ import annotations

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from boot.environment import engine_environment
from boot.flags import FILE_NAME
from boot.folders import Folders
from boot.gpus import VISIBLE, choose_gpus, find_gpus
from boot.pack_child import node_variables
from boot.plan import BootError, ChildPlan
from boot.ports import HOST, any_free_port, is_free
from boot.settings import Settings

_DEFAULT_PORT: Final = 8188
_PORT_WAIT_S: Final = 3.0
_DEVICE_FLAGS: Final = frozenset({"--cpu", "--cuda-device"})


@dataclass(frozen=True)
class Engine:
    """One entry of ``STUDIO_ENGINES``.

    ``child`` is None for one that somebody else runs; ``temp_dir`` is the folder of its temporary
    files when that is not ``ENGINE_DIR/temp``.
    """

    name: str
    kind: Literal["comfyui", "embedded", "remote"]
    url: str
    child: ChildPlan | None = None
    temp_dir: Path | None = None

    @property
    def gpu(self) -> str:
        """The GPUs that it sees, in CUDA's words; empty for all."""
        return self.child.env.get(VISIBLE, "") if self.child and self.kind == "comfyui" else ""


@dataclass(frozen=True)
class _Comfy:
    folder: Path
    python: str


def plan_engines(
    settings: Settings,
    folders: Folders,
    environ: Mapping[str, str],
    *,
    python: str,
    log: Callable[[str], None],
) -> tuple[Engine, ...]:
    """Turn ``STUDIO_ENGINE`` into engines with fixed ports.

    Args:
        python: runs the embedded engine.
        log: told what was chosen and why.

    Raises:
        BootError: the choice cannot be read or met.
    """
    home = str(settings.engine_dir) if settings.image else None
    env = engine_environment(environ, home=home)
    words = [word.strip() for word in settings.engine.split(",") if word.strip()]
    several = len({"comfyui", "embedded"}.intersection(words)) > 1
    planner = _Planner(settings, folders, env, python, several=several)
    if settings.engine == "auto":
        comfy, missing = planner.find_comfyui()
        if comfy is None and settings.comfyui_dir is not None:
            raise BootError(missing)
        if comfy is None:
            log(f"{missing} Using the embedded engine, which needs no GPU.")
            return (planner.embedded(first=True, alone=True),)
        log(f"ComfyUI found in {comfy.folder}")
        return planner.comfyuis(comfy)
    engines: list[Engine] = []
    for word in words:
        if word == "comfyui":
            comfy, missing = planner.find_comfyui()
            if comfy is None:
                raise BootError(missing)
            engines += planner.comfyuis(comfy)
        elif word == "embedded":
            engines.append(planner.embedded(first="comfyui" not in words, alone=len(words) == 1))
        else:
            url = _remote_url(word)
            engines.append(Engine(remote_name(url), "remote", url))
    if not engines or len({engine.url for engine in engines}) < len(engines):
        raise BootError("STUDIO_ENGINE names no engine, or one of them twice.")
    if len({engine.name for engine in engines}) < len(engines):
        raise BootError("STUDIO_ENGINE names one of its engines twice.")
    return tuple(engines)


def remote_name(url: str) -> str:
    """The name of an engine given by ``url``: the same wherever it stands in the list.

    Studio's settings name engines by the same rule; jobs remember the name over restarts.
    """
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host, path = parts.hostname or "", parts.path.rstrip("/")
    name = f"{re.sub('[^a-z0-9.-]', '-', host)}-{port}"
    if name == f"{host}-{port}" and not path and (parts.scheme == "https") == (port == 443):
        return name
    whole = f"{parts.scheme}://{host}:{port}{path}"
    return f"{name}-{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


class _Planner:
    """Makes the command lines; ``several`` engines on this machine share all but ``temp``."""

    def __init__(
        self,
        settings: Settings,
        folders: Folders,
        env: Mapping[str, str],
        python: str,
        *,
        several: bool,
    ) -> None:
        self._several = several
        self._settings = settings
        self._folders = folders
        self._env = env
        self._python = python
        self._taken = {settings.studio_port}

    def find_comfyui(self) -> tuple[_Comfy | None, str]:
        """ComfyUI and the Python that can run it, or None and what is missing."""
        folder = self._comfyui_dir()
        if folder is None:
            given = self._settings.comfyui_dir
            where = f"in COMFYUI_DIR ({given})" if given else "on this machine"
            return None, f"No ComfyUI was found {where}: set COMFYUI_DIR to its folder."
        python = self._comfyui_python(folder)
        if python is None:
            return None, (
                f"ComfyUI is in {folder}, but no Python that has its packages: install its "
                "requirements into a venv folder inside it, or set COMFYUI_PYTHON."
            )
        return _Comfy(folder, python), ""

    def comfyuis(self, comfy: _Comfy) -> tuple[Engine, ...]:
        """One for each GPU, or a single one that sees what there is.

        The first keeps the name and the port that a single one has.
        """
        flags = {flag.partition("=")[0] for flag in self._settings.comfyui_flags}
        wanted = "one" if flags & _DEVICE_FLAGS else self._settings.comfyui_gpus
        gpus = choose_gpus(wanted, self._env, find=find_gpus)
        self._several = self._several or len(gpus) > 1
        if len(gpus) < 2:
            seen = {VISIBLE: gpus[0]} if gpus else {}
            return (self._comfyui(comfy, "comfyui", self._port(), seen),)
        engines: list[Engine] = []
        for number, gpu in enumerate(gpus, 1):
            name = "comfyui" if number == 1 else f"comfyui-{number}"
            port = self._port() if number == 1 else self._free_port()
            engines.append(self._comfyui(comfy, name, port, {VISIBLE: gpu}))
        return tuple(engines)

    def _comfyui(self, comfy: _Comfy, name: str, port: int, seen: Mapping[str, str]) -> Engine:
        if any(flag.partition("=")[0] == "--port" for flag in self._settings.comfyui_flags):
            raise BootError("COMFYUI_FLAGS must not hold --port: set COMFYUI_PORT.")
        engine_dir = self._settings.engine_dir
        argv = (
            comfy.python,
            "main.py",
            *("--listen", HOST, "--port", str(port)),
            *("--input-directory", str(engine_dir / "input")),
            *("--output-directory", str(engine_dir / "output")),
            *("--temp-directory", str(self._temp_base(name))),
            *("--user-directory", str(engine_dir / "user")),
            *("--database-url", f"sqlite:///{engine_dir / 'user' / f'{name}.db'}"),
            *("--extra-model-paths-config", str(self._folders.model_paths)),
            "--disable-auto-launch",
        )
        engine = self._managed(name, "comfyui", argv, comfy.folder, port)
        assert engine.child is not None
        flags = self._settings.comfyui_flags
        # What the environment says is not to be changed from a page.
        file = None if flags else self._settings.studio_dir / FILE_NAME
        env = {**self._env, **seen, **node_variables(self._settings)}
        return replace(engine, child=replace(engine.child, env=env, flags=flags, flags_file=file))

    def embedded(self, *, first: bool, alone: bool) -> Engine:
        """Its command line.

        Alone it stands in for a ComfyUI and lists the models that there are. Beside another engine
        it does not, or jobs with a real model would end as its placeholders.
        """
        models = ("--extra-model-paths-config", str(self._folders.model_paths)) if alone else ()
        port = self._port() if first else self._free_port()
        engine_dir = self._settings.engine_dir
        argv = (
            self._python,
            *("-m", "studio.embedded", "--listen", HOST, "--port", str(port)),
            *("--input-directory", str(engine_dir / "input")),
            *("--output-directory", str(engine_dir / "output")),
            *("--temp-directory", str(self._temp_base("embedded"))),
            *("--user-directory", str(engine_dir / "user")),
            *models,
        )
        return self._managed("embedded", "embedded", argv, self._settings.app_dir, port)

    def _managed(
        self,
        name: str,
        kind: Literal["comfyui", "embedded"],
        argv: tuple[str, ...],
        cwd: Path,
        port: int,
    ) -> Engine:
        url = f"http://{HOST}:{port}"
        child = ChildPlan(
            name=name,
            kind=kind,
            argv=argv,
            cwd=cwd,
            env=self._env,
            port=port,
            url=url,
            # Studio deletes what it has taken over; the shared group may.
            umask=0o002,
            ids=self._settings.engine_ids,
        )
        temp_dir = self._temp_base(name) / "temp" if self._several else None
        return Engine(name, kind, url, child, temp_dir)

    def _temp_base(self, name: str) -> Path:
        """Where an engine makes its folder "temp", which it empties whenever it starts."""
        engine_dir = self._settings.engine_dir
        return engine_dir / name if self._several else engine_dir

    def _comfyui_dir(self) -> Path | None:
        given = self._settings.comfyui_dir
        places = (
            [given]
            if given
            else [
                Path("/opt/comfyui"),
                self._settings.app_dir / "ComfyUI",
                self._settings.app_dir.parent / "ComfyUI",
                Path("~/ComfyUI").expanduser(),
            ]
        )
        return next((p for p in places if (p / "main.py").is_file()), None)

    def _comfyui_python(self, folder: Path) -> str | None:
        if given := self._settings.comfyui_python:
            found = shutil.which(given)
        else:
            own = (folder / name / "bin" / "python" for name in (".venv", "venv"))
            found = next((str(path) for path in own if path.is_file()), shutil.which("python3"))
        return found if found and self._has_packages(found) else None

    def _has_packages(self, python: str) -> bool:
        """Looks for two of ComfyUI's packages without the seconds that importing them takes."""
        probe = (
            "import sys; from importlib.util import find_spec; "
            "sys.exit(not (find_spec('torch') and find_spec('aiohttp')))"
        )
        ids = self._settings.engine_ids
        try:
            done = subprocess.run(
                (python, "-c", probe),
                cwd="/",
                env=dict(self._env),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=20,
                check=False,
                user=ids.uid if ids else None,
                group=ids.gid if ids else None,
                extra_groups=ids.groups if ids else None,
            )
        except (OSError, subprocess.SubprocessError):
            return False
        return done.returncode == 0

    def _port(self) -> int:
        """The chosen port, or the usual one while it is free, or any free one.

        Studio's own is never among them: it is free only because Studio has not started yet.
        """
        chosen, taken = self._settings.comfyui_port, self._settings.studio_port
        if chosen == 0:
            return self._free_port()
        if chosen is None:
            usual = taken != _DEFAULT_PORT and is_free(_DEFAULT_PORT)
            return _DEFAULT_PORT if usual else self._free_port()
        if chosen == taken:
            raise BootError(
                f"COMFYUI_PORT and STUDIO_PORT are both {chosen}. Choose another for one of them."
            )
        # The engine of a bootstrap that was just killed may need a moment to go.
        deadline = time.monotonic() + _PORT_WAIT_S
        while not is_free(chosen):
            if time.monotonic() >= deadline:
                raise BootError(
                    f"COMFYUI_PORT {chosen} is in use by another program. Stop it, choose another "
                    "port, or set COMFYUI_PORT=0 for any free one."
                )
            time.sleep(0.1)
        return chosen

    def _free_port(self) -> int:
        while (port := any_free_port()) in self._taken:
            continue
        self._taken.add(port)
        return port


def _remote_url(word: str) -> str:
    # The word itself may hold a password, so no message repeats it.
    wrong = BootError(
        "STUDIO_ENGINE must be auto, comfyui, embedded or engine addresses like "
        "http://10.0.0.2:8188, separated by commas; user names and passwords are not allowed."
    )
    try:
        parts = urlsplit(word)
        _port = parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        raise wrong
    if parts.query or parts.fragment:
        raise wrong
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"
