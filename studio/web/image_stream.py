"""Pictures as OpenAI streams them: first from previews, then as they are."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, Final

import orjson

from studio.errors import StudioError, Unprocessable
from studio.models import Identity
from studio.services.drawings import Drawings, drawn
from studio.services.job_waits import Sign
from studio.services.picture_formats import Format
from studio.web.image_orders import ImageOrder, size_text
from studio.web.respond import error_body

_KINDS: Final = {"generate": "image_generation", "edit": "image_edit"}
_NO_TOKENS: Final = {
    "input_tokens": 0,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 0},
    "output_tokens": 0,
    "total_tokens": 0,
}
"""OpenAI's clients want it said what a picture cost."""
_PATH: Final = "/v1/images"


class ImageStream:
    """The events of one order: each job in turn, up to so many partial pictures of each.

    Args:
        job_ids: what the order became.
        pause_s: how long nothing may be sent.
    """

    def __init__(
        self,
        drawings: Drawings,
        identity: Identity,
        order: ImageOrder,
        job_ids: Sequence[str],
        now_ms: Callable[[], int],
        pause_s: float,
    ) -> None:
        self._drawings = drawings
        self._identity = identity
        self._order = order
        self._job_ids = job_ids
        self._now_ms = now_ms
        self._pause_s = pause_s
        self._kind = _KINDS[order.commission.task]
        self._format: Format = order.format or "png"

    async def frames(self, on_gone: Callable[[], Awaitable[None]]) -> AsyncGenerator[bytes, None]:
        """Server-sent events until the last picture, or what went wrong.

        Args:
            on_gone: called when nobody reads on.
        """
        yield b": drawing\n\n"
        try:
            for job_id in self._job_ids:
                async with contextlib.aclosing(self._job(job_id)) as frames:
                    async for frame in frames:
                        yield frame
        except StudioError as error:
            yield _event("error", error_body(error, _PATH))
        except (GeneratorExit, asyncio.CancelledError):
            await on_gone()
            raise

    async def _job(self, job_id: str) -> AsyncGenerator[bytes, None]:
        shown = 0
        signs = self._drawings.waits.follow(self._identity, job_id)
        async with contextlib.aclosing(signs):
            asking: asyncio.Task[Sign | None] | None = None
            try:
                while True:
                    asking = asking or asyncio.create_task(_next(signs))
                    await asyncio.wait({asking}, timeout=self._pause_s)
                    if not asking.done():
                        yield b": alive\n\n"
                        continue
                    sign, asking = asking.result(), None
                    if sign is None or sign.view.job.status.is_terminal:
                        break
                    if self._is_due(sign, shown) and (part := await self._partial(sign, shown)):
                        shown += 1
                        yield part
            finally:
                if asking is not None:
                    asking.cancel()
                    await asyncio.gather(asking, return_exceptions=True)
        view = await self._drawings.waits.end(self._identity, job_id)
        for asset in drawn(view):
            content = await self._drawings.content(
                self._identity, asset, self._format, self._order.compression
            )
            sides = await self._drawings.formats.sides(content)
            became = {} if sides is None else {"size": size_text(sides)}
            yield self._picture("completed", content, usage=_NO_TOKENS, **became)

    def _is_due(self, sign: Sign, shown: int) -> bool:
        """Whether a preview is shown: they are spread over the time that the picture takes."""
        wanted = self._order.partial_images
        if sign.preview is None or shown >= wanted:
            return False
        progress = sign.progress
        if progress is None or not progress.steps or progress.step is None:
            return True
        return progress.step * (wanted + 1) >= progress.steps * (shown + 1)

    async def _partial(self, sign: Sign, shown: int) -> bytes | None:
        assert sign.preview is not None
        try:
            content = await self._drawings.formats.converted(sign.preview.data, self._format)
        except Unprocessable:
            # A preview is an extra: without it the picture still comes.
            return None
        return self._picture("partial_image", content, partial_image_index=shown)

    def _picture(self, what: str, content: bytes, **more: Any) -> bytes:
        name = f"{self._kind}.{what}"
        body = {
            "type": name,
            "b64_json": base64.b64encode(content).decode("ascii"),
            "created_at": self._now_ms() // 1000,
            "output_format": self._format,
            **self._order.facts(),
            **more,
        }
        return _event(name, body)


async def _next(signs: AsyncGenerator[Sign, None]) -> Sign | None:
    return await anext(signs, None)


def _event(name: str, data: dict[str, Any]) -> bytes:
    return b"event: " + name.encode() + b"\ndata: " + orjson.dumps(data) + b"\n\n"
