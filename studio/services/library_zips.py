"""Many files of the library as one ZIP, written while it is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import NotFound
from studio.models import Identity
from studio.services.library import viewer_of
from studio.services.zip_stream import EntryNames, zip_stream
from studio.store.blobs import BlobStore
from studio.store.picture_list import PictureListStore

LIFETIME_MS: Final = 900_000
_MAX_KEPT: Final = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """What somebody chose to download."""

    id: str
    user_id: str
    viewer: str | None
    ids: tuple[str, ...]
    ends_at: int
    size_bytes: int


class LibraryZips:
    """Selections of the last quarter of an hour, in memory; an address names one of them."""

    def __init__(self, *, lists: PictureListStore, blobs: BlobStore, clock: Clock) -> None:
        self._lists = lists
        self._blobs = blobs
        self._clock = clock
        self._kept: dict[str, Selection] = {}

    async def choose(
        self, identity: Identity, ids: Sequence[str]
    ) -> tuple[Selection, tuple[str, ...]]:
        """Keep a selection for a while; those of ``ids`` that there are, and those there are not.

        Raises:
            NotFound: there is none of them.
        """
        unique = list(dict.fromkeys(ids))
        viewer = viewer_of(identity)
        found = {one.id: one.size_bytes for one in await self._lists.files(unique, viewer)}
        if not found:
            raise NotFound("None of these files is in the library.")
        now_ms = self._clock.now_ms()
        self._drop_old(now_ms)
        chosen = Selection(
            new_id(),
            identity.user_id,
            viewer,
            tuple(one for one in unique if one in found),
            now_ms + LIFETIME_MS,
            sum(found.values()),
        )
        self._kept[chosen.id] = chosen
        return chosen, tuple(one for one in unique if one not in found)

    async def open(self, identity: Identity, selection_id: str) -> Iterator[bytes]:
        """Chunks of the ZIP; files that went meanwhile are named in ``missing.txt``.

        Raises:
            NotFound: there is no such selection of the caller's, or its time is over.
        """
        chosen = self._kept.get(selection_id)
        now_ms = self._clock.now_ms()
        if chosen is None or chosen.ends_at <= now_ms or chosen.user_id != identity.user_id:
            raise NotFound("This download has ended. Choose the files again.")
        names = EntryNames()
        found = await self._lists.files(chosen.ids, chosen.viewer)
        files = [
            (names.take("", one.file_path, one.id), self._blobs.path(one.hash)) for one in found
        ]
        lost = sorted(set(chosen.ids) - {one.id for one in found})
        return zip_stream((), files, now_ms, lost=lost)

    def _drop_old(self, now_ms: int) -> None:
        self._kept = {one.id: one for one in self._kept.values() if one.ends_at > now_ms}
        while len(self._kept) >= _MAX_KEPT:
            del self._kept[next(iter(self._kept))]
