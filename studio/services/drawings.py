"""Pictures for programs: an order becomes jobs of the caller's, and their outputs the answer."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import orjson

from studio.clock import Clock
from studio.drawing_errors import DrawingFailed
from studio.errors import (
    Conflict,
    DiskFull,
    IdempotencyKeyReuse,
    InvalidValue,
    NotFound,
    Unavailable,
)
from studio.graphs.drawing_fields import Wish, values
from studio.graphs.grids import read_axes
from studio.graphs.text_to_image import WORKFLOW_ID
from studio.models import Asset, Identity, JobStatus, JobWebhook, OutputType
from studio.services.assets import AssetService
from studio.services.batches import BatchService, Order
from studio.services.creation import CreationService
from studio.services.drawing_models import DrawingModels, Draws, Task
from studio.services.job_waits import JobWaits
from studio.services.jobs import JobService, JobView
from studio.services.picture_formats import Format, PictureFormats
from studio.services.upload_fields import UploadFields
from studio.store.drawing import DrawingStore

_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class Commission:
    """What a program asked for: a model by name, and a wish."""

    model: str | None
    task: Task
    wish: Wish
    idempotency_key: str | None = None
    webhook: JobWebhook | None = None


class Drawings:
    """Has pictures made; quotas and places in the queue are those of the caller's other jobs."""

    def __init__(
        self,
        *,
        models: DrawingModels,
        creation: CreationService,
        batches: BatchService,
        jobs: JobService,
        assets: AssetService,
        store: DrawingStore,
        clock: Clock,
    ) -> None:
        self._models = models
        self._creation = creation
        self._batches = batches
        self._jobs = jobs
        self._assets = assets
        self._store = store
        self._clock = clock
        self.waits = JobWaits(jobs)
        self.formats = PictureFormats()

    async def start(self, identity: Identity, commission: Commission) -> list[str]:
        """Accept the jobs of an order; their ids.

        With a key that was used for the same order within a day: the jobs of that one, and the
        pictures that came again are deleted.

        Raises:
            DrawingModelNotFound, Unprocessable, IdempotencyKeyReuse: it cannot be made.
            What ``BatchService.run`` raises.
        """
        key = commission.idempotency_key
        digest = "" if key is None else await self._digest(identity, commission)
        if key is not None:
            before = await self._store.order(identity.user_id, key, self._clock.now_ms())
            if before is not None:
                if before.digest != digest:
                    raise IdempotencyKeyReuse(
                        "This Idempotency-Key was already used for other pictures."
                    )
                await self.drop(identity, _files(commission.wish))
                return list(before.job_ids)
        draws = await self._models.find(
            identity,
            commission.model,
            commission.task,
            with_mask=commission.wish.mask is not None,
        )
        wish = await self._with_mask(identity, commission.wish)
        try:
            given, count = values(draws.manifest, draws.fields, wish)
            if draws.target.workflow_id == WORKFLOW_ID:
                given = {**await self._native(identity), **given}
            order = Order(
                workflow_id=draws.target.workflow_id,
                preset_id=draws.target.preset_id,
                values=given,
                axes=read_axes(None, None, count),
                title=_title(wish, draws),
                idempotency_key=key,
                webhook=commission.webhook,
                beside=None
                if key is None
                else self._store.beside(identity.user_id, key, digest, self._clock.now_ms()),
            )
            accepted = await self._batches.run(identity, order)
        except InvalidValue as error:
            await self._drop_mask(identity, wish)
            raise _in_its_words(error, draws) from error
        except BaseException:
            await self._drop_mask(identity, wish)
            raise
        # As it was sent it is of no use: the jobs have what was made of it.
        await self._drop_mask(identity, commission.wish)
        return [view.job.id for view in accepted.jobs]

    async def pictures(self, identity: Identity, job_ids: Sequence[str]) -> list[Asset]:
        """What the jobs have drawn, once all have ended.

        Raises:
            DrawingFailed: one of them made none.
        """
        views = await asyncio.gather(*(self.waits.end(identity, one) for one in job_ids))
        return [asset for view in views for asset in drawn(view)]

    async def let_go(self, identity: Identity, job_ids: Sequence[str]) -> None:
        """Nobody waits any more: what has not begun is cancelled, the rest ends in the library."""
        for job_id in job_ids:
            live = self._jobs.live(job_id)
            if live is not None and live.status is JobStatus.QUEUED:
                await self._jobs.cancel(identity, job_id)

    async def keep(
        self, identity: Identity, name: str, chunks: AsyncIterator[bytes], content_type: str | None
    ) -> str:
        """Store a picture that came with an order as an upload of the caller's; its id.

        Raises:
            What ``AssetService.upload`` raises.
        """
        fields = UploadFields(file_path=name, declared_type=content_type)
        asset, _ = await self._assets.upload(identity, chunks, fields)
        return asset.id

    async def drop(self, identity: Identity, kept: Sequence[str]) -> None:
        """Delete pictures that no job is made of; one that a job has is not in the way."""
        for asset_id in kept:
            with contextlib.suppress(NotFound, Conflict, Unavailable, DiskFull):
                await self._assets.delete(identity, asset_id)

    async def content(
        self, identity: Identity, asset: Asset, target: Format | None, quality: int | None
    ) -> bytes:
        """The bytes of a picture, in a format if one is wanted.

        Raises:
            NotFound, Unprocessable: it is gone, or cannot be read.
        """
        _, path = await self._assets.open_content(identity, asset.id)
        if target is None or (asset.content_type == f"image/{target}" and quality is None):
            return await asyncio.to_thread(path.read_bytes)
        return await self.formats.converted(path, target, quality=quality)

    async def sides(self, identity: Identity, asset: Asset) -> tuple[int, int] | None:
        """How large a picture became: engines round, and some workflows keep a picture's size.

        Raises:
            NotFound: it is gone.
        """
        _, path = await self._assets.open_content(identity, asset.id)
        return await self.formats.sides(path)

    async def _digest(self, identity: Identity, commission: Commission) -> str:
        files = [await self._assets.get(identity, one) for one in _files(commission.wish)]
        return _digest(commission, [file.hash for file in files])

    async def _with_mask(self, identity: Identity, wish: Wish) -> Wish:
        if wish.mask is None:
            return wish
        _, path = await self._assets.open_content(identity, wish.mask)
        made = await self.formats.mask_of(path)

        async def chunks() -> AsyncIterator[bytes]:
            yield made

        return replace(wish, mask=await self.keep(identity, "mask.png", chunks(), "image/png"))

    async def _drop_mask(self, identity: Identity, wish: Wish) -> None:
        if wish.mask is not None:
            await self.drop(identity, [wish.mask])

    async def _native(self, identity: Identity) -> dict[str, object]:
        """The first checkpoint, and the size that it was made for."""
        offer = await self._creation.offer(identity)
        if not offer.checkpoints:
            return {}
        name = offer.checkpoints[0]
        side = offer.sides[name]
        return {"checkpoint": name, "size": {"width": side, "height": side}}


