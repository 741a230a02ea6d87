"""Parses the command line and hands over to one module per command."""

from __future__ import annotations

import argparse
import importlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from studio.cli.failures import EXIT_CONFIG, EXIT_FAILED, EXIT_INTERRUPTED, CommandFailed
from studio.errors import InvalidRequest, StudioError

_EPILOG: Final = """\
exit status:
  0    done
  1    failed; one sentence on standard error says why, with its code in brackets
  2    wrong command line
  75   another Studio holds the volume
  78   a setting that cannot be used
  130  interrupted with Ctrl-C
"""
_SCOPES: Final = ("jobs", "graphs:run", "assets", "models:write", "editor", "admin")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    # A command says in its own words what happened; serve sets up the log of a server.
    logging.basicConfig(level=logging.ERROR, format="studio: %(message)s")
    try:
        # Loaded only now: --help and doctor must not wait for, or need, what serve imports.
        status: int = importlib.import_module(f"studio.cli.{options.command}").execute(options)
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="studio",
        description="The self-hosted studio for ComfyUI.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_serve(commands)
    _add_run(commands)
    doctor = _add(commands, "doctor", "what is found, what is missing, how to mend it")
    doctor.add_argument("--json", action="store_true", help="print the findings as JSON")
    _add_keys(commands)
    backup = _add(commands, "backup", "write everything into one tar file")
    backup.add_argument("file", type=Path, metavar="FILE.tar")
    backup.add_argument("--force", action="store_true", help="replace a file that exists")
    restore = _add(commands, "restore", "bring a backup back; Studio must not run")
    restore.add_argument("file", type=Path, metavar="FILE.tar")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_serve(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    serve = _add(commands, "serve", "run the server (bootstrap.py does this)")
    serve.add_argument("--take-over", action="store_true", help="take the volume from its holder")


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _add(commands, "run", "run a workflow file, or make a picture from words")
    run.add_argument(
        "workflow",
        metavar="WORKFLOW",
        help="an API-format graph (a file, or a name ending in .json), or else a prompt in words",
    )
    run.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="change an input; the node is an id, a title or a class; may be repeated",
    )
    run.add_argument(
        "--out", type=Path, default=Path(), metavar="DIR", help="where the outputs go (here)"
    )
    words = run.add_argument_group("for a prompt in words")
    words.add_argument("--negative", metavar="TEXT", help="what should not be in the picture")
    words.add_argument("--checkpoint", metavar="NAME", help="the model file to use")
    words.add_argument("--seed", type=int, metavar="N", help="repeat a picture (default: random)")
    words.add_argument("--steps", type=_positive, metavar="N")
    words.add_argument("--size", type=_size, metavar="WxH", help="in pixels, such as 768x512")
    words.add_argument("--count", type=_positive, metavar="N", help="pictures in one go")
    place = run.add_argument_group("where it runs (default: the Studio of STUDIO_DIR, or its own)")
    place.add_argument("--url", help="a Studio elsewhere (default: STUDIO_URL)")
    place.add_argument(
        "--key", help="its API key (default: API_KEY, which other users of the machine cannot see)"
    )
    place.add_argument(
        "--wait", type=_positive, default=900, metavar="S", help="seconds to wait for an engine"
    )
    run.add_argument("--quiet", action="store_true", help="no progress")
    run.add_argument("--json", action="store_true", help="print the job instead of the paths")


def _add_keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    keys = _add(commands, "keys", "API keys: create, list, revoke")
    actions = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = _add(actions, "create", "make a key; it alone is printed, this once")
    create.add_argument("name", metavar="NAME")
    create.add_argument(
        "--scope",
        dest="scopes",
        action="append",
        choices=_SCOPES,
        help="what it may do, may be repeated (default: everything)",
    )
    create.add_argument("--days", type=_positive, metavar="N", help="days until it ends")
    listing = _add(actions, "list", "keys that still open something")
    listing.add_argument("--json", action="store_true")
    revoke = _add(actions, "revoke", "end a key at once")
    revoke.add_argument("key", metavar="ID_OR_NAME")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not cross:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 768x512")
    return _positive(width), _positive(height)
