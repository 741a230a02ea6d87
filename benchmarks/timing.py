"""How long requests take."""

from __future__ import annotations

import time

import httpx

_WARM_UP = 3


def request_ms(client: httpx.Client, path: str, *, times: int) -> list[float]:
    """Milliseconds of ``times`` requests, one after the other, after a few that do not count.

    Raises:
        httpx.HTTPStatusError: an answer was no success.
    """
    taken = []
    for number in range(times + _WARM_UP):
        started = time.perf_counter()
        answer = client.get(path)
        elapsed_ms = 1e3 * (time.perf_counter() - started)
        answer.raise_for_status()
        if number >= _WARM_UP:
            taken.append(elapsed_ms)
    return taken
