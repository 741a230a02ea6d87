"""Brings pictures and films of Civitai into the gallery."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from studio.clients.civitai import CivitaiClient
from studio.clock import Clock
from studio.errors import (
    BlockedAddress,
    GalleryFull,
    NotAModel,
    PayloadTooLarge,
    SourceBusy,
    SourceError,
    SourceStalled,
    SourceTooLarge,
    StudioError,
    Unprocessable,
)
from studio.media import probe_image, sniff
from studio.models import Identity
from studio.services.civitai_gallery import SHOWN, CivitaiGallery
from studio.services.civitai_pictures import (
    CivitaiPicture,
    find_picture,
    page_query,
    read_pictures,
)
from studio.services.stream_staging import stage_stream
from studio.store.blobs import BlobStore, StagedBlob
from studio.store.civitai_gallery import Addition, CivitaiGalleryStore, KeptPicture

MAX_IMAGE_BYTES: Final = 48 << 20
MAX_FILM_BYTES: Final = 256 << 20
_AT_ONCE: Final = 4
_MOST_S: Final = 180.0
"""How long one picture may take, however steadily it drips."""
_REFUSED: Final = (
    SourceError,
    NotAModel,
    GalleryFull,
    BlockedAddress,
    PayloadTooLarge,
    Unprocessable,
)
"""What is about one picture alone; the others of its page are kept all the same."""


@dataclass(frozen=True, slots=True)
class Collected:
    """What became of a page of Civitai's.

    ``retry_after_s`` says when the same page can be asked for again: Civitai had enough before all
    of it was here.
    """

    items: Sequence[KeptPicture]
    next_cursor: str | None
    refused: Sequence[tuple[int, StudioError]]
    retry_after_s: int | None


class CivitaiKeeper:
    """Fetches what is not kept yet, a few at a time."""

    def __init__(
        self,
        *,
        civitai: CivitaiClient,
        gallery: CivitaiGallery,
        store: CivitaiGalleryStore,
        blobs: BlobStore,
        clock: Clock,
    ) -> None:
        self._civitai = civitai
        self._gallery = gallery
        self._store = store
        self._blobs = blobs
        self._clock = clock
        self._gate = asyncio.Semaphore(_AT_ONCE)

    async def collect(
        self, identity: Identity, version_id: int, *, cursor: str | None, limit: int, nsfw: bool
    ) -> Collected:
        """Keep a page of what people made with a version; what is kept already is not fetched.

        Raises:
            StudioError: Civitai cannot be asked, or nothing can be stored.
        """
        self._gallery.require_level(nsfw=nsfw)
        asked = page_query(version_id, cursor=cursor, limit=limit, nsfw=nsfw)
        said, after = await self._civitai.images(**asked)
        pictures = [one for one in read_pictures(said, nsfw=nsfw) if one.kind != "audio"]
        known = await self._store.known([picture.id for picture in pictures])

        # They come in any order, and are kept in Civitai's: its first are those that most like.
        turns = [asyncio.Event() for _ in range(len(pictures) + 1)]
        turns[0].set()

        async def kept(place: int, picture: CivitaiPicture) -> StudioError | None:
            versions = {version_id, *picture.version_ids}
            try:
                if picture.id in known:
                    await self._store.link(self._row(picture), versions)
                else:
                    await self._bring(picture, versions, turns[place])
            except StudioError as error:
                return error
            finally:
                await turns[place].wait()
                turns[place + 1].set()
            return None

        errors = await asyncio.gather(*(kept(*each) for each in enumerate(pictures)))
        for error in errors:
            if error is not None and not isinstance(error, _REFUSED):
                raise error
        refused = [(one.id, error) for one, error in zip(pictures, errors, strict=True) if error]
        busy = [error.retry_after_s or 0 for _, error in refused if isinstance(error, SourceBusy)]
        refused_ids = {picture_id for picture_id, _ in refused}
        here = [picture.id for picture in pictures if picture.id not in refused_ids]
        return Collected(
            items=await self._store.of_ids(identity.user_id, here),
            next_cursor=cursor if busy else after,
            refused=[(one, error) for one, error in refused if not isinstance(error, SourceBusy)],
            retry_after_s=max(busy, default=None),
        )

    async def keep(self, identity: Identity, picture_id: int) -> KeptPicture:
        """Keep one picture, unless it is.

        Raises:
            StudioError: it cannot be had, is no picture, or there is no room for it.
        """
        if not await self._store.known([picture_id]):
            picture = find_picture(await self._civitai.image(picture_id), picture_id)
            self._gallery.require_level(nsfw=picture.nsfw)
            await self._bring(picture, picture.version_ids)
        return await self._gallery.get(identity, picture_id)

    async def _bring(
        self,
        picture: CivitaiPicture,
        version_ids: Collection[int],
        turn: asyncio.Event | None = None,
    ) -> None:
        async with self._gate:
            staged = await self._fetched(picture)
        try:
            content_type = await asyncio.to_thread(_judged, staged)
            if turn is not None:
                await turn.wait()
        except BaseException:
            self._blobs.discard(staged)
            raise
        row = self._row(picture, staged, content_type)
        await self._store.add(Addition(row, staged, version_ids))

    async def _fetched(self, picture: CivitaiPicture) -> StagedBlob:
        most = MAX_FILM_BYTES if picture.kind == "video" else MAX_IMAGE_BYTES
        chunks = self._civitai.media(picture.url)
        try:
            async with asyncio.timeout(_MOST_S):
                return await stage_stream(
                    self._blobs, chunks, limit_bytes=min(most, self._gallery.limit_bytes)
                )
        except TimeoutError:
            raise SourceStalled("Civitai's picture does not come to its end.") from None
        except PayloadTooLarge as error:
            raise SourceTooLarge(error.message) from None

    def _row(
        self, picture: CivitaiPicture, staged: StagedBlob | None = None, content_type: str = ""
    ) -> KeptPicture:
        return KeptPicture(
            id=picture.id,
            url=picture.url,
            hash="" if staged is None else staged.hash,
            size_bytes=0 if staged is None else staged.size_bytes,
            content_type=content_type,
            kind=content_type.partition("/")[0],
            width=picture.width,
            height=picture.height,
            nsfw_level=picture.nsfw_level,
            creator=picture.creator,
            base_model=picture.base_model,
            recipe=None if picture.recipe is None else asdict(picture.recipe),
            resources=[asdict(resource) for resource in picture.resources],
            kept_at=self._clock.now_ms(),
        )


def _judged(staged: StagedBlob) -> str:
    """The content type of what came.

    Raises:
        NotAModel: it is nothing that is shown.
        Unprocessable: it has too many pixels.
    """
    content_type = sniff(staged.head, "")
    is_readable = not content_type.startswith("image/") or probe_image(staged.path) is not None
    if content_type not in SHOWN or not is_readable:
        raise NotAModel("What came is neither a picture nor a film.")
    return content_type
