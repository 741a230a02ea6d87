"""The command line's words: every command with its options, and hints for common slips."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from studio.cli.model_arguments import add_models
from studio.cli.node_arguments import add_nodes
from studio.version import VERSION

PROGRAM: Final = "./start.sh"
DEFAULT_FOLDER: Final = Path("pictures")
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
_SETTINGS: Final = {"--port": "STUDIO_PORT", "-p": "STUDIO_PORT", "--host": "STUDIO_HOST"}


def read_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """The command and its options.

    Raises:
        SystemExit: the command line is wrong, or asked for help or the version; that was printed.
    """
    parser = _parser()
    if hint := _setting(arguments):
        parser.error(hint)
    if arguments[:1] == ["version"]:
        arguments = ["--version"]
    elif arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.error(_complaint(options, unknown))
    return options


def _setting(arguments: Sequence[str]) -> str:
    """What to say to options that other servers have and Studio takes from the environment."""
    words = arguments[1:] if arguments[:1] == ["serve"] else arguments
    name, equals, value = words[0].partition("=") if words else ("", "", "")
    variable = _SETTINGS.get(name)
    if variable is None:
        return ""
    value = value if equals else next(iter(words[1:2]), "…")
    return f"there is no {name}; say it with the environment: {variable}={value} {PROGRAM}"


def _complaint(options: argparse.Namespace, unknown: Sequence[str]) -> str:
    if options.command == "run" and not any(word.startswith("-") for word in unknown):
        words = " ".join((options.workflow, *unknown))
        return f'put the words in quotes: {PROGRAM} run "{words}"'
    return f"unrecognized arguments: {' '.join(unknown)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        usage=f"{PROGRAM} [-h] [--version] [COMMAND ...]",
        description="The self-hosted studio for ComfyUI. Without a command it serves.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"Studio {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", prog=PROGRAM)
    _add_serve(commands)
    _add_run(commands)
    _add_jobs(commands)
    doctor = _add(commands, "doctor", "what is found, what is missing, how to mend it")
    shown = doctor.add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print the findings as JSON")
    shown.add_argument(
        "--socket", action="store_true", help="print only where control.sock is, for curl"
    )
    _add_presets(commands)
    add_models(commands, _add, _add_place)
    add_nodes(commands, _add, _add_place)
    _add_keys(commands)
    _add_login(commands)
    _add(commands, "setup-link", "a link that sets the owner's password, also a forgotten one")
    _add_users(commands)
    backup = _add(commands, "backup", "write everything into one tar file")
    backup.add_argument("file", type=Path, metavar="FILE.tar")
    backup.add_argument("--force", action="store_true", help="replace a file that exists")
    restore = _add(commands, "restore", "bring a backup back; Studio must not run")
    restore.add_argument("file", type=Path, metavar="FILE.tar")
    restore.add_argument("--yes", action="store_true", help="do not ask")
    _add_update(commands)
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
    serve = _add(commands, "serve", "run the server in the foreground; the same as no command")
    serve.add_argument("--take-over", action="store_true", help="take the volume from its holder")


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = _add(commands, "run", "run a workflow file, or make a picture from words")
    run.add_argument(
        "workflow",
        metavar="WORKFLOW",
        help="an API-format graph (a file, or a name ending in .json), or else a prompt in quotes",
    )
    run.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        help="change an input; the node is an id, a title or a class; may be repeated",
    )
    _add_out(run)
    _add_webhook(run)
    words = run.add_argument_group("for a prompt in words")
    words.add_argument("--negative", metavar="TEXT", help="what should not be in the picture")
    words.add_argument("--checkpoint", metavar="NAME", help="the model file to use")
    words.add_argument("--seed", type=int, metavar="N", help="repeat a picture (default: random)")
    words.add_argument("--steps", type=_positive, metavar="N")
    words.add_argument("--size", type=_size, metavar="WxH", help="in pixels, such as 768x512")
    words.add_argument("--count", type=_positive, metavar="N", help="pictures in one go")
    _add_place(run)
    run.add_argument("--quiet", action="store_true", help="no progress")
    run.add_argument("--json", action="store_true", help="print the job instead of the paths")


def _add_jobs(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    jobs = _add(commands, "jobs", "jobs: list, get the files, cancel")
    actions = jobs.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _add(actions, "list", "the newest jobs of the Studio that runs")
    listing.add_argument("--limit", type=_positive, default=20, metavar="N", help="at most (20)")
    listing.add_argument("--json", action="store_true")
    _add_place(listing)
    get = _add(actions, "get", "wait for a job and write its files")
    get.add_argument("job", metavar="ID")
    _add_out(get)
    get.add_argument("--quiet", action="store_true", help="no progress")
    _add_place(get)
    cancel = _add(actions, "cancel", "end a job of the Studio that runs")
    cancel.add_argument("job", metavar="ID")
    _add_place(cancel)


def _add_presets(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    presets = _add(commands, "presets", "presets: list, run")
    actions = presets.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _add(actions, "list", "presets of the Studio that runs, with their questions")
    listing.add_argument("--json", action="store_true")
    _add_place(listing)
    run = _add(actions, "run", "run a preset and write its files")
    run.add_argument("preset", metavar="ID_OR_NAME")
    run.add_argument(
        "--answer",
        dest="answers",
        action="append",
        default=[],
        metavar="QUESTION=TEXT",
        help="answer a question, by its name or words; may be repeated",
    )
    run.add_argument(
        "--set",
        dest="assignments",
        action="append",
        default=[],
        metavar="INPUT=VALUE",
        help="another value for an input: JSON, or else text; may be repeated",
    )
    run.add_argument("--count", type=_positive, default=1, metavar="N", help="times, up to 100 (1)")
    _add_out(run)
    _add_webhook(run)
    _add_place(run)
    run.add_argument("--quiet", action="store_true", help="no progress")


def _add_webhook(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--webhook", metavar="URL", help="tell this address how it ended, signed (docs/webhooks.md)"
    )


def _add_out(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--out",
        type=Path,
        default=DEFAULT_FOLDER,
        metavar="DIR",
        help=f"where the files go ({DEFAULT_FOLDER}); nothing there is ever overwritten",
    )


def _add_place(command: argparse.ArgumentParser) -> None:
    place = command.add_argument_group("where (default: the Studio of STUDIO_DIR, or its own)")
    place.add_argument("--url", help="a Studio elsewhere (default: STUDIO_URL)")
    place.add_argument(
        "--key",
        help="its API key (default: API_KEY, which other users of the machine cannot see, "
        "or the one that login kept)",
    )
    place.add_argument(
        "--wait",
        type=_positive,
        default=900,
        metavar="S",
        help="seconds to wait for an engine (900)",
    )


def _add_keys(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    keys = _add(commands, "keys", "API keys: create, list, revoke")
    actions = keys.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = _add(actions, "create", "make a key; it alone is printed, this once")
    create.add_argument("name", metavar="NAME")
    _add_scopes(create, "everything")
    create.add_argument(
        "--days", "--expires", type=_positive, metavar="N", help="days until it ends"
    )
    create.add_argument(
        "--rate", type=_positive, metavar="N", help="requests that it may make in a minute"
    )
    listing = _add(actions, "list", "keys that still open something")
    listing.add_argument("--json", action="store_true")
    revoke = _add(actions, "revoke", "end a key at once")
    revoke.add_argument("key", metavar="ID_OR_NAME")


def _add_login(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    login = _add(commands, "login", "get a key of a Studio elsewhere, by a code that you confirm")
    login.add_argument("url", metavar="URL")
    login.add_argument("--name", help="what the key is called (default: this machine)")
    _add_scopes(login, "jobs, graphs:run, assets")
    logout = _add(commands, "logout", "forget the key that login kept")
    logout.add_argument("url", metavar="URL")


def _add_scopes(command: argparse.ArgumentParser, usual: str) -> None:
    command.add_argument(
        "--scope",
        "--scopes",
        dest="scopes",
        action="extend",
        type=_scopes,
        metavar="SCOPE[,SCOPE]",
        help=f"what the key may do: {', '.join(_SCOPES)}; may be repeated (default: {usual})",
    )


def _add_users(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    users = _add(commands, "users", "people: list, invite, help with a lost password")
    actions = users.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = _add(actions, "list", "everybody who may log in")
    listing.add_argument("--json", action="store_true")
    invite = _add(actions, "invite", "print a link that lets one new person in")
    invite.add_argument("--role", choices=("member", "guest"), default="member", help="(member)")
    invite.add_argument(
        "--hours", type=_positive, default=72, metavar="N", help="hours until it ends (72)"
    )
    reset = _add(actions, "reset", "print a link that sets a new password, once")
    reset.add_argument("name", metavar="NAME")


def _add_update(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    update = _add(commands, "update", "releases of Studio: check, list, apply, back, image")
    actions = update.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = _add(actions, "check", "look what the repository has now")
    listing = _add(actions, "list", "what runs, what there is, and the way back")
    for shown in (check, listing):
        shown.add_argument("--json", action="store_true")
    apply = _add(
        actions, "apply", "install what a check finds, and wait until it has proved itself"
    )
    apply.add_argument(
        "commit",
        nargs="?",
        metavar="COMMIT",
        help="only if this is what a check finds; its beginning will do",
    )
    apply.add_argument("--downgrade", action="store_true", help="install an older release too")
    apply.add_argument(
        "--allow-unsigned", action="store_true", help="install a release that nobody signed"
    )
    _add(actions, "back", "go back to the release before")
    _add(actions, "image", "change to the image's own copy, when it is newer")


def _positive(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) < 1 << 31:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _scopes(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in _SCOPES:
            raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(_SCOPES)}")
    return names


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.lower().partition("x")
    if not cross:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size like 768x512")
    return _positive(width), _positive(height)
