"""The words of ``studio nodes``."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Commands = Any
"""What argparse gives for adding commands; its own class is private."""


def add_nodes(
    commands: Commands,
    add: Callable[[Commands, str, str], argparse.ArgumentParser],
    add_place: Callable[[argparse.ArgumentParser], None],
) -> None:
    """``list``, ``install``, ``update``, ``rm``, ``back``, ``enable``, ``disable``."""
    nodes = add(commands, "nodes", "node packs of ComfyUI: list, install, update, remove")
    actions = nodes.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = add(actions, "list", "what is installed, or what the registry knows")
    listing.add_argument("--known", action="store_true", help="the packs of the registry")
    listing.add_argument("--json", action="store_true")
    add_place(listing)
    install = add(
        actions, "install", "install a pack; it is a program: install only what you trust"
    )
    install.add_argument("pack", metavar="NAME_OR_URL", help="of the registry, or a repository")
    install.add_argument("--ref", default="", help="a branch, a tag or a commit of the repository")
    add_place(install)
    for word, summary in (
        ("update", "bring a pack to the registry's commit, or the end of its branch"),
        ("rm", "remove a pack; “back” brings it again"),
        ("back", "bring a pack back to what it was before its last change"),
        ("disable", "have ComfyUI leave a pack out"),
        ("enable", "have ComfyUI load a pack again"),
    ):
        action = add(actions, word, summary)
        action.add_argument("pack", metavar="NAME")
        add_place(action)
