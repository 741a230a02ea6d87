"""Civitai's public REST API: models, their versions and files, and pictures made with them.

Everything that comes from there is somebody's text: fields are read one by one, each with its type
and a limit, and what does not fit is missing.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from studio.clients.hub import read_capped, retry_after_s
from studio.clients.outbound import OutboundTransport
from studio.errors import (
    SourceBusy,
    SourceError,
    SourceGone,
    SourceRefused,
    SourceUnreachable,
    StudioError,
)
from studio.net import Outbound
from studio.settings import Secret

_TIMEOUT_S: Final = 20.0
_MAX_ANSWER: Final = 16 << 20
_MAX_EXPLANATION: Final = 65_536
_MAX_REASON: Final = 200
_QUIET_S: Final = 30
"""How long nothing is asked after a first refusal that names no time; twice as long each time."""
_MOST_QUIET_S: Final = 600
_JITTER: Final = 0.1
"""By how much longer at most: not everybody who was refused comes back in the same moment."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
JsonObject = Mapping[str, Any]


class CivitaiClient:
    """Asks Civitai, or who answers in its shapes.

    Args:
        base_url: where it is, ``CIVITAI_URL``.
        token: the key as it counts now.
        outbound: where anything may lead.
    """

    def __init__(
        self, *, base_url: str, token: Callable[[], Secret | None], outbound: Outbound
    ) -> None:
        self.base_url = base_url.rstrip("/")
        self._token = token
        self._client = httpx.AsyncClient(
            transport=OutboundTransport(outbound), timeout=_TIMEOUT_S, trust_env=False
        )
        self._quiet_until_s = 0.0
        self._refusals = 0

    async def close(self) -> None:
        """Let go of every connection."""
        await self._client.aclose()

    async def model(self, model_id: int) -> JsonObject:
        """A model with its versions, the newest first.

        Raises:
            StudioError: there is none, or Civitai cannot be asked; so do all that follow.
        """
        return _object(await self._get(f"/api/v1/models/{model_id}"))

    async def version(self, version_id: int) -> JsonObject:
        """A version of a model with its files and preview pictures."""
        return _object(await self._get(f"/api/v1/model-versions/{version_id}"))

    async def version_by_hash(self, sha256: str) -> JsonObject | None:
        """The version that has a file of that hash, ``None`` when nobody published one."""
        try:
            return _object(await self._get(f"/api/v1/model-versions/by-hash/{sha256}"))
        except SourceGone:
            return None

    async def search(self, words: str, limit: int) -> Sequence[JsonObject]:
        """Models whose names have those words."""
        found = _object(await self._get("/api/v1/models", query=words, limit=limit))
        return _objects(found.get("items"))

    async def images(self, **asked: str | int) -> tuple[Sequence[JsonObject], str | None]:
        """A page of pictures with how they were made, and where the next page begins."""
        found = _object(await self._get("/api/v1/images", withMeta="true", **asked))
        metadata = found.get("metadata")
        cursor = metadata.get("nextCursor") if isinstance(metadata, dict) else None
        is_cursor = isinstance(cursor, str | int) and not isinstance(cursor, bool)
        return _objects(found.get("items")), str(cursor)[:500] if is_cursor else None

    async def image(self, image_id: int) -> Sequence[JsonObject]:
        """A picture with how it was made, if it is there."""
        return (await self.images(imageId=image_id, limit=1))[0]

    def download_url(self, version_id: int, file_id: int | None) -> str:
        """Where the bytes of a version's main file are, or of one of its files."""
        chosen = "" if file_id is None else f"?fileId={file_id}"
        return f"{self.base_url}/api/download/models/{version_id}{chosen}"

    async def require_download(self, url: str, page: str) -> None:
        """Refuse what a download would be refused for, with Civitai's own reason.

        Its servers answer a file that is for members, or for buyers, with a way to another page:
        fetching would bring that page.

        Raises:
            StudioError: it may not be had.
        """
        details = self._details(0, page)
        try:
            async with self._client.stream(
                "GET", url, headers={**self._headers(), "Range": "bytes=0-0"}
            ) as answer:
                if answer.status_code in _REDIRECTS:
                    self._require_bytes(answer, details)
                elif answer.status_code not in (200, 206):
                    raise await self._refusal(answer, page)
        except httpx.TimeoutException:
            raise SourceUnreachable("Civitai does not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise SourceUnreachable("There is no connection to Civitai.") from None

    def _require_bytes(self, answer: httpx.Response, details: dict[str, Any]) -> None:
        """Judge where a download leads: to bytes, or to a page that wants something first."""
        details["status"] = answer.status_code
        place = urlsplit(urljoin(str(answer.url), answer.headers.get("Location", "")))
        if place.netloc != urlsplit(self.base_url).netloc or place.path.startswith("/api/"):
            return
        if place.path.startswith("/login"):
            raise self._login(details)
        raise SourceRefused(
            f"Civitai gives this file only to who has bought early access: see {details['page']}.",
            details=details,
        )

    def _login(self, details: dict[str, Any]) -> SourceRefused:
        if self._token() is None:
            return SourceRefused(
                "Civitai gives this file only to its members: set CIVITAI_API_KEY in the settings.",
                details=details,
            )
        return SourceRefused(
            "Civitai does not accept the key any more: set another CIVITAI_API_KEY in the"
            " settings.",
            details=details,
        )

    async def media(self, url: str) -> AsyncIterator[bytes]:
        """The bytes of a picture or film; the key stays here, they lie at other hosts.

        Raises:
            StudioError: they cannot be had.
        """
        self._require_patience()
        try:
            async with self._client.stream("GET", url, follow_redirects=True) as answer:
                if answer.status_code != 200:
                    raise await self._refusal(answer, self.base_url)
                async for chunk in answer.aiter_bytes():
                    yield chunk
        except httpx.TimeoutException:
            raise SourceUnreachable("Civitai's pictures do not come in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise SourceUnreachable("There is no connection to Civitai's pictures.") from None

    # -- asking -------------------------------------------------------------------------------

    def _headers(self) -> dict[str, str]:
        secret = self._token()
        # Never in the address, where Civitai would take it too.
        return {} if secret is None else {"Authorization": f"Bearer {secret.reveal()}"}

    async def _get(self, path: str, **query: str | int) -> Any:
        self._require_patience()
        url = self.base_url + path
        try:
            async with self._client.stream(
                "GET", url, params=query, headers=self._headers()
            ) as answer:
                if answer.status_code != 200:
                    raise await self._refusal(answer, self.base_url)
                body = await read_capped(answer, _MAX_ANSWER)
        except httpx.TimeoutException:
            raise SourceUnreachable("Civitai does not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise SourceUnreachable("There is no connection to Civitai.") from None
        self._refusals = 0
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError:
            raise SourceError("Civitai's answer cannot be read.") from None

    def _require_patience(self) -> None:
        """Refuse while Civitai wants to be left alone: who asks on is refused for longer."""
        wait_s = self._quiet_until_s - time.monotonic()
        if wait_s > 0:
            raise self._busy(self._details(429, self.base_url), math.ceil(wait_s))

    def _be_quiet(self, told_s: int | None) -> int:
        """For how many seconds nothing is asked now: as Civitai says, else longer each time."""
        wait_s: float = told_s or min(_QUIET_S * 2 ** min(self._refusals, 10), _MOST_QUIET_S)
        self._refusals += 1
        # No secret depends on it.
        wait_s *= random.uniform(1, 1 + _JITTER)  # noqa: S311
        self._quiet_until_s = time.monotonic() + wait_s
        return math.ceil(wait_s)

    def _details(self, status: int, page: str) -> dict[str, Any]:
        host = urlsplit(self.base_url).hostname
        return {"status": status, "host": host, "page": page, "token": "civitai"}

    def _busy(self, details: dict[str, Any], wait_s: int) -> SourceBusy:
        return SourceBusy(
            "Civitai wants to be left alone for a while.",
            details={**details, "retry_after_s": wait_s},
            retry_after_s=wait_s,
        )

    async def _refusal(self, answer: httpx.Response, page: str) -> StudioError:
        status, details = answer.status_code, self._details(answer.status_code, page)
        if status == 401:
            return self._login(details)
        if status == 403:
            reason = await _reason(answer)
            return SourceRefused(
                f"Civitai refuses this file{reason}. Early access has to be bought there: {page}.",
                details=details,
            )
        if status in (404, 410, 451):
            why = "for legal reasons" if status == 451 else "any more, or never was"
            return SourceGone(f"That is not at Civitai {why}.", details=details)
        if status in (429, 503):
            return self._busy(details, self._be_quiet(retry_after_s(answer.headers) or None))
        if status >= 500:
            return SourceUnreachable(f"Civitai answered {status}.", details=details)
        return SourceError(f"Civitai answered {status}.", details=details)


async def _reason(answer: httpx.Response) -> str:
    """What Civitai says about a refusal, as a part of a sentence."""
    try:
        said = orjson.loads(await read_capped(answer, _MAX_EXPLANATION))
    except (orjson.JSONDecodeError, StudioError):
        return ""
    text = said.get("message") if isinstance(said, dict) else None
    if not isinstance(text, str) or not text.isprintable():
        return ""
    return f" ({text[:_MAX_REASON].rstrip('. ')})"


def _object(said: Any) -> JsonObject:
    if not isinstance(said, dict):
        raise SourceError("Civitai's answer cannot be read.")
    return said


def _objects(said: Any) -> Sequence[JsonObject]:
    if not isinstance(said, list):
        raise SourceError("Civitai's answer cannot be read.")
    return [entry for entry in said if isinstance(entry, dict)]
