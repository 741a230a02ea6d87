"""The files that a graph names: the caller's own, those inside it, and those at an address."""

from __future__ import annotations

import asyncio
import binascii
import mimetypes
import re
from base64 import b64decode
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol
from urllib.parse import unquote_to_bytes, urlsplit

from studio.errors import (
    Forbidden,
    NotMedia,
    SourceUnreachable,
    Unprocessable,
)
from studio.graphs.declarations import ObjectInfo, is_url
from studio.graphs.files import FileReference, Path, file_references, replace_references
from studio.graphs.graph import Graph
from studio.models import OWNER_ID, Asset, Identity, Job, Role, Scope, fetched_name
from studio.services.assets import AssetService
from studio.services.download_credentials import Credential
from studio.services.staging import input_records
from studio.services.upload_fields import UploadFields

KEY: Final = "media"
"""Where a job's ``extra`` has what is fetched for it."""
MAX_MEDIA: Final = 64

_DATA: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)?(?P<more>(?:;[^,;]*)*),", re.ASCII)
_SHOWN: Final = 100
_MEDIA: Final = ("image/", "video/", "audio/", "model/")
_LATENT: Final = "application/x-latent"
_PAUSES_S: Final = (1.0, 4.0)
"""Between the tries to reach a server."""

Ask = Callable[[str], tuple[str, Mapping[str, str]]]


class Source(Protocol):
    """Opens addresses; ``clients.media.MediaClient`` does."""

    def open(
        self, url: str, ask: Ask
    ) -> AbstractAsyncContextManager[tuple[str, AsyncIterator[bytes]]]: ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class MediaFetch:
    """One file value that is an address."""

    node_id: str
    path: Path
    url: str
    credential: int | None
    """Which of the job's credentials it is fetched with."""

    @property
    def title(self) -> str:
        return fetched_name(self.url).rpartition("/")[2][:100] or "a file"

    @property
    def reference(self) -> FileReference:
        return FileReference(self.node_id, self.path, None, self.url, "input")


@dataclass(frozen=True, slots=True)
class Admitted:
    """A graph without the bytes that were in it, the assets of its files, and what is fetched."""

    graph: Graph
    inputs: Mapping[FileReference, Asset]
    media: Sequence[MediaFetch]


