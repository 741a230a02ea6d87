"""Hands the command line over to one module per command."""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from studio.cli.arguments import read_arguments
from studio.cli.failures import EXIT_CONFIG, EXIT_FAILED, EXIT_INTERRUPTED, CommandFailed
from studio.errors import InvalidRequest, StudioError


class Command(Protocol):
    """A module of this package that carries a command out."""

    @staticmethod
    def execute(options: argparse.Namespace) -> int:
        """Return the exit status."""


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    options = read_arguments(arguments)
    # A command says in its own words what happened; serve sets up the log of a server.
    logging.basicConfig(level=logging.ERROR, format="studio: %(message)s")
    try:
        status = _module(options.command).execute(options)
        sys.stdout.flush()
    except CommandFailed as error:
        _complain(error.message, error.reason)
        return error.exit_code
    except InvalidRequest as error:
        _complain(error.message, error.code)
        return EXIT_CONFIG if options.command == "serve" else EXIT_FAILED
    except StudioError as error:
        _complain(error.message, error.code)
        return EXIT_FAILED
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away; the interpreter must not complain at its end either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    return status


def _module(command: str) -> Command:
    """Loaded only now: --help and doctor must not wait for, or need, what serve imports."""
    # All that modules are made of stays: to look through it for garbage again and again takes a
    # fifth of the time of a start.
    gc.disable()
    try:
        module = importlib.import_module(f"studio.cli.{command.replace('-', '_')}")
        gc.freeze()
    finally:
        gc.enable()
    return cast(Command, module)


def _complain(message: str, code: str) -> None:
    first, *more = message.splitlines() or [""]
    print("\n".join((f"studio: {first} [{code}]", *more)), file=sys.stderr)
