"""How often a password may be tried: by each client, and by everybody together.

Whoever shows that Studio knows them has attempts of their own, so that strangers who use up the
others keep nobody out.

A client's attempts count from their beginning, everybody's once they have failed: however many
people log in at one moment, those who know their passwords do not shut each other out. How many may
be under way together is bounded by the line in ``passwords``.

Only attempts are counted here. Sessions that are open never pass by.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from studio.clock import Clock
from studio.errors import TooManyLogins

MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
Limits = Sequence[tuple[int, float]]
PER_CLIENT: Final[Limits] = ((2, MINUTE_S), (12, HOUR_S))
EVERYBODY: Final[Limits] = ((30, MINUTE_S),)
"""(attempts, in how many seconds); each limit has to hold."""

_MAX_CLIENTS: Final = 4096


@dataclass
class _Meter:
    """Attempts that still count, for each limit; they fade evenly over its time."""

    limits: Limits
    at_s: float
    counts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.counts = [0.0] * len(self.limits)

    def fade(self, now_s: float) -> None:
        passed_s, self.at_s = now_s - self.at_s, now_s
        self.counts = [
            max(0.0, count - passed_s * limit / period_s)
            for count, (limit, period_s) in zip(self.counts, self.limits, strict=True)
        ]

    def wait_s(self) -> float:
        """Seconds until one more fits."""
        return max(
            (count + 1 - limit) * period_s / limit
            for count, (limit, period_s) in zip(self.counts, self.limits, strict=True)
        )

    def add(self, attempts: int) -> None:
        self.counts = [max(0.0, count + attempts) for count in self.counts]


class LoginThrottle:
    """Counts attempts before they cost anything."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._everybody = _Meter(EVERYBODY, clock.monotonic_s())
        self._clients: dict[str, _Meter] = {}

    @contextlib.contextmanager
    def attempt(self, address: str, proof: str | None = None) -> Iterator[None]:
        """An attempt, which counts unless it is a good one or did not get its turn.

        Raises:
            TooManyLogins: there were too many; nothing was counted.
        """
        self.enter(address, proof)
        try:
            yield
        except TooManyLogins:
            self.forgive(address, proof)
            raise
        except BaseException:
            if proof is None:
                self._everybody.fade(self._clock.monotonic_s())
                self._everybody.add(1)
            raise
        self.forgive(address, proof)

    def enter(self, address: str, proof: str | None = None) -> None:
        """Count an attempt of this client's, if it and everybody may try.

        Args:
            proof: what Studio once gave out and the caller shows. It has attempts of its own, and
                those of the address and of everybody do not matter.

        Raises:
            TooManyLogins: there were too many; nothing was counted.
        """
        now_s = self._clock.monotonic_s()
        name = proof or network_of(address)
        client = self._clients.get(name) or _Meter(PER_CLIENT, now_s)
        meters = [client] if proof else [client, self._everybody]
        for meter in meters:
            meter.fade(now_s)
        # A hair of tolerance: the seconds that were asked for must be enough.
        wait_s = max(meter.wait_s() for meter in meters) - 1e-6
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            raise TooManyLogins(
                f"Too many attempts to log in. Try again in {seconds} seconds; whoever is logged "
                "in stays so.",
                retry_after_s=seconds,
            )
        self._clients[name] = client
        self._forget_idle(now_s)
        client.add(1)

    def forgive(self, address: str, proof: str | None = None) -> None:
        """The attempt was a good one: it does not count."""
        name = proof or network_of(address)
        if (client := self._clients.get(name)) is not None:
            client.add(-1)
            if not any(client.counts):
                del self._clients[name]

    def _forget_idle(self, now_s: float) -> None:
        # Everybody's limit lets in far fewer strangers in an hour than are kept.
        if len(self._clients) > _MAX_CLIENTS:
            self._clients = {
                name: meter for name, meter in self._clients.items() if now_s - meter.at_s < HOUR_S
            }


@functools.lru_cache(maxsize=_MAX_CLIENTS)
def network_of(address: str) -> str:
    """Whom an address stands for: with IPv6 one household has a whole /64 of them."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
