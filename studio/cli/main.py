"""Parses the command line and hands over to one module per command."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from typing import Final

import uvloop

from studio import logs
from studio.errors import InvalidRequest, StudioError
from studio.server import serve
from studio.settings import Settings
from studio.store.lease import LeaseLost

EX_CONFIG: Final = 78


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    parser = argparse.ArgumentParser(prog="studio")
    commands = parser.add_subparsers(dest="command", required=True)
    serving = commands.add_parser("serve", help="run the server (bootstrap does this)")
    serving.add_argument("--take-over", action="store_true", help="take the volume from its holder")
    options = parser.parse_args(arguments)
    try:
        settings = Settings.from_env(os.environ)
        logs.set_up([settings.api_key.reveal()] if settings.api_key else [])
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve(settings, take_over=options.take_over))
    except InvalidRequest as error:
        print(f"studio: {error.message}", file=sys.stderr)
        return EX_CONFIG
    except LeaseLost as error:
        print(f"studio: {error.message}", file=sys.stderr)
        return 1
    except StudioError as error:
        print(f"studio: {error.message}", file=sys.stderr)
        return 1
    return 0
