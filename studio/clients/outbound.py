"""HTTP to places that somebody named: each connection goes to an address that was judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Final

import httpcore
import httpx

from studio.net import Outbound
from studio.tls import trusted

_MAX_CONNECTIONS: Final = 20
_KEEP_OPEN_S: Final = 15.0


class _Judged(httpcore.AsyncNetworkBackend):
    """Dials an address that was judged; TLS still asks for the host's name."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        addresses = await self._outbound.aaddresses(host.strip("[]"), port)
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(
            addresses[-1], port, timeout, local_address, socket_options
        )

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class OutboundTransport(httpx.AsyncHTTPTransport):
    """A transport for ``httpx.AsyncClient``; proxies of the environment are not used with it.

    Every request is judged, those after a redirect too. Refusals are the rules' own errors
    (``BlockedAddress``), not httpx's.
    """

    def __init__(self, outbound: Outbound) -> None:
        super().__init__(verify=trusted())
        self._outbound = outbound
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=trusted(),
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEEP_OPEN_S,
            network_backend=_Judged(outbound),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            StudioError: the rules refuse the address, or nobody knows the host.
            httpx.TransportError: as any transport's.
        """
        url = str(request.url)
        if request.url.scheme == "http":
            # Whether it may go without TLS can depend on the addresses.
            await self._outbound.aplace(url)
        else:
            self._outbound.check(url)
        return await super().handle_async_request(request)
