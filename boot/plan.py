"""What bootstrap is asked to run: plain records, with no process behind them yet.

``boot.parent.run`` takes a ``Plan`` and nothing else. ``bootstrap.py`` builds one from the
environment; a test builds one with children of its own. There is no other way in: no variable of
the environment and no message on the socket names a command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from boot.launch import Volume

Kind = Literal["studio", "comfyui", "embedded", "packs", "language", "staging"]

EXIT_USAGE: Final = 2
EXIT_HELD: Final = 75
EXIT_CONFIG: Final = 78


class BootError(Exception):
    """Bootstrap cannot go on.

    Args:
        message: what is missing or wrong, and what helps, for the person at the console.
        exit_code: the status the process ends with.
    """

    def __init__(self, message: str, *, exit_code: int = EXIT_USAGE) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True)
class Ids:
    """The user and groups a child runs as."""

    uid: int
    gid: int
    groups: tuple[int, ...] = ()


@dataclass(frozen=True)
class Address:
    """Where Studio serves: 0 is any free port.

    ``comfy_port`` None is the one after ``port``, or any while that is taken. With ``shuts_ipv6``
    nobody else gets these ports by IPv6 where Studio serves on all addresses of IPv4: browsers try
    ``localhost`` there first.
    """

    host: str
    port: int
    comfy_port: int | None = None
    shuts_ipv6: bool = False


@dataclass(frozen=True)
class ChildPlan:
    """One child: ``argv`` run in ``cwd`` with exactly ``env``.

    ``ids`` is None to stay the user bootstrap is; ``port`` and ``url`` are what a status shows;
    ``first_args`` follow ``argv`` and ``first_env`` joins ``env`` at the first start alone, not
    when it is started again.
    ``flags`` follow it at every start: those of the environment. With ``flags_file`` they are read
    from there instead, before each start; ``boot.flags`` says which are possible. With ``volume``
    the folder is chosen before each start, and ``cwd`` is not used. One ``on_demand`` is not
    started with the rest, only when Studio asks for it.
    """

    name: str
    kind: Kind
    argv: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str]
    port: int | None = None
    url: str | None = None
    umask: int = 0o022
    ids: Ids | None = None
    first_args: tuple[str, ...] = ()
    first_env: Mapping[str, str] = field(default_factory=dict)
    flags: tuple[str, ...] = ()
    flags_file: Path | None = None
    volume: Volume | None = None
    on_demand: bool = False


@dataclass(frozen=True)
class Limits:
    """Times and sizes; the defaults are the product's."""

    studio_grace_s: float = 6.0
    engine_grace_s: float = 2.0
    stop_grace_s: float = 5.0
    restart_reset_s: float = 60.0
    restart_max_s: float = 60.0
    log_size_bytes: int = 10 * 1024 * 1024
    log_files: int = 30
    tail_lines: int = 40


@dataclass(frozen=True)
class Plan:
    """Everything ``run`` needs.

    Args:
        run_dir: an existing private folder for the sockets.
        log_dir: an existing folder for ``<child>.log``.
        children: at most one of kind ``studio``; names differ.
        studio_ids: owner of the socket and the logs when Studio is another user than bootstrap.
        isolation: Studio and the engines are different users.
        address: the ports that are held for Studio; None when it opens its own.
    """

    run_dir: Path
    log_dir: Path
    children: tuple[ChildPlan, ...]
    studio_ids: Ids | None = None
    isolation: bool = False
    limits: Limits = Limits()
    address: Address | None = None
