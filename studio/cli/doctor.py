"""``studio doctor``: what is found, what is missing, how to mend each."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

from boot.plan import BootError
from boot.settings import Settings as BootSettings
from boot.settings import read_settings
from studio.cli.checks.engines import check_engines, check_gpu
from studio.cli.checks.finding import Finding, Level, fail, info, ok, warn
from studio.cli.checks.installation import check_installation
from studio.cli.checks.machine import check_hubs, check_memory
from studio.cli.checks.network import check_access, check_port, check_run_dir
from studio.cli.checks.running import check_running, is_apart
from studio.cli.checks.storage import check_storage
from studio.cli.environment import load_settings
from studio.cli.sockets import CONTROL_SOCKET, control_socket, is_listening
from studio.errors import InvalidRequest
from studio.settings import Settings

_ROOT: Final = Path(__file__).resolve().parents[2]
_COLORS: Final = {Level.OK: "32", Level.INFO: "36", Level.WARN: "33", Level.FAIL: "31"}


def execute(options: argparse.Namespace) -> int:
    """Print the findings; 0 when nothing failed."""
    if options.socket:
        print(control_socket(load_settings()))
        return 0
    findings = []
    for finding in _findings():
        findings.append(finding)
        if not options.json:
            _print(finding)
    failed = sum(finding.level is Level.FAIL for finding in findings)
    warned = sum(finding.level is Level.WARN for finding in findings)
    if options.json:
        shown = [asdict(finding) for finding in findings]
        print(json.dumps({"ok": not failed, "findings": shown}, indent=2))
    elif failed:
        print(f"\n{failed} failed; what helps is said below each.")
    else:
        print("\nStudio can work here." + _warnings(warned))
    return 1 if failed else 0


def _findings() -> Iterator[Finding]:
    yield from check_installation(_ROOT)
    try:
        settings = Settings.from_env(os.environ)
        boot = read_settings(os.environ, app_dir=_ROOT)
    except (InvalidRequest, BootError) as error:
        yield fail("settings", str(error), "Correct that variable of the environment.")
        return
    socket = settings.run_dir / CONTROL_SOCKET
    running = is_listening(socket)
    yield from check_storage(settings.studio_dir, settings.database_path, running=running)
    yield check_run_dir(settings.run_dir, settings.studio_dir)
    yield check_port(settings, running=running)
    if running:
        # Its engines hold their ports, so what a start would choose cannot be asked now.
        yield from check_running(socket)
    else:
        yield from check_engines(boot, os.environ)
    yield check_gpu()
    yield check_memory()
    yield from check_hubs(settings.hub_urls)
    yield from check_access(settings, running=running)
    yield _check_isolation(boot, is_apart(socket) if running else boot.isolation)


def _warnings(count: int) -> str:
    return f" {count} warning{'s' if count > 1 else ''}." if count else ""


def _check_isolation(boot: BootSettings, apart: bool) -> Finding:
    if apart:
        return ok("isolation", "Studio and the engines run as different users")
    if not boot.image:
        return info(
            "isolation",
            "none: Studio and the engines run as you, so custom nodes can do what you can",
        )
    if boot.isolation:
        return warn(
            "isolation",
            "The volume keeps its owners, so Studio and the engines run as one user: custom nodes "
            "can read Studio's files and keys.",
            "Put STUDIO_DIR and ENGINE_DIR on a volume where owners can be changed.",
        )
    return warn(
        "isolation",
        "Custom nodes can read Studio's files and keys.",
        "Start the container as root, which then gives Studio and the engines users of their own.",
    )


def _print(finding: Finding) -> None:
    label = f"{finding.level:<4}"
    if sys.stdout.isatty():
        label = f"\x1b[{_COLORS[finding.level]}m{label}\x1b[0m"
    print(f"{label}  {finding.subject}: {finding.message}")
    if finding.fix:
        print(f"      → {finding.fix}")
