"""What a program says in OpenAI's words when it wants pictures, read and checked."""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import ClientDisconnect, Request

from studio.errors import InvalidRequest, Unprocessable
from studio.graphs.drawing_fields import Wish
from studio.services.drawing_models import Task
from studio.services.drawings import Commission
from studio.services.picture_formats import FORMATS, Format
from studio.web.caller import json_body
from studio.web.job_webhooks import job_webhook
from studio.web.multipart import FormReader, Part
from studio.web.v2_jobs_api import idempotency_key

MAX_PROMPT: Final = 20_000
MAX_N: Final = 10
MAX_PARTIAL: Final = 3
MAX_PICTURES: Final = 16
_MAX_SIDE: Final = 16_384
_MAX_NAME: Final = 100
_MAX_WORD: Final = 40
_MAX_SEED: Final = (1 << 64) - 1
_SIZE: Final = re.compile(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})")
_AUTO: Final = "auto"
_LINKS: Final = "dall-e-"
"""Models of OpenAI's that answer with addresses unless they are asked for bytes."""
_QUALITIES: Final = ("low", "medium", "high", "xhigh", "max")


@dataclass(frozen=True, slots=True)
class ImageOrder:
    """An order, and how it is to be answered."""

    commission: Commission
    with_bytes: bool
    format: Format | None
    compression: int | None
    stream: bool
    partial_images: int

    def facts(self) -> dict[str, Any]:
        """What events repeat of the order."""
        wish = self.commission.wish
        quality = wish.quality if wish.quality in _QUALITIES else _AUTO
        size = _AUTO if wish.size is None else size_text(wish.size)
        return {"background": _AUTO, "quality": quality, "size": size}


def size_text(sides: tuple[int, int]) -> str:
    """Width and height in OpenAI's words."""
    return f"{sides[0]}x{sides[1]}"


async def read_generation(request: Request) -> ImageOrder:
    """The order in a JSON body.

    Raises:
        InvalidRequest, Unprocessable: it is none; ``details["field"]`` says why.
    """
    return _order(request, "generate", await json_body(request), (), None)


async def read_edit(
    request: Request, keep: Callable[[Part, str], Awaitable[str]], kept: list[str]
) -> ImageOrder:
    """The order in a form, whose pictures are kept as they come.

    Args:
        keep: stores a picture under a name, and returns its id.
        kept: gets those ids: whoever refuses the order, here or later, deletes them.

    Raises:
        InvalidRequest, Unprocessable: it is none; ``details["field"]`` says why.
    """
    said: dict[str, Any] = {}
    images: list[str] = []
    events: list[str] = []
    mask: str | None = None
    reader = FormReader(request.stream(), request.headers.get("content-type"))
    try:
        async for part in reader.parts():
            if part.name in ("image", "image[]"):
                if len(images) == MAX_PICTURES:
                    raise _wrong("image", f"At most {MAX_PICTURES} pictures can be sent.")
                images.append(await keep(part, f"image-{len(images) + 1}"))
                kept.append(images[-1])
            elif part.name == "mask":
                mask = await keep(part, "mask")
                kept.append(mask)
            elif part.name in ("webhook_events", "webhook_events[]"):
                events.append(await part.text())
            else:
                said[part.name] = await part.text()
    except ClientDisconnect as error:
        raise InvalidRequest("The connection closed before the whole request came.") from error
    if not images:
        raise _wrong("image", "image is missing: the picture to change.")
    for name in ("n", "seed", "partial_images", "output_compression"):
        if said.get(name, "").isascii() and said.get(name, "").isdigit():
            said[name] = int(said[name][:24])
    if events:
        said["webhook_events"] = events
    if "stream" in said:
        said["stream"] = {"true": True, "false": False}.get(said["stream"].lower(), said["stream"])
    return _order(request, "edit", said, images, mask)


def _order(
    request: Request, task: Task, said: Mapping[str, Any], images: Any, mask: str | None
) -> ImageOrder:
    model = _text(said, "model", _MAX_NAME) or None
    prompt = _text(said, "prompt", MAX_PROMPT)
    if prompt is None or not prompt.strip():
        raise _wrong("prompt", "prompt must say what to draw.")
    wish = Wish(
        prompt=prompt,
        n=_number(said, "n", 1, MAX_N) or 1,
        negative=_text(said, "negative_prompt", MAX_PROMPT),
        size=_size(_text(said, "size", _MAX_WORD)),
        quality=_word(said, "quality"),
        seed=_number(said, "seed", 0, _MAX_SEED),
        images=tuple(images),
        mask=mask,
    )
    stream = said.get("stream") or False
    if not isinstance(stream, bool):
        raise _wrong("stream", "stream must be true or false.")
    answer = _choice(said, "response_format", ("url", "b64_json"))
    by_link = answer == "url" or (answer is None and (model or "").startswith(_LINKS))
    chosen = _choice(said, "output_format", FORMATS)
    return ImageOrder(
        commission=Commission(model, task, wish, idempotency_key(request), job_webhook(said)),
        with_bytes=stream or not by_link,
        format=next((each for each in FORMATS if each == chosen), None),
        compression=_number(said, "output_compression", 0, 100),
        stream=stream,
        partial_images=_number(said, "partial_images", 0, MAX_PARTIAL) or 0,
    )


def _size(text: str | None) -> tuple[int, int] | None:
    if text in (None, "", _AUTO):
        return None
    found = _SIZE.fullmatch(text)
    if found is None or max(int(found[1]), int(found[2])) > _MAX_SIDE:
        raise _wrong("size", f"size must be auto, or two sides up to {_MAX_SIDE}: 1024x1024.")
    return int(found[1]), int(found[2])


def _word(said: Mapping[str, Any], name: str) -> str | None:
    word = _text(said, name, _MAX_WORD)
    return None if word in (None, "", _AUTO) else word


def _choice(said: Mapping[str, Any], name: str, choices: tuple[str, ...]) -> str | None:
    word = _word(said, name)
    if word is not None and word not in choices:
        raise _wrong(name, f"{name} must be one of: {', '.join(choices)}.")
    return word


def _text(said: Mapping[str, Any], name: str, most: int) -> str | None:
    value = said.get(name)
    if value is not None and (not isinstance(value, str) or len(value) > most):
        raise _wrong(name, f"{name} must be text of at most {most} characters.")
    return value


def _number(said: Mapping[str, Any], name: str, low: int, high: int) -> int | None:
    value = said.get(name)
    if value is None:
        return None
    if isinstance(value, float) and math.isfinite(value) and value == int(value):
        value = int(value)
    if type(value) is not int or not low <= value <= high:
        raise _wrong(name, f"{name} must be a whole number from {low} to {high}.")
    return value


def _wrong(name: str, message: str) -> Unprocessable:
    return Unprocessable(message, details={"field": name})
