"""Hugging Face: what a file there is, and which files there have a name.

``huggingface_hub`` asks; it blocks, so it works in threads, and each of its requests comes back to
the event loop, where the rules for connections hold. It is imported when it is first needed, which
takes seconds. None of its caches is used.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, urlsplit

import httpx

from studio.clients.outbound import OutboundTransport
from studio.errors import (
    SourceBusy,
    SourceError,
    SourceGone,
    SourceRefused,
    SourceTooLarge,
    SourceUnreachable,
    StudioError,
)
from studio.net import Outbound
from studio.settings import Secret

if TYPE_CHECKING:
    import types

    from huggingface_hub.errors import HfHubHTTPError

_TIMEOUT_S: Final = 15.0
_MAX_ANSWER: Final = 16 << 20
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_MAX_FOUND: Final = 3
_MAX_REPOSITORIES: Final = 10
_MAX_TEXT: Final = 200
_SECONDS: Final = re.compile(r"\d{1,9}")
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository, at one commit."""

    repository: str
    path: str
    commit: str
    url: str
    page: str
    size_bytes: int | None = None
    sha256: str | None = None
    license: str | None = None
    gated: bool | None = None


class HubClient:
    """Asks a hub of Hugging Face's kind. One per process: the library shares its connections.

    Args:
        endpoint: where it is, ``HF_ENDPOINT``.
        token: the token as it counts now.
        outbound: where anything may lead.
    """

    def __init__(
        self, *, endpoint: str, token: Callable[[], Secret | None], outbound: Outbound
    ) -> None:
        self.endpoint = endpoint.rstrip("/")
        self._token = token
        self._client = httpx.AsyncClient(
            transport=OutboundTransport(outbound), timeout=_TIMEOUT_S, trust_env=False
        )
        self._library: types.ModuleType | None = None
        self._loading = asyncio.Lock()

    async def close(self) -> None:
        """Let go of every connection."""
        if self._library is not None:
            self._library.close_session()
        await self._client.aclose()

    async def file(self, repository: str, path: str, revision: str | None = None) -> HubFile:
        """One file: its commit, size and hash, and the licence of its repository.

        Raises:
            StudioError: there is none, it may not be had, or the hub cannot be asked.
        """
        return await self._ask(
            repository, lambda library: self._file(library, repository, path, revision)
        )

    async def search(self, name: str) -> Sequence[HubFile]:
        """Files of exactly that name, in the repositories that the hub thinks of first.

        Raises:
            StudioError: the hub cannot be asked.
        """
        return await self._ask(None, lambda library: self._search(library, name))

    # -- beside the event loop --------------------------------------------------------------------

    async def _ask(self, repository: str | None, work: Callable[[types.ModuleType], _T]) -> _T:
        library = await self._loaded()
        try:
            return await asyncio.to_thread(self._translated, library, repository, work)
        except httpx.TimeoutException:
            raise SourceUnreachable("Hugging Face does not answer in time.") from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise SourceUnreachable("There is no connection to Hugging Face.") from None
        except (ValueError, TypeError, KeyError, AttributeError):
            # The library reads answers without looking: what it trips over was no hub's.
            raise SourceError("Hugging Face's answer cannot be read.") from None

    def _translated(
        self,
        library: types.ModuleType,
        repository: str | None,
        work: Callable[[types.ModuleType], _T],
    ) -> _T:
        try:
            return work(library)
        except library.errors.HfHubHTTPError as error:
            raise self._refusal(error, repository) from None

    async def _loaded(self) -> types.ModuleType:
        async with self._loading:
            if self._library is None:
                loop = asyncio.get_running_loop()
                self._library = await asyncio.to_thread(_load)
                bridge = _Bridge(loop, self._client, self.endpoint)
                self._library.set_client_factory(
                    lambda: httpx.Client(transport=bridge, trust_env=False, timeout=_TIMEOUT_S)
                )
            return self._library

    def _held(self) -> str | bool:
        """The token, or ``False``: else the library looks for one in this user's home."""
        secret = self._token()
        return False if secret is None else secret.reveal()

    def _file(
        self, library: types.ModuleType, repository: str, path: str, revision: str | None
    ) -> HubFile:
        token = self._held()
        url = library.hf_hub_url(repository, path, revision=revision, endpoint=self.endpoint)
        found = library.get_hf_file_metadata(
            url, token=token, timeout=_TIMEOUT_S, endpoint=self.endpoint
        )
        if not found.commit_hash:
            raise SourceError("What answers for Hugging Face is no hub of its kind.")
        etag = (found.etag or "").lower()
        card = self._card(library, repository, token)
        return HubFile(
            repository=repository,
            path=path,
            commit=found.commit_hash,
            # The commit, not the branch: what is fetched in several parts stays one file.
            url=library.hf_hub_url(
                repository, path, revision=found.commit_hash, endpoint=self.endpoint
            ),
            page=f"{self.endpoint}/{repository}",
            size_bytes=found.size,
            # Of a file in LFS or Xet the tag is the hash of its bytes, else one of git's.
            sha256=etag if _SHA256.fullmatch(etag) else None,
            license=card.get("license"),
            gated=card.get("gated"),
        )

    def _card(
        self, library: types.ModuleType, repository: str, token: str | bool
    ) -> Mapping[str, Any]:
        """What the repository's card says; a hub that has none is no reason to refuse a file."""
        try:
            info = library.HfApi(endpoint=self.endpoint).model_info(
                repository, expand=["cardData", "gated"], token=token, timeout=_TIMEOUT_S
            )
        except library.errors.HfHubHTTPError:
            return {}
        card = info.card_data or {}
        named = card.get("license_name") if card.get("license") == "other" else None
        license_ = named or card.get("license")
        return {
            "license": license_[:_MAX_TEXT] if isinstance(license_, str) else None,
            "gated": None if info.gated is None else bool(info.gated),
        }

    def _search(self, library: types.ModuleType, name: str) -> Sequence[HubFile]:
        token, found = self._held(), []
        stem = name.rpartition(".")[0] or name
        listed = library.HfApi(endpoint=self.endpoint).list_models(
            search=stem, limit=_MAX_REPOSITORIES, full=True, token=token
        )
        for model in listed:
            for sibling in model.siblings or ():
                if sibling.rfilename.rpartition("/")[2].lower() != name.lower():
                    continue
                try:
                    found.append(self._file(library, model.id, sibling.rfilename, None))
                except library.errors.HfHubHTTPError as error:
                    if error.response.status_code not in (401, 403, 404):
                        raise
                    found.append(self._closed(model, sibling.rfilename))
                if len(found) == _MAX_FOUND:
                    return found
        return found

    def _closed(self, model: Any, path: str) -> HubFile:
        """A file that may not be looked at: gated until its licence is accepted."""
        return HubFile(
            repository=model.id,
            path=path,
            commit="main",
            url=f"{self.endpoint}/{model.id}/resolve/main/{quote(path)}",
            page=f"{self.endpoint}/{model.id}",
            gated=True,
        )

    def _refusal(self, error: HfHubHTTPError, repository: str | None) -> StudioError:
        answer = error.response
        status, code = answer.status_code, answer.headers.get("X-Error-Code")
        page = self.endpoint if repository is None else f"{self.endpoint}/{repository}"
        details: dict[str, Any] = {
            "status": status,
            "host": urlsplit(self.endpoint).hostname,
            "page": page,
            "token": "huggingface",
        }
        has_token = self._token() is not None
        if code == "GatedRepo":
            first = "" if has_token else "set HF_TOKEN in the settings and "
            return SourceRefused(
                f"Hugging Face keeps this file behind a licence: {first}accept it at {page}, with"
                " the account that the token belongs to.",
                details=details,
            )
        if status == 401 and not has_token:
            return SourceRefused(
                f"There is no {repository or 'such file'} at Hugging Face, or it is private: then"
                " set HF_TOKEN in the settings.",
                details=details,
            )
        if status == 401:
            return SourceRefused(
                "Hugging Face does not accept the token any more, or it may not see this"
                " repository: set another HF_TOKEN in the settings.",
                details=details,
            )
        if status == 451 or error.__class__.__name__ == "DisabledRepoError":
            return SourceGone("Hugging Face does not give this file out any more.", details=details)
        if status == 403:
            return SourceRefused(
                f"Hugging Face refuses this file: see {page}, with the account that the token"
                " belongs to.",
                details=details,
            )
        if status in (404, 410):
            what = {"EntryNotFound": "no such file in", "RevisionNotFound": "no such revision of"}
            return SourceGone(
                f"There is {what.get(code or '', 'no')} {repository or 'such model'} at Hugging"
                " Face.",
                details=details,
            )
        if status in (429, 503):
            return SourceBusy(
                "Hugging Face wants to be left alone for a while.",
                details=details,
                retry_after_s=retry_after_s(answer.headers),
            )
        return SourceError(f"Hugging Face answered {status}.", details=details)