def _in_its_words(error: InvalidValue, draws: Draws) -> InvalidValue:
    """A refusal that says which word of the program's own an input does not take."""
    facts = error.details or {}
    roles = [role for role, name in draws.fields.items() if name == facts.get("input")]
    if not roles:
        return error
    field = "size" if roles[0] in ("width", "height") else roles[0]
    return InvalidValue(error.message, details={**facts, "field": field})


def drawn(view: JobView) -> list[Asset]:
    """The pictures of a job that has ended.

    Raises:
        DrawingFailed: there are none.
    """
    job, error = view.job, view.job.error
    found = [
        asset
        for asset in view.outputs
        if asset.trashed_at is None and asset.output_type == OutputType.IMAGE
    ]
    if job.status is JobStatus.SUCCEEDED and found:
        return found
    reason = error.code if error is not None else job.status.value
    if job.status is JobStatus.SUCCEEDED:
        reason, message = "no_picture", "The job succeeded, but what it made is no picture."
    elif error is not None:
        message = error.message
    else:
        message = f"The job that was to draw this is {job.status.value}."
    raise DrawingFailed(message, details={"job_id": job.id, "reason": reason})


def _files(wish: Wish) -> list[str]:
    """The pictures that came with it, the mask last."""
    return [*wish.images, *(() if wish.mask is None else (wish.mask,))]


def _digest(commission: Commission, files: Sequence[str]) -> str:
    """Of what was asked for, and of the bytes that came with it."""
    wish = commission.wish
    said = [
        *(commission.model, commission.task, wish.prompt, wish.n, wish.negative, wish.size),
        *(wish.quality, wish.seed, wish.mask is None, files),
        *(() if commission.webhook is None else (commission.webhook,)),
    ]
    return hashlib.sha256(orjson.dumps(said)).hexdigest()


def _title(wish: Wish, draws: Draws) -> str:
    return (wish.prompt.strip() or draws.name)[:_TITLE]
