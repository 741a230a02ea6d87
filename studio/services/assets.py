"""Assets: uploads in, bytes out, and which asset a graph means."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import BlobNotFound, IdempotencyKeyReuse, NotFound
from studio.graphs.files import FileReference
from studio.media import UNKNOWN, output_type, sniff
from studio.models import Asset, Identity, OutputType, Record, unrecorded
from studio.services.quotas import QuotaService
from studio.services.references import missing, wanted
from studio.services.stream_staging import finish, stage_stream
from studio.services.upload_fields import (
    Shelve,
    UploadFields,
    as_asset,
    asset_key,
    check_fields,
    check_path,
    check_retention,
    expires_at,
)
from studio.store.assets import KEY_REUSED, AssetStore, is_expired
from studio.store.blob_writer import SMALL_BYTES, read_small
from studio.store.blobs import BlobStore, StagedBlob, is_hash

_AROUND_BYTES: Final = 65_536


class AssetService:
    """Everything done with assets on a user's behalf.

    Args:
        store: rows and bytes.
        blobs: the same store's bytes.
        max_upload_bytes: the largest file accepted in one request.
        shelve: gives uploaded models their place.
        quotas: how much each user may have.
    """

    def __init__(
        self,
        *,
        store: AssetStore,
        blobs: BlobStore,
        clock: Clock,
        max_upload_bytes: int,
        shelve: Shelve,
        quotas: QuotaService,
        record: Record = unrecorded,
    ) -> None:
        self._store = store
        self.shelve = shelve
        self._quotas = quotas
        self._record = record
        self._blobs = blobs
        self._clock = clock
        self._max_upload_bytes = max_upload_bytes
        self._keys_in_use: set[tuple[str, str]] = set()
        self._on_upload: Callable[[str], None] = lambda _: None

    @property
    def max_upload_bytes(self) -> int:
        return self._max_upload_bytes

    def on_upload(self, listener: Callable[[str], None]) -> None:
        """Call ``listener`` with the id of every asset that somebody adds from now on."""
        self._on_upload = listener

    def tell(self, asset: Asset) -> None:
        """An asset was added, here or by an upload in parts."""
        self._on_upload(asset.id)

    async def upload(
        self,
        identity: Identity,
        chunks: AsyncIterator[bytes],
        fields: UploadFields,
        *,
        idempotency_key: str | None = None,
        size_hint: int | None = None,
    ) -> tuple[Asset, bool]:
        """Store bytes as a new asset of the caller.

        Args:
            chunks: the bytes; they are hashed and written while they arrive.
            idempotency_key: usable once in 24 hours, free again if the upload fails.
            size_hint: about how many bytes will come; so much space is reserved.

        Returns:
            The asset, and whether the caller had no asset over these bytes before.

        Raises:
            PayloadTooLarge, DiskFull, HashMismatch, IdempotencyKeyReuse, Forbidden: as named.
            DiskQuotaExceeded: the caller's files would be more than they may have.
            Unprocessable: a field is wrong, the file is empty or the image is too large.
        """
        check_fields(identity, fields)
        return await self.receive(
            identity,
            chunks,
            lambda: fields,
            idempotency_key=idempotency_key,
            size_hint=size_hint,
        )

    async def receive(
        self,
        identity: Identity,
        chunks: AsyncIterator[bytes],
        describe: Callable[[], UploadFields],
        *,
        idempotency_key: str | None = None,
        size_hint: int | None = None,
    ) -> tuple[Asset, bool]:
        """``upload`` for when the fields may only be known once ``chunks`` has ended."""
        key = asset_key(idempotency_key)
        async with self._quotas.room(identity) as fit:
            # What is said to come is about right: a form has some words around the file.
            await fit(max(1, (size_hint or 0) - _AROUND_BYTES))
            with self._hold_key(identity.user_id, key):
                if key is not None and await self._store.key_is_used(identity.user_id, key):
                    raise IdempotencyKeyReuse(KEY_REUSED)
                staged = await self.stage_stream(
                    chunks, size_hint=size_hint, limit_bytes=self._max_upload_bytes
                )
                try:
                    await fit(staged.size_bytes)
                    now_ms = self._clock.now_ms()
                    asset = await as_asset(identity, staged, describe(), now_ms, self.shelve)
                    stored, is_new = await self._store.add(asset, staged, idempotency_key=key)
                except BaseException:
                    self._blobs.discard(staged)
                    raise
        self.tell(stored)
        return stored, is_new

    async def from_hash(
        self,
        identity: Identity,
        blob_hash: str,
        *,
        file_path: str | None = None,
        tags: tuple[str, ...] = (),
        expires_in: int | None = None,
    ) -> tuple[Asset, bool]:
        """An asset over bytes that the caller has already.

        Args:
            file_path: its name; without one, that of the caller's newest asset over the bytes.

        Returns:
            The asset, and whether it is new: the same bytes under the same path are returned as
            they are, with their retention extended.

        Raises:
            BlobNotFound: the caller has no such bytes, whoever else may have them.
            Unprocessable, Forbidden: a field is wrong.
        """
        check_retention(tags, expires_in)
        path = None if file_path is None else check_path(identity, file_path)
        now_ms = self._clock.now_ms()
        draft = Asset(
            id=new_id(),
            user_id=identity.user_id,
            hash=blob_hash.lower(),
            size_bytes=0,
            content_type=UNKNOWN,
            file_path=path or "",
            created_at=now_ms,
            expires_at=expires_at(now_ms, expires_in),
            tags=tags,
        )
        asset, is_new = await self._store.mint(draft, keep_path=path is None)
        self.tell(asset)
        return asset, is_new

    async def exists(self, identity: Identity, blob_hash: str) -> bool:
        """Whether the caller could make an asset from these bytes without sending them."""
        lowered = blob_hash.lower()
        if not is_hash(lowered):
            return False
        return await self._store.find_by_hash(lowered, identity.user_id) is not None

    async def get(self, identity: Identity, asset_id: str, *, own: bool = False) -> Asset:
        """One asset that the caller may read: theirs, or named by what somebody shares.

        Args:
            own: none but theirs.

        Raises:
            NotFound: unknown, expired, or neither.
        """
        asset = await self._store.get(asset_id, _viewer(identity), shared=not own)
        if asset is None or is_expired(asset, self._clock.now_ms()):
            raise NotFound("There is no such asset.")
        return asset

    async def delete(self, identity: Identity, asset_id: str) -> None:
        """Delete an asset; its bytes go with the last asset that has them.

        Raises:
            NotFound: unknown, or another user's.
            AssetInUse: an unfinished job needs it, or a kept job made it.
        """
        asset = await self._store.get(asset_id, _viewer(identity))
        await self._store.delete(asset_id, _viewer(identity))
        name = asset_id if asset is None else asset.file_path
        self._record(identity.user_id, "asset.deleted", name)

    async def open_content(self, identity: Identity, asset_id: str) -> tuple[Asset, Path]:
        """An asset that the caller may read, and the file that holds its bytes.

        Raises:
            NotFound: see ``get``; or the bytes are lost.
        """
        asset = await self.get(identity, asset_id)
        return asset, await self._existing(asset)

    async def open_for_job(self, asset_id: str) -> tuple[Asset, Path]:
        """An input of a job that was admitted; expired ones are kept while it is unfinished.

        Raises:
            NotFound: it is gone, or its bytes are lost.
        """
        asset = await self._store.get(asset_id, None)
        if asset is None:
            raise NotFound("An input file of this job is gone.")
        return asset, await self._existing(asset)

    async def resolve(
        self, identity: Identity, references: Sequence[FileReference]
    ) -> dict[FileReference, Asset]:
        """The asset behind each file that a graph names.

        Names are looked up among the caller's own uploads (or outputs), the newest first.

        Raises:
            MissingAsset: some do not exist or are not the caller's, which looks the same.
        """
        looked_for = [wanted(reference) for reference in references]
        found = await self._store.look_up(looked_for, identity.user_id, sees_all=identity.sees_all)
        assets: dict[FileReference, Asset] = {}
        lost: list[FileReference] = []
        for reference, asset in zip(references, found, strict=True):
            if asset is None:
                lost.append(reference)
            else:
                assets[reference] = asset
        if lost:
            raise missing(lost)
        return assets

    async def discard(self, staged: Collection[StagedBlob]) -> None:
        """Let go of outputs that were staged and are not wanted."""
        await self._store.discard(staged)

    async def stage_output(
        self, source: Path | AsyncIterator[bytes], root: Path | None = None
    ) -> StagedBlob:
        """Copy an engine's output into a blob that is not published yet; the source stays.

        Raises:
            FileNotFoundError: there is no such file.
            InvalidRequest: it is not a regular file.
            DiskFull, StorageUnavailable: it could not be stored.
        """
        if isinstance(source, Path):
            return await asyncio.to_thread(self._blobs.stage_file, source, root)
        return await self.stage_stream(source)

    def keep_output(self, source: str, root: Path, size_bytes: int) -> StagedBlob | None:
        """Copy a small output whose bytes will travel with its row; ``None`` if it has grown.

        Raises:
            FileNotFoundError, InvalidRequest, DiskFull, StorageUnavailable: see ``stage_output``.
        """
        data = read_small(source, root, size_bytes)
        return data if data is None else self._blobs.keep(data)

    async def stage_bytes(self, data: bytes) -> StagedBlob:
        """Stage bytes that are in memory."""
        if len(data) <= SMALL_BYTES:
            return self._blobs.keep(data)
        return await asyncio.to_thread(finish, self._blobs.writer(len(data)), data)

    async def stage_stream(
        self,
        chunks: AsyncIterator[bytes],
        *,
        size_hint: int | None = None,
        limit_bytes: int | None = None,
    ) -> StagedBlob:
        """Hash and write bytes while they arrive; see ``stream_staging``."""
        return await stage_stream(self._blobs, chunks, size_hint, limit_bytes)

    def describe(self, staged: StagedBlob, *, name: str, hint: str = "") -> tuple[str, OutputType]:
        """Content type and kind of an output, by its bytes first."""
        content_type = sniff(staged.head, name)
        return content_type, output_type(content_type, hint)

    async def _existing(self, asset: Asset) -> Path:
        if not await asyncio.to_thread(self._blobs.exists, asset.hash):
            raise BlobNotFound("The bytes of this asset are missing on the server's disk.")
        return self._blobs.path(asset.hash)

    @contextlib.contextmanager
    def _hold_key(self, user_id: str, key: str | None) -> Iterator[None]:
        """Refuse a key that another upload is using right now; rows only know finished ones."""
        if key is None:
            yield
            return
        held = (user_id, key)
        if held in self._keys_in_use:
            raise IdempotencyKeyReuse(KEY_REUSED)
        self._keys_in_use.add(held)
        try:
            yield
        finally:
            self._keys_in_use.discard(held)


def _viewer(identity: Identity) -> str | None:
    return None if identity.sees_all else identity.user_id