class _Bridge(httpx.BaseTransport):
    """Sends a thread's requests by the event loop's client, and the token to the hub alone."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, client: httpx.AsyncClient, endpoint: str
    ) -> None:
        self._loop = loop
        self._client = client
        self._home = httpx.URL(endpoint)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url, home = request.url, self._home
        if (url.scheme, url.host, url.port) != (home.scheme, home.host, home.port):
            request.headers.pop("Authorization", None)
        sending = asyncio.run_coroutine_threadsafe(self._send(request), self._loop)
        try:
            return sending.result(timeout=2 * _TIMEOUT_S)
        except TimeoutError:
            sending.cancel()
            raise httpx.ReadTimeout("The hub sends its answer too slowly.") from None

    async def _send(self, request: httpx.Request) -> httpx.Response:
        sent = httpx.Request(request.method, request.url, headers=request.headers)
        answer = await self._client.send(sent, stream=True, follow_redirects=False)
        try:
            body = await read_capped(answer, _MAX_ANSWER)
        finally:
            await answer.aclose()
        headers = httpx.Headers(answer.headers)
        headers.pop("Content-Encoding", None)
        return httpx.Response(answer.status_code, headers=headers, content=body, request=request)


async def read_capped(answer: httpx.Response, most: int) -> bytes:
    """The body of an answer.

    Raises:
        SourceTooLarge: it has more than ``most`` bytes.
    """
    body = bytearray()
    async for chunk in answer.aiter_bytes():
        body += chunk
        if len(body) > most:
            raise SourceTooLarge("A hub's answer is larger than any should be.")
    return bytes(body)


def retry_after_s(headers: Mapping[str, str]) -> int | None:
    """After how many seconds a hub wants to be asked again."""
    text = headers.get("Retry-After", "").strip()
    return min(int(text), 7 * 86_400) if _SECONDS.fullmatch(text) else None


def _load() -> types.ModuleType:
    import huggingface_hub
    import huggingface_hub.errors
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    constants.HF_HUB_DISABLE_PROGRESS_BARS = True
    constants.HF_HUB_DISABLE_IMPLICIT_TOKEN = True
    return huggingface_hub
