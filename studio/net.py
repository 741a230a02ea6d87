"""Which places elsewhere Studio may be led to by what people write.

An address of this machine or of a private network is refused in each of its spellings. A name is
resolved once, every answer is judged, and the judged address is the one that is dialled: an answer
that changes between the check and the connection changes nothing.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Final
from urllib.parse import SplitResult, urlsplit

from studio.errors import BlockedAddress, InvalidRequest, SourceUnreachable

Address = IPv4Address | IPv6Address
Resolve = Callable[[str, int], Sequence[str]]
"""Every address of a name, as text; raises ``OSError`` when there is none."""

_NAT64: Final = IPv6Network("64:ff9b::/96")
_NEVER: Final[tuple[IPv4Network | IPv6Network, ...]] = (
    IPv4Network("100.64.0.0/10"),
    IPv4Network("192.0.0.0/24"),
    IPv4Network("198.18.0.0/15"),
    IPv6Network("64:ff9b:1::/48"),
    IPv6Network("100::/64"),
    IPv6Network("2001::/32"),
    IPv6Network("fec0::/10"),
)
"""Refused whatever the running Python thinks of them; its list differs between versions."""
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?", re.IGNORECASE)
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_URL_TEXT: Final = re.compile(r"""[!#-;=?-\[\]-~]+""")
_MAX_URL: Final = 4096
_LOOKUPS_AT_ONCE: Final = 8
_DIAL_TIMEOUT_S: Final = 10.0
_REACH_TIMEOUT_S: Final = 4.0
"""Somebody looks at an empty form meanwhile."""


def _resolve(host: str, port: int) -> Sequence[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a URL leads, and the addresses that were judged."""

    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...] = ()

    @property
    def origin(self) -> tuple[str, str, int]:
        """What tokens are bound to."""
        return (self.scheme, self.host, self.port)


@dataclass(frozen=True, slots=True)
class _Allowed:
    """One entry of the list: a host, with a port or any, or a network."""

    host: str | None = None
    port: int | None = None
    network: IPv4Network | IPv6Network | None = None


class Outbound:
    """The rules for connections to a place that somebody named.

    Args:
        allow: ``host``, ``host:port`` or networks that may be reached though they are private, and
            without TLS.
        resolve: asks for the addresses of a name; blocks.
    """

    def __init__(self, allow: Iterable[str] = (), *, resolve: Resolve = _resolve) -> None:
        self._allow = tuple(parse_allowed(entry) for entry in allow)
        self._resolve = resolve
        # Names that nobody answers for hold up other names, and nothing else that blocks.
        self._lookups = ThreadPoolExecutor(_LOOKUPS_AT_ONCE, "names")

    # -- addresses that people write ------------------------------------------------------------

    def check(self, url: str) -> Place:
        """Judge a URL without asking anybody: its form, its scheme, an address in it.

        Raises:
            BlockedAddress: it leads where nothing may be fetched from.
            InvalidRequest: it is no URL.
        """
        parts = _split(url)
        host = (parts.hostname or "").rstrip(".").lower()
        port = parts.port or (443 if parts.scheme == "https" else 80)
        place = Place(parts.scheme, host, port)
        literal = _literal(host)
        if literal is not None:
            self._require(place, (literal,))
        elif parts.scheme == "http" and not self._names(host, port) and not self._has_networks:
            raise BlockedAddress(
                "Only https:// addresses are fetched from.", details={"host": host}
            )
        return place

    def place(self, url: str) -> Place:
        """Judge a URL and every address of its host; blocks while the name is resolved.

        Raises:
            BlockedAddress, InvalidRequest: as ``check``.
            SourceUnreachable: nobody knows the host.
        """
        place = self.check(url)
        return Place(place.scheme, place.host, place.port, self._judged(place))

    async def aplace(self, url: str) -> Place:
        """``place``, beside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._lookups, self.place, url)

    def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """Every address of a host, all of them judged; blocks.

        Raises:
            BlockedAddress, SourceUnreachable.
        """
        return self._judged(Place("https", host.rstrip(".").lower(), port))

    async def aaddresses(self, host: str, port: int) -> tuple[str, ...]:
        """``addresses``, beside the event loop."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._lookups, self.addresses, host, port)

    def dial(self, place: Place, timeout_s: float = _DIAL_TIMEOUT_S) -> socket.socket:
        """Connect to one of the judged addresses, in their order; blocks.

        Raises:
            SourceUnreachable: none of them answers.
        """
        reason = "no address"
        for address in place.addresses:
            try:
                return socket.create_connection((address, place.port), timeout=timeout_s)
            except OSError as error:
                reason = error.strerror or "no answer in time"
        raise SourceUnreachable(
            f"There is no connection to {place.host}: {reason}.", details={"host": place.host}
        )

    async def areach(self, url: str) -> None:
        """Find out, beside the event loop, whether anybody answers there; nothing is asked.

        Raises:
            BlockedAddress, InvalidRequest, SourceUnreachable: nobody does, or may be asked.
        """

        def work() -> None:
            self.dial(self.place(url), _REACH_TIMEOUT_S).close()

        await asyncio.to_thread(work)

    # -- judging ----------------------------------------------------------------------------------

    def _judged(self, place: Place) -> tuple[str, ...]:
        literal = _literal(place.host)
        if literal is None:
            try:
                texts = self._resolve(place.host, place.port)
                found = tuple(ip_address(text) for text in texts)
            except (OSError, ValueError) as error:
                raise SourceUnreachable(
                    f"The name {place.host} cannot be resolved.", details={"host": place.host}
                ) from error
        else:
            found = (literal,)
        if not found:
            raise SourceUnreachable(
                f"The name {place.host} has no address.", details={"host": place.host}
            )
        self._require(place, found)
        return tuple(str(address) for address in found)

    def _require(self, place: Place, addresses: Sequence[Address]) -> None:
        if self._names(place.host, place.port):
            return
        for address in addresses:
            if self._in_network(address):
                continue
            if not is_public(address):
                raise BlockedAddress(
                    f"{place.host} leads to a private address. The owner can allow it with"
                    " STUDIO_OUTBOUND_ALLOW.",
                    details={"host": place.host},
                )
            if place.scheme == "http":
                raise BlockedAddress(
                    "Only https:// addresses are fetched from.", details={"host": place.host}
                )

    def _names(self, host: str, port: int) -> bool:
        return any(one.host == host and one.port in (None, port) for one in self._allow)

    @property
    def _has_networks(self) -> bool:
        return any(one.network is not None for one in self._allow)

    def _in_network(self, address: Address) -> bool:
        return any(one.network is not None and address in one.network for one in self._allow)


def parse_allowed(entry: str) -> _Allowed:
    """One entry of ``STUDIO_OUTBOUND_ALLOW``.

    Raises:
        InvalidRequest: it is neither a host, with a port or without, nor a network.
    """
    text = entry.strip().lower()
    try:
        network = ip_network(text.strip("[]"), strict=False)
    except ValueError:
        pass
    else:
        return _Allowed(network=network)
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    is_plain = host is not None and parts.netloc == text and "@" not in text
    if not is_plain or host is None or not (_HOST.fullmatch(host) or _is_address(host)):
        raise InvalidRequest(
            f"STUDIO_OUTBOUND_ALLOW needs hosts, host:port or networks, not {entry!r}."
        )
    return _Allowed(host=host.rstrip("."), port=port)


def is_public(address: Address) -> bool:
    """Whether an address belongs to the open internet, in whatever form it hides another."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address.sixtofour is not None:
            return is_public(address.sixtofour)
        if address in _NAT64:
            return is_public(IPv4Address(int(address) & 0xFFFFFFFF))
        if address.scope_id is not None:
            return False
    if address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return address.is_global and not any(address in network for network in _NEVER)


def _split(url: str) -> SplitResult:
    if (
        len(url) > _MAX_URL
        or not url.isascii()
        or not url.isprintable()
        or set(url) & set(' \\"<>')
    ):
        raise InvalidRequest("That is not an address that can be fetched.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidRequest("That is not an address that can be fetched.") from None
    if parts.scheme not in ("http", "https"):
        raise BlockedAddress("Only https:// addresses are fetched from.")
    if not parts.hostname or port == 0:
        raise InvalidRequest("That is not an address that can be fetched.")
    if parts.username is not None or parts.password is not None:
        raise InvalidRequest("An address must not hold a user name or a password.")
    return parts


def _literal(host: str) -> Address | None:
    """The address that a host is written as, ``None`` for a name.

    Raises:
        BlockedAddress: it is an address in one of the old spellings that resolvers still take.
        InvalidRequest: it is neither.
    """
    try:
        return ip_address(host)
    except ValueError:
        pass
    if not _HOST.fullmatch(host) or len(host) > 253:
        raise InvalidRequest("That is not an address that can be fetched.")
    if _NUMBER.fullmatch(host.rsplit(".", 1)[-1]):
        raise BlockedAddress("That address is written in a form that is not fetched from.")
    return None


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True
