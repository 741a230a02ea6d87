"""How many passwords are hashed at the same moment.

Whoever needs the fixture imports it under its own name (`hashing as hashing`): pytest finds it
there.
"""

from __future__ import annotations

import hashlib
import threading
from typing import Any

import pytest


@pytest.fixture
def hashing(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many hashes ran at the same moment, one number for each; they still run."""
    seen: list[int] = []
    real, lock, running = hashlib.scrypt, threading.Lock(), 0

    def counting(*args: Any, **options: Any) -> bytes:
        nonlocal running
        with lock:
            running += 1
            seen.append(running)
        try:
            return real(*args, **options)
        finally:
            with lock:
                running -= 1

    monkeypatch.setattr(hashlib, "scrypt", counting)
    return seen