class MediaInputs:
    """Finds and brings what file values stand for.

    Args:
        check_url: refuses an address that nothing may be fetched from.
    """

    def __init__(
        self, *, assets: AssetService, source: Source, check_url: Callable[[str], object]
    ) -> None:
        self._assets = assets
        self._source = source
        self.check_url = check_url

    async def admit(
        self,
        identity: Identity,
        graph: Graph,
        info: ObjectInfo | None,
        pinned: Mapping[tuple[str, Path], str],
        credentials: Sequence[Credential],
    ) -> Admitted:
        """Look at every file that a graph names.

        Args:
            pinned: asset ids for values that must not be looked up again.

        Raises:
            MissingAsset: a file is not the caller's.
            Unprocessable, NotMedia, PayloadTooLarge, DiskFull: bytes in it cannot be taken.
            Forbidden, BlockedAddress, InvalidRequest: an address may not be fetched from.
        """
        files, inside, outside = [], [], []
        for reference in file_references(graph, info):
            if reference.key in pinned:
                # A retry reads the bytes that the first run read, whatever was uploaded since.
                files.append(replace(reference, asset_id=pinned[reference.key], name=None))
            elif reference.name is not None and reference.name.startswith("data:"):
                inside.append(reference)
            elif reference.name is not None and is_url(reference.name):
                outside.append(reference)
            else:
                files.append(reference)
        media = self._planned(identity, outside, credentials)
        inputs = await self._assets.resolve(identity, files) if files else {}
        for reference in inside:
            inputs[reference] = await self._taken(identity, str(reference.name))
        shortened = {each.key: _shortened(str(each.name)) for each in inside}
        return Admitted(replace_references(graph, shortened) if inside else graph, inputs, media)

    def _planned(
        self,
        identity: Identity,
        references: Sequence[FileReference],
        credentials: Sequence[Credential],
    ) -> list[MediaFetch]:
        if len(references) > MAX_MEDIA:
            raise Unprocessable(f"A graph names at most {MAX_MEDIA} files by their address.")
        if references and Scope.GRAPHS_RUN not in identity.scopes:
            raise Forbidden("Naming a file by its address needs the scope graphs:run.")
        planned = []
        for reference in references:
            url = str(reference.name)
            self.check_url(url)
            which = next((at for at, one in enumerate(credentials) if one.fits(url)), None)
            planned.append(MediaFetch(reference.node_id, reference.path, url, which))
        return planned

    async def _taken(self, identity: Identity, text: str) -> Asset:
        kind, data = await asyncio.to_thread(_decoded, text)

        async def chunks() -> AsyncIterator[bytes]:
            yield data

        return await self._stored(
            identity, chunks(), f"data{mimetypes.guess_extension(kind) or ''}"
        )

    async def bring(self, user_id: str, fetch: MediaFetch, credential: Credential | None) -> Asset:
        """Fetch a file, which becomes the user's.

        Raises:
            StudioError: it cannot be had, is too large, or is neither picture, film nor sound.
        """
        role = Role.OWNER if user_id == OWNER_ID else Role.MEMBER
        identity = Identity(user_id, role, frozenset())

        def ask(url: str) -> tuple[str, Mapping[str, str]]:
            # Where its server redirects to is not told what belongs to that server.
            if credential is None or _origin(url) != _origin(fetch.url):
                return url, {}
            return credential.address(url) if url == fetch.url else url, credential.headers()

        for pause_s in (*_PAUSES_S, None):
            try:
                async with self._source.open(fetch.url, ask) as (name, chunks):
                    return await self._stored(identity, chunks, name)
            except SourceUnreachable:
                if pause_s is None:
                    raise
                await asyncio.sleep(pause_s)
        raise AssertionError("unreachable")

    async def _stored(self, identity: Identity, chunks: AsyncIterator[bytes], name: str) -> Asset:
        asset, _ = await self._assets.upload(identity, chunks, UploadFields(name))
        if not asset.content_type.startswith(_MEDIA) and asset.content_type != _LATENT:
            await self._assets.delete(identity, asset.id)
            raise NotMedia("What came is neither a picture nor a film, a sound or a model.")
        return asset


def media_records(media: Sequence[MediaFetch]) -> list[list[Any]]:
    """How a job's row remembers what is fetched."""
    return [[each.node_id, list(each.path), each.url, each.credential] for each in media]


def missing_media(job: Job) -> list[MediaFetch]:
    """What has not come yet."""
    there = {(node_id, tuple(path)) for node_id, path, *_ in job.extra.get("inputs", ())}
    return [
        MediaFetch(node_id, tuple(path), url, credential)
        for node_id, path, url, credential in job.extra.get(KEY, ())
        if (node_id, tuple(path)) not in there
    ]


def with_media(job: Job, found: Mapping[MediaFetch, Asset]) -> dict[str, Any]:
    """A job's ``extra`` once these have come."""
    records = input_records({fetch.reference: asset for fetch, asset in found.items()})
    return {**job.extra, "inputs": [*job.extra.get("inputs", ()), *records]}


def _decoded(text: str) -> tuple[str, bytes]:
    """Type and bytes of a data URL."""
    head = _DATA.match(text)
    if head is None:
        raise Unprocessable("A data URL in this graph cannot be read.")
    body = text[head.end() :]
    try:
        if head["more"].endswith(";base64"):
            return head["type"] or "", b64decode(body, validate=True)
        return head["type"] or "", unquote_to_bytes(body.encode("ascii"))
    except (binascii.Error, ValueError):
        raise Unprocessable("A data URL in this graph cannot be read.") from None


def _shortened(text: str) -> str:
    """A data URL as it is shown: without its bytes, which are an asset."""
    head, _, body = text.partition(",")
    return f"{head[:_SHOWN]},… ({len(body)} characters)"


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc.lower()
