"""What people do with Civitai: look at a model or a picture, and take what they need of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import urlsplit

from studio.clients.civitai import CivitaiClient
from studio.errors import InvalidRequest, NotAModel, SourceError, SourceGone
from studio.models import Asset, Identity
from studio.services.assets import AssetService
from studio.services.civitai_gallery import SHOWN, CivitaiGallery, as_picture
from studio.services.civitai_models import (
    CivitaiFile,
    CivitaiModel,
    CivitaiVersion,
    read_version,
)
from studio.services.civitai_pictures import (
    CivitaiPicture,
    Resource,
    find_picture,
    page_query,
    read_pictures,
)
from studio.services.remote_references import CivitaiReference, parse_reference
from studio.services.sources import Sources
from studio.services.upload_fields import UploadFields
from studio.store.civitai_gallery import KeptPicture
from studio.store.model_files import ModelFile, ModelFileStore

_AT_ONCE: Final = 3
_FOLDERS: Final[Mapping[str, str]] = {
    "checkpoint": "checkpoints",
    "lora": "loras",
    "embedding": "embeddings",
    "vae": "vae",
    "controlnet": "controlnet",
    "upscaler": "upscale_models",
}


@dataclass(frozen=True, slots=True)
class Offered:
    """A file of a version, and the file here that has its bytes."""

    file: CivitaiFile
    here: ModelFile | None


@dataclass(frozen=True, slots=True)
class SeenModel:
    """A model with what of it is here. ``chosen`` is the version that the address named."""

    model: CivitaiModel
    files: Mapping[int, Sequence[Offered]]
    chosen: int | None


@dataclass(frozen=True, slots=True)
class Used:
    """A model that a picture was made with: where it can be had, and whether it is here.

    ``match`` says why it is believed to be: ``hash``, ``reference`` (it was fetched as that
    version) or ``name``. ``asked`` is false when Civitai could not be asked which file it is.
    """

    resource: Resource
    version: CivitaiVersion | None = None
    file: CivitaiFile | None = None
    here: ModelFile | None = None
    match: str | None = None
    asked: bool = True


@dataclass(frozen=True, slots=True)
class SeenPicture:
    """A picture with the models that it was made with; ``kept`` is what the gallery has of it."""

    picture: CivitaiPicture
    used: Sequence[Used]
    kept: KeptPicture | None


class CivitaiTools:
    """Models are asked of Civitai anew; pictures are taken from the gallery while that is all that
    there is."""

    def __init__(
        self,
        *,
        civitai: CivitaiClient,
        sources: Sources,
        hubs: Mapping[str, str],
        files: ModelFileStore,
        assets: AssetService,
        gallery: CivitaiGallery,
    ) -> None:
        self._civitai = civitai
        self._sources = sources
        self._hubs = hubs
        self._files = files
        self._assets = assets
        self._gallery = gallery

    async def look(self, identity: Identity, text: str) -> SeenModel | SeenPicture:
        """What somebody pasted: the address of a model, a version or a picture, or a reference.

        Raises:
            InvalidRequest: it is none of Civitai's.
            NsfwLeftOut: it is a picture that the owner leaves out.
            StudioError: it is not there, or Civitai cannot be asked.
        """
        found = parse_reference(text, self._hubs)
        if not isinstance(found, CivitaiReference):
            raise InvalidRequest("That is no address of a model or a picture at Civitai.")
        if found.image is not None:
            return await self._picture(identity, found.image)
        model_id = found.model
        if model_id is None:
            model_id = (await self._sources.civitai_version(found)).model_id
        model = await self._sources.civitai_model(model_id)
        shelf = _Shelf(await self._files.all())
        files = {
            version.id: [Offered(file, shelf.with_hash(file.sha256)) for file in version.files]
            for version in model.versions
        }
        return SeenModel(model, files, found.version)

    async def pictures(
        self, version_id: int, *, cursor: str | None, limit: int, nsfw: bool
    ) -> tuple[Sequence[CivitaiPicture], str | None]:
        """A page of what people made with a version, each once, and where the next one begins.

        Raises:
            StudioError: Civitai cannot be asked.
        """
        self._gallery.require_level(nsfw=nsfw)
        asked = page_query(version_id, cursor=cursor, limit=limit, nsfw=nsfw)
        said, after = await self._civitai.images(**asked)
        return read_pictures(said, nsfw=nsfw), after

    async def use_as_input(self, identity: Identity, picture_id: int) -> Asset:
        """Bring a picture or film in as a file of the caller's; a kept one needs no network.

        Raises:
            StudioError: it is not there, is no picture, or is too large.
        """
        kept = await self._gallery.find(identity, picture_id)
        if kept is not None:
            chunks, url = self._gallery.content(kept), kept.url
        else:
            picture = find_picture(await self._civitai.image(picture_id), picture_id)
            self._gallery.require_level(nsfw=picture.nsfw)
            chunks, url = self._civitai.media(picture.url), picture.url
        ending = PurePosixPath(urlsplit(url).path).suffix[:10]
        name = f"civitai-{picture_id}{ending if ending.isascii() else ''}"
        asset, _ = await self._assets.upload(
            identity, chunks, UploadFields(name, tags=("civitai",))
        )
        if asset.content_type not in SHOWN:
            await self._assets.delete(identity, asset.id)
            raise NotAModel("What came is neither a picture nor a film.")
        return asset

    # -- a picture ----------------------------------------------------------------------------

    async def kept_picture(self, identity: Identity, picture_id: int) -> SeenPicture:
        """A picture of the gallery with the models that it was made with.

        Raises:
            NotFound, NsfwLeftOut: it is not kept, or the owner leaves it out.
        """
        kept = await self._gallery.get(identity, picture_id)
        return SeenPicture(as_picture(kept), await self._used(as_picture(kept)), kept)

    async def _picture(self, identity: Identity, picture_id: int) -> SeenPicture:
        """As Civitai has it now, else as it is kept."""
        kept = await self._gallery.find(identity, picture_id)
        try:
            picture = find_picture(await self._civitai.image(picture_id), picture_id)
        except SourceError:
            if kept is None:
                raise
            picture = as_picture(kept)
        self._gallery.require_level(nsfw=picture.nsfw)
        return SeenPicture(picture, await self._used(picture), kept)

    async def _used(self, picture: CivitaiPicture) -> Sequence[Used]:
        gate, shelf = asyncio.Semaphore(_AT_ONCE), _Shelf(await self._files.all())

        async def known(resource: Resource) -> Used:
            version, asked = None, True
            try:
                async with gate:
                    version = await self._version(resource)
            except SourceError:
                asked = False
            file = None if version is None else _file_of(version, resource)
            sha256 = None if file is None else file.sha256
            folder = _FOLDERS.get(resource.kind)
            here = shelf.with_hash(sha256) or shelf.with_short_hash(resource.hash)
            match = "hash"
            if here is None and version is None:
                here, match = shelf.with_reference(folder, resource.version_id), "reference"
            if here is None:
                name = resource.name if file is None else file.name
                here, match = shelf.with_name(folder, name), "name"
            return Used(resource, version, file, here, match if here else None, asked)

        return await asyncio.gather(*(known(resource) for resource in picture.resources))

    async def _version(self, resource: Resource) -> CivitaiVersion | None:
        """The version that a picture means, ``None`` when nobody knows it any more."""
        try:
            if resource.version_id is not None:
                return read_version(await self._civitai.version(resource.version_id))
            if resource.hash is None:
                return None
            said = await self._civitai.version_by_hash(resource.hash)
        except SourceGone:
            return None
        return None if said is None else read_version(said)


class _Shelf:
    """The model files of one moment, by what a picture may say of them."""

    def __init__(self, files: Sequence[ModelFile]) -> None:
        self._files = [file for file in files if not file.fault]

    def with_hash(self, sha256: str | None) -> ModelFile | None:
        return self._first(lambda file: sha256 is not None and file.sha256 == sha256)

    def with_short_hash(self, digest: str | None) -> ModelFile | None:
        """What other programs call AutoV2 is the beginning of the SHA-256."""
        if digest is None or len(digest) < 10:
            return None
        return self._first(lambda file: bool(file.sha256 and file.sha256.startswith(digest)))

    def with_reference(self, folder: str | None, version_id: int | None) -> ModelFile | None:
        """A file that was fetched as a version."""
        reference = f"civitai:{version_id}"

        def fits(file: ModelFile) -> bool:
            return file.folder == folder and (file.reference or "").split("/")[0] == reference

        return self._first(fits) if version_id is not None else None

    def with_name(self, folder: str | None, name: str) -> ModelFile | None:
        """A file of a name, with its ending or without."""
        wanted = name.rpartition("/")[2].lower()

        def fits(file: ModelFile) -> bool:
            base = file.name.rpartition("/")[2].lower()
            return file.folder == folder and wanted in (base, base.rpartition(".")[0])

        return self._first(fits) if folder is not None and wanted else None

    def _first(self, fits: Callable[[ModelFile], bool]) -> ModelFile | None:
        return next((file for file in self._files if fits(file)), None)


def _file_of(version: CivitaiVersion, resource: Resource) -> CivitaiFile | None:
    """The file of a version whose hash a picture names, else the main one."""
    for file in version.files:
        if resource.hash and file.sha256 and file.sha256.startswith(resource.hash):
            return file
    return version.choose()
