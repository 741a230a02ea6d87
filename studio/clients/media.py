"""Pictures, films and sounds at addresses that people wrote into their graphs."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urljoin, urlsplit

import httpx

from studio.clients.outbound import OutboundTransport
from studio.errors import InputUnavailable, SourceUnreachable
from studio.net import Outbound
from studio.version import VERSION

_WAIT_S: Final = 30.0
_LONGEST_S: Final = 3600.0
_MAX_REDIRECTS: Final = 10
_MAX_NAME: Final = 100

Ask = Callable[[str], tuple[str, Mapping[str, str]]]
"""What is asked for in place of an address, and with which headers."""


class MediaClient:
    """Fetches whole files, in one piece."""

    def __init__(self, outbound: Outbound) -> None:
        self._client = httpx.AsyncClient(
            transport=OutboundTransport(outbound),
            timeout=_WAIT_S,
            headers={"User-Agent": f"Studio/{VERSION}", "Accept-Encoding": "identity"},
        )

    async def close(self) -> None:
        await self._client.aclose()

    @contextlib.asynccontextmanager
    async def open(self, url: str, ask: Ask) -> AsyncIterator[tuple[str, AsyncIterator[bytes]]]:
        """The name of what is at an address, and its bytes.

        Args:
            ask: called for each address on the way, the first one and those that follow it.

        Raises:
            BlockedAddress, InvalidRequest: nothing is fetched from there.
            SourceUnreachable: there is no connection, or it ended; another try may help.
            InputUnavailable: the server does not give it.
        """
        host = urlsplit(url).hostname
        try:
            async with asyncio.timeout(_LONGEST_S), contextlib.AsyncExitStack() as stack:
                answer = await self._answer(url, ask, stack)
                yield _name(answer, url), answer.aiter_raw()
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            # The error's own text may hold the address, and that a secret.
            raise SourceUnreachable(
                "The file does not come: there is no connection to its server, or it is too slow.",
                details={"host": host},
            ) from error

    async def _answer(self, url: str, ask: Ask, stack: contextlib.AsyncExitStack) -> httpx.Response:
        host = urlsplit(url).hostname
        for _ in range(_MAX_REDIRECTS):
            address, headers = ask(url)
            request = self._client.build_request("GET", address, headers=headers)
            answer = await self._client.send(request, stream=True)
            stack.push_async_callback(answer.aclose)
            if answer.is_redirect:
                url = urljoin(url, answer.headers["location"])
                continue
            if answer.status_code != 200:
                raise InputUnavailable(
                    f"The server answered {answer.status_code} to the request for the file.",
                    details={"status": answer.status_code, "host": host},
                )
            if answer.headers.get("content-encoding", "identity") != "identity":
                raise InputUnavailable("The server sends the file compressed.")
            return answer
        raise InputUnavailable("That address leads from one place to the next, without an end.")


def _name(answer: httpx.Response, url: str) -> str:
    """The last part of an address, with an ending by its type if it has none."""
    last = PurePosixPath(unquote(urlsplit(url).path)).name
    kept = "".join(letter if letter.isalnum() or letter in "._- " else "_" for letter in last)
    name = kept.strip(" .")[-_MAX_NAME:] or "file"
    if PurePosixPath(name).suffix:
        return name
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    return name + (mimetypes.guess_extension(kind) or "")
