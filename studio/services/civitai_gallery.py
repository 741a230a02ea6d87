"""Pictures and films of Civitai that are kept here: there without the network, with stars."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, Final

from studio.errors import BlobNotFound, NotFound, NsfwLeftOut, StudioError
from studio.models import Identity
from studio.services.civitai_pictures import EVERYBODY, CivitaiPicture, Recipe, Resource
from studio.services.thumbnails import Size, Thumbnails
from studio.store.blob_writer import open_regular, read_chunk
from studio.store.blobs import BlobStore
from studio.store.civitai_gallery import CivitaiGalleryStore, KeptFilter, KeptPicture

log = logging.getLogger(__name__)

SHOWN: Final = frozenset(
    {"image/png", "image/jpeg", "image/webp", "image/gif", "image/avif", "video/mp4", "video/webm"}
)
"""What is kept and shown, by its bytes; whatever a browser could run is not among it."""
_NOT_FOR_EVERYBODY: Final = (
    "This is not for everybody, and the owner's settings leave out what is not (CIVITAI_NSFW)."
)


class CivitaiGallery:
    """Shows what is kept; ``civitai_keeper`` brings it.

    Args:
        shows_nsfw: whether the owner lets those be shown that are not for everybody.
    """

    def __init__(
        self,
        *,
        store: CivitaiGalleryStore,
        blobs: BlobStore,
        thumbnails: Thumbnails,
        shows_nsfw: Callable[[], bool],
    ) -> None:
        self._store = store
        self._blobs = blobs
        self._thumbnails = thumbnails
        self.shows_nsfw = shows_nsfw

    @property
    def limit_bytes(self) -> int:
        return self._store.limit_bytes

    async def run(self) -> None:
        """Tidy up once what an earlier Studio left half done."""
        try:
            await self._store.sweep()
        except StudioError as error:
            log.warning("the gallery is not tidied: %s", error.message)

    def require_level(self, *, nsfw: bool) -> None:
        """Refuse what the owner's settings leave out.

        Raises:
            NsfwLeftOut: it is not for everybody.
        """
        if nsfw and not self.shows_nsfw():
            raise NsfwLeftOut(_NOT_FOR_EVERYBODY)

    async def page(
        self,
        identity: Identity,
        *,
        version_id: int | None,
        least_stars: int,
        nsfw: bool,
        after: int | None,
        limit: int,
    ) -> tuple[Sequence[KeptPicture], int | None]:
        """A page of what is kept, and where the next one begins.

        Raises:
            NsfwLeftOut: the owner leaves out what is asked for.
        """
        self.require_level(nsfw=nsfw)
        wanted = KeptFilter(
            version_id=version_id,
            least_stars=least_stars,
            most_nsfw=None if nsfw else EVERYBODY,
            after=after,
            limit=limit,
        )
        return await self._store.page(identity.user_id, wanted)

    async def get(self, identity: Identity, picture_id: int) -> KeptPicture:
        """One that is kept.

        Raises:
            NotFound: it is not.
            NsfwLeftOut: the owner leaves it out.
        """
        kept = await self._store.get(identity.user_id, picture_id)
        self.require_level(nsfw=kept.nsfw_level > EVERYBODY)
        return kept

    async def find(self, identity: Identity, picture_id: int) -> KeptPicture | None:
        """One that is kept, ``None`` when it is not.

        Raises:
            NsfwLeftOut: the owner leaves it out.
        """
        try:
            return await self.get(identity, picture_id)
        except NotFound:
            return None

    async def open(self, identity: Identity, picture_id: int) -> tuple[KeptPicture, Path]:
        """One that is kept, and the file with its bytes.

        Raises:
            NotFound, NsfwLeftOut: as ``get``; or its bytes are lost.
        """
        kept = await self.get(identity, picture_id)
        path = self._blobs.path(kept.hash)
        if not await asyncio.to_thread(path.is_file):
            raise BlobNotFound("The bytes of this picture are missing on the server's disk.")
        return kept, path

    async def thumbnail(
        self, identity: Identity, picture_id: int, size: Size
    ) -> tuple[KeptPicture, Path]:
        """One that is kept, and a small picture of it.

        Raises:
            NotFound, NsfwLeftOut: as ``get``; or it cannot be made small.
        """
        kept = await self.get(identity, picture_id)
        return kept, await self._thumbnails.cover(kept, size)

    async def content(self, kept: KeptPicture) -> AsyncIterator[bytes]:
        """The bytes of one that is kept.

        Raises:
            BlobNotFound: they are lost.
        """
        try:
            handle = await asyncio.to_thread(open_regular, self._blobs.path(kept.hash))
        except OSError as error:
            raise BlobNotFound("The bytes of this picture are missing on disk.") from error
        try:
            while data := await asyncio.to_thread(read_chunk, handle):
                yield data
        finally:
            os.close(handle)

    async def rate(self, identity: Identity, picture_id: int, stars: int) -> KeptPicture:
        """Set the caller's own stars, 0 to 5; one with anybody's stars is not let go of.

        Raises:
            NotFound, NsfwLeftOut: as ``get``.
        """
        await self.get(identity, picture_id)
        await self._store.rate(identity.user_id, picture_id, stars)
        return await self.get(identity, picture_id)

    async def remove(self, picture_id: int) -> None:
        """Take one out, whatever stars it has.

        Raises:
            NotFound: it is not kept.
        """
        await self._store.remove(picture_id)

    async def usage(self) -> tuple[int, int]:
        """How many pictures are kept, and their bytes."""
        return await self._store.usage()


def as_picture(kept: KeptPicture) -> CivitaiPicture:
    """What is kept, as Civitai told it."""

    def built(values: Any) -> Resource:
        return Resource(**values)

    return CivitaiPicture(
        id=kept.id,
        url=kept.url,
        kind=kept.kind,
        width=kept.width,
        height=kept.height,
        nsfw_level=kept.nsfw_level,
        creator=kept.creator,
        base_model=kept.base_model,
        recipe=None if kept.recipe is None else Recipe(**kept.recipe),
        resources=tuple(map(built, kept.resources)),
    )
