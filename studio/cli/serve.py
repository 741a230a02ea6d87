"""``studio serve``: the server itself, in the foreground."""

from __future__ import annotations

import argparse
import asyncio
import os

import uvloop

from studio import logs
from studio.server import serve
from studio.settings import Settings


def execute(options: argparse.Namespace) -> int:
    """Serve until asked to stop."""
    settings = Settings.from_env(os.environ)
    for name, secret in settings.secrets.items():
        logs.redaction.hide(name, secret.reveal())
    logs.set_up()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, take_over=options.take_over))
    return 0
