"""Asks a service elsewhere whose token this is: the way to find out whether it works."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

import httpx
import orjson

from studio.tls import trusted

_TIMEOUT_S: Final = 10.0
_MAX_ANSWER: Final = 65_536
_MAX_NAME: Final = 100


class TokenRefused(Exception):
    """The service does not accept the token."""


class ServiceUnreachable(Exception):
    """The service cannot be asked, or its answer cannot be read; the message has no secret."""


@dataclass(frozen=True, slots=True)
class _Service:
    """How one service is asked, and where in its answer the name is."""

    path: Callable[[str], str]
    headers: Callable[[str], Mapping[str, str]]
    name: Callable[[Mapping[str, Any]], Any]


def _bearer(token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {token}"}


_SERVICES: Final[Mapping[str, _Service]] = {
    "HF_TOKEN": _Service(lambda _: "/api/whoami-v2", _bearer, lambda said: said["name"]),
    "CIVITAI_API_KEY": _Service(lambda _: "/api/v1/me", _bearer, lambda said: said["username"]),
    "TELEGRAM_BOT_TOKEN": _Service(
        # Telegram takes its token in the address and nowhere else.
        lambda token: f"/bot{quote(token, safe=':')}/getMe",
        lambda _: {},
        lambda said: said["result"]["username"],
    ),
}


class TokenOwners:
    """The services by the names of their tokens.

    Args:
        base_urls: where each of them is, by the same names.
    """

    def __init__(self, base_urls: Mapping[str, str]) -> None:
        self._base_urls = base_urls

    async def ask(self, kind: str, token: str) -> str:
        """The name of the account, or the bot, that a token belongs to.

        Raises:
            TokenRefused, ServiceUnreachable.
        """
        service = _SERVICES[kind]
        if not token.isascii() or not token.isprintable():
            raise TokenRefused
        answer = await _get(self._base_urls[kind] + service.path(token), service.headers(token))
        try:
            name = service.name(orjson.loads(answer))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise ServiceUnreachable("its answer cannot be read") from None
        if not isinstance(name, str):
            raise ServiceUnreachable("its answer cannot be read")
        return name[:_MAX_NAME]


async def _get(url: str, headers: Mapping[str, str]) -> bytes:
    # Errors of httpx name the address, which holds Telegram's token: none of them goes further.
    try:
        async with (
            httpx.AsyncClient(
                verify=trusted(), timeout=_TIMEOUT_S, follow_redirects=False
            ) as client,
            client.stream("GET", url, headers=dict(headers)) as answer,
        ):
            if answer.status_code in (401, 403, 404):
                raise TokenRefused
            if answer.status_code != 200:
                raise ServiceUnreachable(f"it answered {answer.status_code}")
            body = b""
            async for chunk in answer.aiter_bytes():
                body += chunk
                if len(body) > _MAX_ANSWER:
                    raise ServiceUnreachable("its answer is too large")
            return body
    except httpx.TimeoutException:
        raise ServiceUnreachable("it does not answer in time") from None
    except (httpx.HTTPError, httpx.InvalidURL):
        raise ServiceUnreachable("there is no connection to it") from None
