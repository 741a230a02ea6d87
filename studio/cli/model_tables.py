"""What can be had, as ``studio models list`` shows it."""

from __future__ import annotations

import json
from typing import Any, Final

from studio.cli.table import print_table

_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def print_entries(entries: list[dict[str, Any]], *, as_json: bool) -> int:
    """Models of the catalogs; returns the exit status."""
    if as_json:
        print(json.dumps(entries, indent=2))
        return 0
    rows = [
        (
            entry["id"],
            entry["name"],
            entry["folder"],
            shown_size(entry["size_bytes"]),
            entry["family_name"] or "",
            entry["state"],
        )
        for entry in entries
    ]
    print_table(("ID", "NAME", "FOLDER", "SIZE", "BASE MODEL", "STATE"), rows)
    return 0


def print_bundles(bundles: list[dict[str, Any]], *, as_json: bool) -> int:
    """What belongs together, and what of it is missing; returns the exit status."""
    if as_json:
        print(json.dumps(bundles, indent=2))
        return 0
    rows = [
        (
            bundle["id"],
            bundle["name"],
            str(len(bundle["entries"])),
            str(bundle["missing"]),
            shown_size(bundle["missing_bytes"]),
        )
        for bundle in bundles
    ]
    print_table(("ID", "NAME", "MODELS", "MISSING", "TO FETCH"), rows)
    return 0


def shown_size(size: int | None) -> str:
    """In the units of the page, which are those of hubs and disks: powers of 1000."""
    if size is None:
        return ""
    power = min(len(_UNITS) - 1, max(0, len(str(size)) - 1) // 3)
    value = size / 1000**power
    return f"{value:.{1 if power and value < 10 else 0}f} {_UNITS[power]}"
