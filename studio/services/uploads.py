"""Files that come in parts: for what does not fit into one request, or must survive a cut line.

A part counts once it came whole and is on disk. Each has one sender at a time, the one who began
last; nobody can mix its bytes with another's. A complete upload becomes an asset in the very
transaction that notes it, and its file is removed after that: a crash leaves the upload or the
asset, never neither.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final

from studio.clock import Clock, new_id
from studio.errors import BlobNotFound, Conflict, PayloadTooLarge, Unprocessable
from studio.models import Asset, Identity, Role
from studio.services.assets import AssetService
from studio.services.quotas import QuotaService
from studio.services.upload_fields import (
    UploadFields,
    as_asset,
    check_path,
    check_retention,
    is_model,
    wrong,
)
from studio.settings import DAY_MS
from studio.store.blobs import BlobStore, StagedBlob, is_hash
from studio.store.upload_files import PartWriter, UploadFiles, UploadReader
from studio.store.uploads import Upload, UploadStore

PART_BYTES: Final = 16 * 1024 * 1024
MAX_OPEN: Final = 20
KEPT_MS: Final = DAY_MS
"""For how long after its last part an upload is kept."""
_MAX_TYPE_LENGTH: Final = 100
_FLUSH_BYTES: Final = 1024 * 1024
_SHOWN: Final = 100
"""How many missing parts a refusal names."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What a client says about a file before it sends it."""

    name: str
    size_bytes: int
    hash: str | None = None
    content_type: str | None = None
    tags: tuple[str, ...] = ()
    expires_in: int | None = None


