"""``studio restore``: a backup back in place, while Studio does not run."""

from __future__ import annotations

import argparse
import sys
from typing import Final

from studio.cli.console import in_use
from studio.cli.environment import load_settings
from studio.cli.failures import CommandFailed
from studio.cli.offline import claim
from studio.cli.sockets import control_socket, is_listening
from studio.clock import Clock
from studio.store import restoring

# A lease that is not renewed is free after a minute.
_PATIENCE_S: Final = 75.0


def execute(options: argparse.Namespace) -> int:
    """Replace the state by that of the backup; what was there is kept beside it."""
    settings = load_settings()
    source = options.file.expanduser().absolute()
    if not source.is_file():
        raise CommandFailed(f"There is no file {source}.", reason="not_found")
    if is_listening(control_socket(settings)):
        raise CommandFailed("Studio is running; stop it before a restore.", reason="running")
    if not options.yes:
        _confirm(f"Replace what is in {settings.studio_dir} by {source}?")
    with claim(settings, patience_s=_PATIENCE_S) as claimed:
        if claimed.lease is None:
            raise in_use(claimed.message)
        restored = restoring.restore(source, settings.studio_dir, Clock())
    print(f"Restored the backup of {restored.created_at}: {restored.blobs} files.")
    if restored.missing:
        print(f"{restored.missing} files were missing from it already.")
    print(f"What was there before is in {settings.studio_dir / restored.aside}")
    return 0


def _confirm(question: str) -> None:
    if not sys.stdin.isatty():
        raise CommandFailed("A restore needs --yes when nobody can be asked.", reason="unconfirmed")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise CommandFailed("Nothing was changed.", reason="unconfirmed")
