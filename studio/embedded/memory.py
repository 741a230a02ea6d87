"""Counts the pixels that are held, and refuses what would exceed the limit."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from studio.embedded.context import MemoryLimitExceeded

_BYTES_PER_NUMBER = 4
_BYTES_PER_MB = 1024 * 1024


class Budget:
    """The memory of one running node.

    ``held()`` yields every value that stays in memory meanwhile; ``release()`` forgets those
    that are only kept for later runs.
    """

    def __init__(
        self,
        limit_bytes: int,
        held: Callable[[], Iterable[Any]],
        release: Callable[[], None],
    ) -> None:
        self._limit_bytes = limit_bytes
        self._held = held
        self._release = release
        self._claimed_bytes = 0

    def claim(self, *shape: int) -> None:
        """Reserve room for an array of 4-byte numbers.

        Raises MemoryLimitExceeded when there is none even after forgetting what can be.
        """
        self._claimed_bytes += math.prod(shape) * _BYTES_PER_NUMBER
        if self._claimed_bytes + size_of(self._held()) <= self._limit_bytes:
            return
        self._release()
        needed_bytes = self._claimed_bytes + size_of(self._held())
        if needed_bytes > self._limit_bytes:
            raise MemoryLimitExceeded(
                f"This graph would hold {needed_bytes // _BYTES_PER_MB} MB of pixels at once, "
                f"more than this engine's memory limit of {self._limit_bytes // _BYTES_PER_MB} MB "
                "(--memory-limit-mb)"
            )


def size_of(values: Iterable[Any]) -> int:
    """Return the bytes of all arrays in ``values``, each counted once."""
    arrays = {id(array): array.nbytes for value in values for array in _arrays(value)}
    return sum(arrays.values())


def _arrays(value: Any) -> Iterator[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from _arrays(each)
    elif is_dataclass(value):
        for each in fields(value):
            yield from _arrays(getattr(value, each.name))
