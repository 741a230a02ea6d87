"""Studio's HTTP API as the commands speak it."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any, Final

import httpx

from studio.cli.failures import CommandFailed
from studio.clock import new_id
from studio.errors import InvalidRequest
from studio.paths import safe_relative

SILENCE_S: Final = 60.0
"""Live streams say at least something every 15 s."""
_SUBMIT_ATTEMPTS: Final = 3
_MAX_ERROR_LENGTH: Final = 2000
_GATEWAY: Final = frozenset(
    {HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT}
)
"""What a proxy says in the place of a Studio that does not answer it."""


class Unreachable(CommandFailed):
    """No answer of Studio's came."""


class Client:
    """One Studio behind an ``httpx`` client; every refusal becomes a ``CommandFailed``."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ready(self) -> tuple[bool, dict[str, Any]]:
        """(takes work, the answer of ``/ready``)."""
        response = await self._send("GET", "/ready")
        body = _json(response)
        if "error" in body:
            _checked(response)
        return response.status_code == HTTPStatus.OK, body

    async def get(self, path: str) -> dict[str, Any]:
        return _checked(await self._send("GET", path))

    async def post(
        self, path: str, body: dict[str, Any], *, timeout_s: float | None = SILENCE_S
    ) -> dict[str, Any]:
        return _checked(await self._send("POST", path, json=body, timeout=timeout_s))

    async def put(self, path: str, content: bytes) -> dict[str, Any]:
        return _checked(await self._send("PUT", path, content=content))

    async def delete(self, path: str) -> None:
        _checked(await self._send("DELETE", path))

    async def submit(
        self, graph: dict[str, Any], title: str, webhook: str | None = None
    ) -> dict[str, Any]:
        """The new job; a lost answer is asked for again without a second job.

        Args:
            webhook: the address that is told how it ended.
        """
        headers = {"Idempotency-Key": new_id()}
        body = {"workflow": graph, "title": title[:200], "webhook_url": webhook}
        for attempt in range(_SUBMIT_ATTEMPTS):
            try:
                return _checked(await self._send("POST", "/api/jobs", json=body, headers=headers))
            except Unreachable:
                if attempt == _SUBMIT_ATTEMPTS - 1:
                    raise
        raise AssertionError("unreachable")

    async def job(self, job_id: str) -> dict[str, Any]:
        return await self.get(f"/api/jobs/{job_id}")

    async def cancel(self, job_id: str) -> dict[str, Any]:
        return await self.post(f"/api/jobs/{job_id}/cancel", {})

    async def object_info(self, class_type: str) -> dict[str, Any] | None:
        """What a node class declares, as ``{class_type: ...}``; ``None`` if no engine has it."""
        response = await self._send("GET", f"/api/system/object_info/{_quoted(class_type)}")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        return _checked(response)

    async def upload(self, path: Path) -> dict[str, Any]:
        """The asset over the bytes of a local file, sent in one request."""
        name = upload_name(path)
        kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
        with path.open("rb") as file:
            return _checked(
                await self._send(
                    "POST",
                    "/api/v2/assets",
                    data={"content_type": kind, "file_path": name},
                    files={"file": (name, file, kind)},
                )
            )

    async def events(self, job_id: str) -> AsyncIterator[tuple[str, dict[str, Any]]]:
        """A job's live events, until it has ended or the connection is lost.

        Raises:
            Unreachable: the connection was lost; the job is not.
        """
        try:
            async with self._http.stream(
                "GET", f"/api/v2/jobs/{job_id}/events", timeout=SILENCE_S
            ) as response:
                if response.is_error:
                    await response.aread()
                    _checked(response)
                event = ""
                async for line in response.aiter_lines():
                    if line.startswith("event: "):
                        event = line[7:]
                    elif line.startswith("data: "):
                        yield event, json.loads(line[6:])
        except httpx.TransportError as error:
            raise _unreachable(error) from error

    async def download(self, asset_id: str, to: IO[bytes]) -> None:
        """Write an asset's bytes."""
        try:
            async with self._http.stream(
                "GET", f"/api/v2/assets/{asset_id}/content", timeout=SILENCE_S
            ) as response:
                if response.is_error:
                    await response.aread()
                    _checked(response)
                async for chunk in response.aiter_bytes():
                    to.write(chunk)
        except httpx.TransportError as error:
            raise _unreachable(error) from error

    async def _send(self, method: str, path: str, **more: Any) -> httpx.Response:
        try:
            return await self._http.request(method, path, **more)
        except httpx.TransportError as error:
            raise _unreachable(error) from error


def _checked(response: httpx.Response) -> dict[str, Any]:
    if response.is_success:
        return _json(response) if response.content else {}
    error = _json(response).get("error")
    if not isinstance(error, dict):
        raise CommandFailed(
            f"Studio answered with HTTP status {response.status_code}.", reason="upstream_error"
        )
    raise CommandFailed(
        str(error.get("message", ""))[:_MAX_ERROR_LENGTH],
        reason=str(error.get("code", "upstream_error")),
    )


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = response.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        if response.status_code in _GATEWAY:
            raise Unreachable(
                f"Studio does not answer: HTTP status {response.status_code}.",
                reason="unreachable",
            )
        raise CommandFailed(
            f"What answered (HTTP status {response.status_code}) is not a Studio.",
            reason="not_studio",
        )
    return body


def _unreachable(error: httpx.TransportError) -> Unreachable:
    reason = str(error) or type(error).__name__
    return Unreachable(f"Studio does not answer: {reason}.", reason="unreachable")


def _quoted(text: str) -> str:
    return httpx.URL("http://x/").copy_with(path=f"/{text}").raw_path.decode()[1:]


def upload_name(path: Path) -> str:
    """What a local file is called in Studio."""
    try:
        return str(safe_relative(path.name))
    except InvalidRequest:
        return f"upload{path.suffix if path.suffix[1:].isalnum() else ''}"
