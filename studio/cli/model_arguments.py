"""The words of ``studio models``; apart from ``arguments.py`` because there are many."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

Commands = Any
"""What argparse gives for adding commands; its own class is private."""


def add_models(
    commands: Commands,
    add: Callable[[Commands, str, str], argparse.ArgumentParser],
    add_place: Callable[[argparse.ArgumentParser], None],
) -> None:
    """Add ``models`` and its actions.

    Args:
        add: makes a command with its summary.
        add_place: adds the options that say which Studio is meant.
    """
    models = add(commands, "models", "model files: list, pull, rm, verify, scan")
    actions = models.add_subparsers(dest="action", required=True, metavar="ACTION")

    listing = add(actions, "list", "the files that are there, or that can be had")
    listing.add_argument("--folder", metavar="FOLDER", help="one folder alone")
    instead = listing.add_mutually_exclusive_group()
    instead.add_argument("--available", action="store_true", help="what the catalogs know instead")
    instead.add_argument(
        "--bundles", action="store_true", help="what belongs together instead, by kind of workflow"
    )
    listing.add_argument("--json", action="store_true")
    add_place(listing)

    pull = add(actions, "pull", "fetch models; Studio must run")
    pull.add_argument(
        "targets",
        nargs="*",
        metavar="MODEL",
        help="an id of list --available or --bundles, or https://… hf:… civitai:…",
    )
    pull.add_argument(
        "--for", dest="workflow", type=Path, metavar="FILE.json", help="all that a workflow lacks"
    )
    pull.add_argument(
        "--folder",
        metavar="FOLDER",
        help="where a reference's file goes (default: what its hub or name says)",
    )
    pull.add_argument("--name", metavar="NAME", help="its name there (default: its own)")
    pull.add_argument("--sha256", metavar="HEX", help="what its bytes must hash to")
    pull.add_argument("--quiet", action="store_true", help="no progress")
    add_place(pull)

    remove = add(actions, "rm", "delete a model file for good")
    remove.add_argument("model", metavar="NAME", help="its name, FOLDER/NAME or id")
    remove.add_argument("--yes", action="store_true", help="do not ask")
    add_place(remove)

    verify = add(actions, "verify", "read files again and compare their hashes")
    verify.add_argument("models", nargs="*", metavar="NAME", help="(default: all)")
    verify.add_argument("--quiet", action="store_true", help="no progress")
    add_place(verify)

    scan = add(actions, "scan", "look at the folders now")
    add_place(scan)
