"""``studio setup-link``: the way in for the owner, at first and after a lost password."""

from __future__ import annotations

import argparse
import asyncio
import sys

from studio.cli.client import Client
from studio.cli.console import open_console
from studio.cli.environment import load_settings
from studio.cli.public import public_link
from studio.models import OWNER_ID
from studio.settings import Settings


def execute(_: argparse.Namespace) -> int:
    """Print a link that sets the owner's password."""
    asyncio.run(_print_link(load_settings()))
    return 0


async def _print_link(settings: Settings) -> None:
    async with open_console(settings) as http:
        made = await Client(http).post(f"/api/users/{OWNER_ID}/reset", {})
    print("Open this once within a day, in a browser that reaches Studio:", file=sys.stderr)
    print(public_link(made["url"], settings), flush=True)
