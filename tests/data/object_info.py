"""What every class of ComfyUI 0.33.0 declares, as its ``/object_info`` says it.

Interface facts only (ComfyUI is GPL-3.0): names, types, defaults, ranges and choices; texts for
people are removed. It was asked on a machine without a model and without a file, so the lists of
files are empty. ``python -m tests.data.object_info <url>`` records it anew from a running ComfyUI,
which should have been started with an empty base directory.
"""

from __future__ import annotations

import functools
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import httpx

RECORDED = Path(__file__).with_name("object_info-0.33.json.gz")

_PROSE = frozenset({"description", "search_aliases", "output_tooltips", "price_badge"})


@functools.cache
def recorded() -> dict[str, Any]:
    """Every class of ComfyUI 0.33.0; shared by all that ask, so nobody may change it."""
    classes: dict[str, Any] = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return classes


def without_prose(classes: dict[str, Any]) -> dict[str, Any]:
    """The descriptions without the texts that only people read."""
    return {
        name: {key: _plain(value) for key, value in facts.items() if key not in _PROSE}
        for name, facts in classes.items()
    }


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        # An input may itself be called "tooltip": then it is no text.
        return {
            key: _plain(part)
            for key, part in value.items()
            if key != "tooltip" or not isinstance(part, str)
        }
    return [_plain(part) for part in value] if isinstance(value, list) else value


def main(url: str) -> None:
    """Asks the ComfyUI at ``url`` and rewrites the recording."""
    classes = httpx.get(f"{url}/object_info", timeout=120).raise_for_status().json()
    text = json.dumps(without_prose(classes), separators=(",", ":"), ensure_ascii=False)
    # Without a time stamp the same answer makes the same file.
    RECORDED.write_bytes(gzip.compress(text.encode(), mtime=0))


if __name__ == "__main__":
    main(sys.argv[1])