class UploadService:
    """Uploads in parts, of each user for themselves.

    Args:
        files: where the bytes wait until they are whole.
        blobs: where they go then.
        max_bytes: the largest file.
        part_bytes: the length of each part.
    """

    def __init__(
        self,
        *,
        uploads: UploadStore,
        files: UploadFiles,
        assets: AssetService,
        blobs: BlobStore,
        clock: Clock,
        quotas: QuotaService,
        max_bytes: int,
        part_bytes: int = PART_BYTES,
    ) -> None:
        self._uploads = uploads
        self._files = files
        self._assets = assets
        self._blobs = blobs
        self._clock = clock
        self._quotas = quotas
        self._max_bytes = max_bytes
        self._part_bytes = part_bytes
        self._writers: dict[tuple[str, int], PartWriter] = {}
        self._completing: dict[str, asyncio.Task[Asset]] = {}
        self._hashing = asyncio.Lock()

    async def begin(self, identity: Identity, announced: Announcement) -> Upload | Asset:
        """Make room for a file, or an asset at once if the caller has these bytes already.

        Raises:
            PayloadTooLarge, DiskFull, TooManyUploads, DiskQuotaExceeded: it cannot be taken.
            Unprocessable, Forbidden: a field is wrong.
        """
        upload = self._checked(identity, announced)
        if upload.expected_hash is not None and not is_model(upload.file_path):
            with contextlib.suppress(BlobNotFound):
                asset, _ = await self._assets.from_hash(
                    identity,
                    upload.expected_hash,
                    file_path=upload.file_path,
                    tags=upload.tags,
                    expires_in=upload.expires_in,
                )
                return asset
        # The row comes first: it keeps the number of files that one user can have.
        everything = MAX_OPEN * self._max_bytes
        async with self._quotas.room(identity) as fit:
            await fit(upload.size_bytes)
            await self._uploads.add(
                upload,
                max_open=MAX_OPEN,
                max_open_bytes=everything if identity.role is Role.OWNER else self._max_bytes,
            )
        try:
            await asyncio.to_thread(self._files.create, upload)
        except BaseException:
            await self._uploads.remove([upload.id])
            raise
        return upload

    def _checked(self, identity: Identity, announced: Announcement) -> Upload:
        file_path = check_path(identity, announced.name, field="name", has_bytes=True)
        if announced.size_bytes < 1:
            raise wrong("size_bytes", "The file is empty.")
        if announced.size_bytes > self._max_bytes:
            raise PayloadTooLarge(
                f"The file is larger than {self._max_bytes} bytes.",
                details={"max_bytes": self._max_bytes},
            )
        expected = announced.hash.lower() if announced.hash is not None else None
        if expected is not None and not is_hash(expected):
            raise wrong("hash", "hash must be blake3: and 64 hex digits.")
        if len(announced.content_type or "") > _MAX_TYPE_LENGTH:
            raise wrong("content_type", f"content_type has at most {_MAX_TYPE_LENGTH} characters.")
        check_retention(announced.tags, announced.expires_in)
        now_ms = self._clock.now_ms()
        return Upload(
            id=new_id(),
            user_id=identity.user_id,
            file_path=file_path,
            size_bytes=announced.size_bytes,
            part_bytes=self._part_bytes,
            created_at=now_ms,
            touched_at=now_ms,
            expected_hash=expected,
            declared_type=announced.content_type,
            tags=announced.tags,
            expires_in=announced.expires_in,
        )

    async def get(self, identity: Identity, upload_id: str) -> Upload:
        """One upload of the caller's.

        Raises:
            NotFound: unknown, or another user's.
        """
        return await self._uploads.get(upload_id, identity.user_id)

    async def unfinished(self, identity: Identity) -> list[Upload]:
        """The caller's uploads that are not complete, the newest first."""
        return await self._uploads.open_of(identity.user_id)

    async def put_part(
        self,
        identity: Identity,
        upload_id: str,
        number: int,
        chunks: AsyncIterator[bytes],
        *,
        length: int | None = None,
    ) -> None:
        """Store one part while it arrives; the same part again replaces it.

        Args:
            length: how many bytes will come, when that is known.

        Raises:
            NotFound: there is no such upload.
            Unprocessable: there is no such part, or it has another length.
            Conflict: the upload is complete, or somebody sends the same part again.
            DiskFull, StorageUnavailable: it could not be stored.
        """
        upload = await self.get(identity, upload_id)
        self._require_part(upload, number, length)
        if upload.asset_id is not None or upload.id in self._completing:
            raise Conflict("This upload is complete; no more parts are taken.")
        key = upload.id, number
        writer = PartWriter(
            self._files.path(upload),
            number * upload.part_bytes,
            upload.size_of(number),
            self._writers.get(key),
        )
        self._writers[key] = writer
        sender = new_id()
        try:
            await self._uploads.begin_part(upload.id, number, sender)
            await _fill(writer, chunks)
            if not await self._uploads.end_part(upload.id, number, sender, self._clock.now_ms()):
                raise Conflict("This part was sent anew meanwhile.")
        finally:
            if self._writers.get(key) is writer:
                del self._writers[key]
            # Not awaited: a task that is cancelled has no more time.
            asyncio.get_running_loop().run_in_executor(None, writer.close)

    def _require_part(self, upload: Upload, number: int, length: int | None) -> None:
        if not 0 <= number < upload.parts:
            raise Unprocessable(
                f"This upload has parts 0 to {upload.parts - 1}.", details={"parts": upload.parts}
            )
        expected = upload.size_of(number)
        if length not in (None, expected):
            raise Unprocessable(
                f"Part {number} has {expected} bytes, not {length}.",
                details={"expected_bytes": expected},
            )

    async def complete(self, identity: Identity, upload_id: str) -> Asset:
        """The asset that the upload becomes, the same one however often it is asked for.

        The work goes on when the caller hangs up: to hash a large file takes a while, and proxies
        have little patience. Whoever asks again waits for the same work.

        Raises:
            NotFound: there is no such upload.
            Conflict: parts are missing; ``details`` names them.
            HashMismatch: the bytes are not the announced ones. Parts can be sent again.
            Unprocessable: the image is too large.
        """
        await self.get(identity, upload_id)
        task = self._completing.get(upload_id)
        if task is None:
            task = asyncio.create_task(self._complete(identity, upload_id))
            self._completing[upload_id] = task
            task.add_done_callback(lambda done: self._completed(upload_id, done))
        return await asyncio.shield(task)

    def _completed(self, upload_id: str, task: asyncio.Task[Asset]) -> None:
        del self._completing[upload_id]
        if not task.cancelled():
            # Those who waited were told; nobody may be left.
            task.exception()

    async def _complete(self, identity: Identity, upload_id: str) -> Asset:
        # Whoever began a part before this is seen by it: the database takes its work in turn.
        upload = await self.get(identity, upload_id)
        if upload.asset_id is not None:
            return await self._assets.get(identity, upload.asset_id)
        if missing := sorted(set(range(upload.parts)) - set(upload.received)):
            raise Conflict(
                f"{len(missing)} of {upload.parts} parts are missing.",
                details={"missing": missing[:_SHOWN]},
            )
        staged = await self._stage(upload)
        fields = UploadFields(
            upload.file_path,
            upload.declared_type,
            upload.expected_hash,
            upload.tags,
            upload.expires_in,
        )
        try:
            now_ms, shelve = self._clock.now_ms(), self._assets.shelve
            asset = await as_asset(identity, staged, fields, now_ms, shelve)
            await self._uploads.complete(upload, asset, staged)
        except BaseException:
            self._blobs.discard(staged)
            raise
        self._assets.tell(asset)
        await asyncio.to_thread(self._files.remove, upload.id)
        return asset

    async def _stage(self, upload: Upload) -> StagedBlob:
        path = self._files.path(upload)
        reader = UploadReader(path, upload.size_bytes)
        # One at a time: several would only share the same disk, and take all worker threads.
        async with self._hashing:
            while await asyncio.to_thread(reader.step):
                pass
        return await asyncio.to_thread(
            self._blobs.adopt, path, reader.hash, upload.size_bytes, reader.head
        )

    async def delete(self, identity: Identity, upload_id: str) -> None:
        """Give an upload up; the asset of a complete one stays.

        Raises:
            NotFound: there is no such upload.
            Conflict: it is being completed.
        """
        upload = await self.get(identity, upload_id)
        if upload.id in self._completing:
            raise Conflict("This upload is being completed.")
        await self._drop([upload.id])

    async def purge(self) -> None:
        """Remove what nobody has sent a part of for a day, and complete ones of that age."""
        stale = await self._uploads.stale(self._clock.now_ms() - KEPT_MS)
        await self._drop([one for one in stale if one not in self._completing])

    async def tidy(self) -> None:
        """After a start: rows without bytes go, and bytes without a row."""
        on_disk = await asyncio.to_thread(self._files.ids)
        open_ids = await self._uploads.open_ids()
        await self._uploads.remove(open_ids - on_disk)
        for upload_id in on_disk - open_ids:
            await asyncio.to_thread(self._files.remove, upload_id)
        await self.purge()

    async def stop(self) -> None:
        """Give up what is being completed; it can be asked for again."""
        tasks = list(self._completing.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _drop(self, ids: list[str]) -> None:
        if not ids:
            return
        await self._uploads.remove(ids)
        for upload_id in ids:
            await asyncio.to_thread(self._files.remove, upload_id)
        # A file without a name keeps its space for as long as somebody has it open.
        for writer in [one for (of, _), one in self._writers.items() if of in ids]:
            await asyncio.to_thread(writer.close)


async def _fill(writer: PartWriter, chunks: AsyncIterator[bytes]) -> None:
    buffer = bytearray()
    async for chunk in chunks:
        buffer += chunk
        if len(buffer) >= _FLUSH_BYTES:
            await asyncio.to_thread(writer.write, bytes(buffer))
            buffer.clear()
    await asyncio.to_thread(writer.write, bytes(buffer))
    await asyncio.to_thread(writer.finish)
