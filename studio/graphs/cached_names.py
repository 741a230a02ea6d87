"""Files of the cache are listed by engines, and nobody chooses one by its name there."""

from __future__ import annotations

from typing import Any

from studio.remote import is_cached_name


def take_cached_names(described: Any, found: set[str]) -> None:
    """Move the names of cached files out of every list of choices, into ``found``.

    Args:
        described: what an engine says of one class; changed in place. Its depth is the engine's.
    """
    if isinstance(described, dict):
        for value in described.values():
            take_cached_names(value, found)
    elif isinstance(described, list):
        cached = {item for item in described if isinstance(item, str) and is_cached_name(item)}
        if cached:
            found |= cached
            described[:] = [
                item for item in described if not isinstance(item, str) or item not in cached
            ]
        for item in described:
            if isinstance(item, (dict, list)):
                take_cached_names(item, found)
