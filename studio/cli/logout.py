"""``studio logout``: the key that ``login`` kept is forgotten on this machine."""

from __future__ import annotations

import argparse
import sys

from studio.cli.failures import CommandFailed
from studio.cli.kept_keys import forget_key


def execute(options: argparse.Namespace) -> int:
    """Forget it; who made it can end it in Studio."""
    if not forget_key(options.url):
        raise CommandFailed(f"No key of {options.url} is kept here.", reason="not_found")
    print("Forgotten here. Settings, API keys in Studio ends it for good.", file=sys.stderr)
    return 0
