"""``studio backup``: everything in one file, while Studio runs or not."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from studio.cli.client import Client
from studio.cli.console import open_console
from studio.cli.environment import load_settings
from studio.cli.failures import CommandFailed
from studio.settings import Settings


def execute(options: argparse.Namespace) -> int:
    """Write the backup and print its path."""
    target: Path = options.file.expanduser().absolute()
    if target.exists() and not options.force:
        raise CommandFailed(f"{target} exists; --force replaces it.", reason="conflict")
    if target.is_dir():
        raise CommandFailed(f"{target} is a folder.", reason="conflict")
    asyncio.run(_backup(load_settings(), target))
    return 0


async def _backup(settings: Settings, target: Path) -> None:
    async with open_console(settings) as http:
        written = await Client(http).post("/api/system/backup", {"to": str(target)}, timeout_s=None)
    megabytes = written["size_bytes"] / 1e6
    print(f"{written['blobs']} files and the database, {megabytes:.1f} MB.", file=sys.stderr)
    if written["missing"]:
        print(f"{len(written['missing'])} files are missing from the disk.", file=sys.stderr)
    if written["skipped"]:
        print(f"Left out, for their names: {', '.join(written['skipped'])}.", file=sys.stderr)
    print(target)
