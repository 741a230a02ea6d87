"""A reference becomes the one file that it stands for, whatever hub it is of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from studio.clients.civitai import CivitaiClient
from studio.clients.hub import HubClient, HubFile
from studio.errors import InvalidRequest, SourceGone, SourceRefused
from studio.models import Identity
from studio.remote import RemoteFile
from studio.services.civitai_models import (
    CivitaiFile,
    CivitaiModel,
    CivitaiVersion,
    read_model,
    read_version,
)
from studio.services.remote_references import (
    CivitaiReference,
    HubReference,
    is_secret_free,
    parse_reference,
)

HUGGING_FACE: Final = "huggingface"
CIVITAI: Final = "civitai"


class Plain(Protocol):
    """Understands addresses; ``HttpsSource`` does."""

    def check(self, reference: str) -> None: ...

    async def resolve(self, reference: str, by: Identity | None) -> RemoteFile: ...


class Sources:
    """Resolves every kind of reference.

    Args:
        hubs: where the hubs are, by their tokens' settings.
        plain: for the addresses that are no hub's.
    """

    def __init__(
        self, *, hubs: Mapping[str, str], hub: HubClient, civitai: CivitaiClient, plain: Plain
    ) -> None:
        self._hubs = hubs
        self._hub = hub
        self._civitai = civitai
        self._plain = plain

    def check(self, reference: str) -> None:
        """Refuse what is no reference to a file, before anybody waits for it.

        Raises:
            InvalidRequest, BlockedAddress: it is none, or nothing is fetched from there.
        """
        found = parse_reference(reference, self._hubs)
        if found is None:
            if not is_secret_free(reference):
                raise InvalidRequest("A reference must not hold a token or a key.")
            self._plain.check(reference)
        elif isinstance(found, CivitaiReference) and found.image is not None:
            raise InvalidRequest("That is a picture at Civitai, not a file of a model.")

    async def resolve(self, reference: str, by: Identity | None) -> RemoteFile:
        """The file that a reference stands for.

        Raises:
            StudioError: it is no reference, there is no such file, or it may not be had.
        """
        self.check(reference)
        found = parse_reference(reference, self._hubs)
        if isinstance(found, HubReference):
            return remote_of(await self._hub.file(found.repository, found.path, found.revision))
        if isinstance(found, CivitaiReference):
            return await self._of_civitai(found)
        return await self._plain.resolve(reference, by)

    async def civitai_version(self, found: CivitaiReference) -> CivitaiVersion:
        """The version that is meant: the named one, else the model's newest.

        Raises:
            StudioError: there is none, or Civitai cannot be asked.
        """
        if found.version is not None:
            return read_version(await self._civitai.version(found.version))
        if found.model is None:
            raise InvalidRequest("That names no model of Civitai's.")
        model = await self.civitai_model(found.model)
        if not model.versions:
            raise SourceGone("That model has no version at Civitai any more.")
        return model.versions[0]

    async def civitai_model(self, model_id: int) -> CivitaiModel:
        """A model with its versions.

        Raises:
            StudioError: there is none, it was taken down, or Civitai cannot be asked.
        """
        model = read_model(await self._civitai.model(model_id))
        if model.taken_down:
            raise SourceGone("That model was taken down at Civitai.")
        return model

    async def _of_civitai(self, found: CivitaiReference) -> RemoteFile:
        version = await self.civitai_version(found)
        page = self.version_page(version)
        file = version.choose(found.file, found.variant)
        if file is None:
            raise SourceGone("That version has no such file at Civitai.", details={"page": page})
        if not version.downloadable:
            raise SourceRefused(
                f"Civitai does not give this version out, it can only be used there: {page}.",
                details={"page": page, "token": CIVITAI},
            )
        url = self._civitai.download_url(version.id, None if file.primary else file.id)
        await self._civitai.require_download(url, page)
        return RemoteFile(
            url=url,
            name=file.name,
            # Civitai rounds sizes: the hash says more.
            trigger_words=version.trained_words,
            sha256=file.sha256,
            token=CIVITAI,
            page=page,
            license=await self._license(version),
            folder=file.folder,
            about_bytes=file.about_bytes,
        )

    async def _license(self, version: CivitaiVersion) -> str | None:
        """What its model says may be done with it; a model that does not show itself is no reason
        to refuse a version that does.
        """
        try:
            return (await self.civitai_model(version.model_id)).license
        except SourceGone:
            return None

    def version_page(self, version: CivitaiVersion) -> str:
        """The page of a version, for people."""
        base = self._civitai.base_url
        return f"{base}/models/{version.model_id}?modelVersionId={version.id}"


def remote_of(file: HubFile) -> RemoteFile:
    """A file of Hugging Face's, to be fetched."""
    return RemoteFile(
        url=file.url,
        name=file.path.rpartition("/")[2],
        size_bytes=file.size_bytes,
        sha256=file.sha256,
        token=HUGGING_FACE,
        page=file.page,
        license=file.license,
    )


def versions_with(model: CivitaiModel, name: str) -> Sequence[tuple[CivitaiVersion, CivitaiFile]]:
    """Every file of a model that has exactly that name, whatever its case."""
    return [
        (version, file)
        for version in model.versions
        for file in version.files
        if file.name.lower() == name.lower()
    ]
