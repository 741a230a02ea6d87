"""Hands the command line over to one module per command."""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Sequence

from studio.cli.arguments import read_arguments
from studio.cli.failures import EXIT_CONFIG, EXIT_FAILED, EXIT_INTERRUPTED, CommandFailed
from studio.errors import InvalidRequest, StudioError


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    options = read_arguments(arguments)
    # A command says in its own words what happened; serve sets up the log of a server.
    logging.basicConfig(level=logging.ERROR, format="studio: %(message)s")
    try:
        # Loaded only now: --help and doctor must not wait for, or need, what serve imports.
        module = importlib.import_module(f"studio.cli.{options.command.replace('-', '_')}")
        status: int = module.execute(options)
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


def _complain(message: str, code: str) -> None:
    first, *more = message.splitlines() or [""]
    print("\n".join((f"studio: {first} [{code}]", *more)), file=sys.stderr)
