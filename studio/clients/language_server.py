"""A server that speaks OpenAI's protocol: one of ours on loopback, or one that somebody named."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

import httpx
import orjson

from studio.clients.outbound import OutboundTransport
from studio.errors import InvalidRequest, SourceError
from studio.language_errors import LanguageServerDied, ModelNotRunning
from studio.net import Outbound
from studio.settings import Secret

_CONNECT_S: Final = 10.0
_SILENT_S: Final = 600.0
"""The first word of a long prompt takes minutes on a CPU."""
_MAX_REASON: Final = 500
_MAX_LINE: Final = 1 << 20
_MAX_ANSWER: Final = 32 << 20
_MAX_LIST: Final = 8 << 20


class LanguageServer:
    """Asks one server.

    Args:
        url: without ``/v1``.
        key: sent as the bearer, as it counts now.
        outbound: the rules for an address that somebody wrote; ``None`` for one of ours.
    """

    def __init__(
        self,
        *,
        url: str,
        key: Callable[[], Secret | None] = lambda: None,
        outbound: Outbound | None = None,
    ) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self._key = key
        self._client = httpx.AsyncClient(
            transport=None if outbound is None else OutboundTransport(outbound),
            timeout=httpx.Timeout(_SILENT_S, connect=_CONNECT_S),
            limits=httpx.Limits(max_connections=100),
            trust_env=False,
        )

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.aclose()

    async def models(self) -> Sequence[Mapping[str, Any]]:
        """The objects of its ``/v1/models``.

        Raises:
            ModelNotRunning: it does not answer, or not in OpenAI's shapes.
        """
        asking = self._client.stream(
            "GET", f"{self.url}/v1/models", headers=self._headers(), timeout=_CONNECT_S
        )
        read = bytearray()
        try:
            async with asking as answer:
                if answer.status_code != 200:
                    raise ModelNotRunning(f"The language server answers {answer.status_code}.")
                async for piece in answer.aiter_bytes():
                    read += piece
                    if len(read) > _MAX_LIST:
                        raise ModelNotRunning("The language server lists models without an end.")
        except (httpx.HTTPError, SourceError) as error:
            raise _silent(error) from error
        listed = _json_object(bytes(read), strict=False).get("data")
        if not isinstance(listed, list):
            raise ModelNotRunning("The language server's list is not in OpenAI's shape.")
        return [item for item in listed if isinstance(item, dict)]

    async def ask(self, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """One whole answer of ``/v1/<endpoint>``.

        Raises:
            InvalidRequest: it refuses the request; its own words are the message.
            ModelNotRunning: it does not answer, or is busy with something else.
            LanguageServerDied: it broke off.
        """
        async with self._open(endpoint, {**request, "stream": False}) as answer:
            try:
                read = bytearray()
                async for piece in answer.aiter_bytes():
                    read += piece
                    if len(read) > _MAX_ANSWER:
                        raise LanguageServerDied("The language server answers without an end.")
            except httpx.HTTPError as error:
                raise _broken() from error
            return _json_object(bytes(read))

    async def stream(
        self, endpoint: str, request: Mapping[str, Any]
    ) -> AsyncGenerator[dict[str, Any], None]:
        """The chunks of an answer; refused as ``ask`` is. Closing it stops the server's work."""
        async with self._open(endpoint, {**request, "stream": True}) as answer:
            try:
                async with contextlib.aclosing(_lines(answer)) as lines:
                    async for line in lines:
                        if not line.startswith(b"data:"):
                            continue
                        data = line.removeprefix(b"data:").strip()
                        if data == b"[DONE]":
                            return
                        chunk = _json_object(data)
                        if "error" in chunk:
                            raise LanguageServerDied(_reason(data) or "The model gave up.")
                        yield chunk
            except httpx.HTTPError as error:
                raise _broken() from error
        # Whoever ends before it said so was ended.
        raise _broken()

    @contextlib.asynccontextmanager
    async def _open(
        self, endpoint: str, request: Mapping[str, Any]
    ) -> AsyncIterator[httpx.Response]:
        sending = self._client.build_request(
            "POST",
            f"{self.url}/v1/{endpoint}",
            content=orjson.dumps(request),
            headers={"Content-Type": "application/json", **self._headers()},
        )
        try:
            answer = await self._client.send(sending, stream=True)
        except (httpx.HTTPError, SourceError) as error:
            raise _silent(error) from error
        try:
            if answer.status_code != 200:
                said = _reason(await _beginning(answer))
                if answer.status_code in (400, 413, 422):
                    raise InvalidRequest(said or "The language server refuses this request.")
                raise ModelNotRunning(
                    said or f"The language server answers {answer.status_code}.",
                    details={"status": answer.status_code},
                )
            yield answer
        finally:
            await answer.aclose()

    def _headers(self) -> dict[str, str]:
        key = self._key()
        return {} if key is None else {"Authorization": f"Bearer {key.reveal()}"}


async def _lines(answer: httpx.Response) -> AsyncGenerator[bytes, None]:
    """Its lines; httpx's own would keep one until it ends, however long it becomes."""
    held = bytearray()
    async for piece in answer.aiter_bytes():
        # A line that ends by both is followed by an empty one, which says nothing.
        for part in piece.replace(b"\r", b"\n").splitlines(keepends=True):
            held += part
            if len(held) > _MAX_LINE:
                raise LanguageServerDied("The language server answers without an end.")
            if part.endswith(b"\n"):
                yield bytes(held)
                held.clear()
    yield bytes(held)


async def _beginning(answer: httpx.Response) -> bytes:
    read = bytearray()
    with contextlib.suppress(httpx.HTTPError):
        async for piece in answer.aiter_bytes():
            read += piece
            if len(read) > _MAX_LINE:
                break
    return bytes(read)


def _reason(body: bytes) -> str:
    """What the server says of its refusal, in any of the shapes that are about."""
    found: object = _json_object(body, strict=False)
    for name in ("error", "message"):
        if isinstance(found, dict):
            found = found.get(name, found)
    if isinstance(found, dict):
        found = found.get("detail")
    return found[:_MAX_REASON] if isinstance(found, str) else ""


def _json_object(body: bytes, *, strict: bool = True) -> dict[str, Any]:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        read = None
    if isinstance(read, dict):
        return read
    if strict:
        raise LanguageServerDied("The language server's answer is not in OpenAI's shape.")
    return {}


def _silent(error: Exception) -> ModelNotRunning:
    why = str(error) if isinstance(error, SourceError) else "it does not answer"
    return ModelNotRunning(f"The language server cannot be asked: {why}")


def _broken() -> LanguageServerDied:
    return LanguageServerDied("The language server ended before its answer did.")
