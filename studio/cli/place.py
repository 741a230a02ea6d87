"""Which Studio a command means, from its options and the environment."""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
from collections.abc import AsyncIterator
from pathlib import Path

from boot.plan import BootError
from boot.settings import read_settings
from studio.cli.arguments import PROGRAM
from studio.cli.client import Client
from studio.cli.console import open_socket
from studio.cli.environment import load_settings
from studio.cli.failures import CommandFailed
from studio.cli.interrupts import Interrupts
from studio.cli.kept_keys import kept_key
from studio.cli.screen import Screen
from studio.cli.session import Session, open_local, open_remote
from studio.cli.sockets import control_socket, is_listening


def remote_url(options: argparse.Namespace) -> str | None:
    """The address of the Studio elsewhere that is meant, if one is."""
    return options.url or os.environ.get("STUDIO_URL") or None


@contextlib.asynccontextmanager
async def open_place(
    options: argparse.Namespace, interrupts: Interrupts, screen: Screen
) -> AsyncIterator[Session]:
    """The Studio of ``--url``, the one that runs here, or one started for this block.

    Raises:
        CommandFailed: it cannot be reached or started.
    """
    if url := remote_url(options):
        async with open_remote(url, _key(options)) as session:
            yield session
        return
    settings = load_settings()
    async with open_local(settings, interrupts, screen, wait_s=options.wait) as session:
        yield session


@contextlib.asynccontextmanager
async def open_running(options: argparse.Namespace) -> AsyncIterator[Session]:
    """The Studio of ``--url``, or the one that runs here; none is started.

    Raises:
        CommandFailed: none runs.
    """
    if url := remote_url(options):
        async with open_remote(url, _key(options)) as session:
            yield session
        return
    path = control_socket(load_settings())
    if not is_listening(path):
        raise CommandFailed(
            f"No Studio runs here. Start it with {PROGRAM}, then ask again in a second terminal.",
            reason="not_running",
        )
    async with open_socket(path) as http:
        yield Session(Client(http), path.parent)


def kept(options: argparse.Namespace, job_id: str) -> str:
    """The sentence that says how a job's files can be had later."""
    url = remote_url(options)
    more = f" --url {shlex.quote(url)}" if url else ""
    return f"Studio keeps job {job_id}; get its files with: {PROGRAM} jobs get {job_id}{more}"


def checkpoint_folder(options: argparse.Namespace) -> str:
    """Where checkpoints go, as words of a sentence."""
    if not remote_url(options):
        with contextlib.suppress(BootError):
            settings = read_settings(os.environ, app_dir=Path(__file__).resolve().parents[2])
            return str(settings.model_dir / "checkpoints")
    return "the folder models/checkpoints of that Studio"


def _key(options: argparse.Namespace) -> str | None:
    url = remote_url(options)
    return options.key or os.environ.get("API_KEY") or (kept_key(url) if url else None)
