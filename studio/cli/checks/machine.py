"""Memory, the way to the hubs, and the clock."""

from __future__ import annotations

import http.client
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from email.message import Message
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from studio.cli.checks.finding import Finding, info, ok, warn
from studio.clients.machine import read_memory

_LEAST_MEMORY: Final = 4_000_000_000
_TIMEOUT_S: Final = 5.0
_WRONG_CLOCK_S: Final = 120.0
_HUBS: Final = {"HF_TOKEN": "Hugging Face", "CIVITAI_API_KEY": "Civitai"}


def check_memory() -> Finding:
    """Whether models can be loaded at all."""
    memory = read_memory()
    if memory is None:
        return info("memory", "This system does not say how much there is.")
    total = f"{memory.total / 1e9:.1f} GB, {(memory.total - memory.used) / 1e9:.1f} GB free"
    if memory.total < _LEAST_MEMORY:
        return warn(
            "memory",
            f"{total}: the library works, ComfyUI may be ended while it loads a model.",
            "Use a machine, or a limit of the container, with 8 GB or more.",
        )
    return ok("memory", total)


def check_hubs(urls: Mapping[str, str]) -> Iterator[Finding]:
    """Whether the hubs answer, and whether their clock is ours.

    Args:
        urls: addresses by the name of the hub's token.
    """
    answers: dict[str, Message | str] = {}
    threads = [
        threading.Thread(target=_ask, args=(urls[token], name, answers), daemon=True)
        for token, name in _HUBS.items()
    ]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _TIMEOUT_S + 1
    for thread in threads:
        # A resolver may take longer than any time that it is given.
        thread.join(max(0.0, deadline - time.monotonic()))
    for token, name in _HUBS.items():
        answer = answers.get(name, "no answer in time")
        host = urlsplit(urls[token]).hostname
        if isinstance(answer, str):
            yield warn(
                name,
                f"{host} is not reached: {answer}.",
                "Downloads from there need it; everything else works. Look at the network: Studio "
                "fetches directly, not by a proxy.",
            )
        else:
            yield ok(name, f"{host} answers")
    yield from _check_clock([each for each in answers.values() if not isinstance(each, str)])


def _ask(url: str, name: str, answers: dict[str, Message | str]) -> None:
    # The address is http or https: the settings let no other pass.
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310
    # Downloads use no proxy of the environment either.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(request, timeout=_TIMEOUT_S) as answer:
            answers[name] = answer.headers
    except urllib.error.HTTPError as error:
        # It answers, and that is the question.
        answers[name] = error.headers
    except (OSError, http.client.HTTPException, ValueError) as error:
        answers[name] = str(getattr(error, "reason", error))


def _check_clock(headers: list[Message]) -> Iterator[Finding]:
    """A wrong clock breaks certificates, links that expire, and sessions."""
    told = next((each["Date"] for each in headers if each["Date"]), None)
    try:
        off_s = time.time() - parsedate_to_datetime(told).timestamp() if told else None
    except ValueError:
        off_s = None
    if off_s is None:
        return
    if abs(off_s) > _WRONG_CLOCK_S:
        yield warn(
            "clock",
            f"It is {abs(off_s):.0f} s {'ahead' if off_s > 0 else 'behind'}.",
            "Set it, or let it be set by NTP: links, sessions and certificates depend on it.",
        )
    else:
        yield ok("clock", "right")
