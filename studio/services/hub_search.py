"""Looks for a file at the hubs: by its hash, which is certain, and by its name, a guess."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final

from studio.clients.civitai import CivitaiClient
from studio.clients.hub import HubClient
from studio.errors import SourceError, StudioError
from studio.models import Identity
from studio.services.civitai_models import CivitaiFile, CivitaiVersion, read_model, read_version
from studio.services.needed_models import Offer
from studio.services.sources import CIVITAI, HUGGING_FACE, Sources, versions_with

_LISTED: Final = 10
_MAX_OFFERS: Final = 6


class HubSearch:
    """Asks both hubs for what a workflow lacks."""

    def __init__(self, *, hub: HubClient, civitai: CivitaiClient, sources: Sources) -> None:
        self._hub = hub
        self._civitai = civitai
        self._sources = sources

    async def search(
        self,
        *,
        sha256: str | None,
        name: str,
        by: Identity,  # noqa: ARG002
    ) -> Sequence[Offer]:
        """Where a file can be had, the likeliest first; by its hash when that is known.

        A file of the name with another hash is none of them. One hub that fails is no reason to
        hold back what the other one has.

        Raises:
            StudioError: neither could be asked, or nothing was found and one could not be.
        """
        asked: list[Awaitable[list[Offer]]] = [
            self._at_hugging_face(sha256, name),
            self._at_civitai(sha256, name),
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
        offers: list[Offer] = []
        failure: BaseException | None = None
        for answer in answers:
            if isinstance(answer, BaseException):
                failure = failure or answer
            else:
                offers += answer
        if failure is not None and (not offers or not isinstance(failure, StudioError)):
            raise failure
        offers.sort(key=lambda offer: offer.match != "hash")
        return offers[:_MAX_OFFERS]

    async def _at_hugging_face(self, sha256: str | None, name: str) -> list[Offer]:
        return [
            Offer(
                source=HUGGING_FACE,
                match="hash" if sha256 is not None and file.sha256 == sha256 else "name",
                reference=f"hf:{file.repository}/{file.path}@{file.commit}",
                name=name,
                title=f"{file.repository}/{file.path}",
                sha256=file.sha256,
                size_bytes=file.size_bytes,
                license=file.license,
                page=file.page,
                gated=file.gated,
            )
            for file in await self._hub.search(name)
            if sha256 is None or file.sha256 in (None, sha256)
        ]

    async def _at_civitai(self, sha256: str | None, name: str) -> list[Offer]:
        if sha256 is not None:
            said = await self._civitai.version_by_hash(sha256)
            version = None if said is None else read_version(said)
            for file in () if version is None else version.files:
                if version is not None and file.sha256 == sha256:
                    return [self._offer(version, file, name, "hash")]
        found: list[Offer] = []
        stem = name.rpartition(".")[0] or name
        for listed in await self._civitai.search(stem, _LISTED):
            try:
                model = read_model(listed)
            except SourceError:
                continue
            for version, file in versions_with(model, name):
                if sha256 is None or file.sha256 is None:
                    found.append(self._offer(version, file, name, "name", model.license))
        return found

    def _offer(
        self,
        version: CivitaiVersion,
        file: CivitaiFile,
        name: str,
        match: str,
        license_: str | None = None,
    ) -> Offer:
        return Offer(
            source=CIVITAI,
            match=match,
            reference=f"civitai:{version.id}/{file.id}",
            folder=file.folder,
            name=name,
            title=f"{version.model_name} {version.name}".strip(),
            sha256=file.sha256,
            license=license_,
            page=self._sources.version_page(version),
            gated=version.early_access_until is not None,
        )
