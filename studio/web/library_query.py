"""What the query of a library page asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from studio.errors import InvalidRequest
from studio.store.picture_list import SORTS, PictureFilter
from studio.web.caller import one_of
from studio.web.jobs_api import time_ms
from studio.web.v2_jobs_api import integer

MAX_PAGE: Final = 500
MAX_START: Final = 1 << 31
KINDS: Final = ("image", "video", "audio", "model3d", "text", "other")
_MAX_SEED: Final = (1 << 64) - 1
_MAX_TEXT: Final = 1000


def picture_filter(query: Mapping[str, str]) -> PictureFilter:
    """The filter that a query describes; whose files may be seen is not its business.

    Raises:
        InvalidRequest: a value is none of those that there are.
    """
    sort = one_of(query.get("sort"), "sort", SORTS, "newest")
    kind = one_of(query.get("kind"), "kind", KINDS, "")
    source = query.get("source", "")
    if source not in ("", "output", "upload"):
        raise InvalidRequest("source must be output or upload.")
    return PictureFilter(
        viewer="",
        user_id=query.get("user", "")[:_MAX_TEXT],
        uploads=source == "upload",
        trashed=_flag(query, "trashed"),
        text=query.get("q", "").strip()[:_MAX_TEXT],
        model=query.get("model", "")[:_MAX_TEXT],
        lora=query.get("lora", "")[:_MAX_TEXT],
        seed=integer(query.get("seed"), "seed", None, 0, _MAX_SEED),
        width=integer(query.get("width"), "width", None, 1, 1 << 31),
        height=integer(query.get("height"), "height", None, 1, 1 << 31),
        created_from=time_ms(query.get("from"), "from"),
        created_to=time_ms(query.get("to"), "to"),
        workflow_id=query.get("workflow", "")[:_MAX_TEXT],
        preset_id=query.get("preset", "")[:_MAX_TEXT],
        batch_id=query.get("batch", "")[:_MAX_TEXT],
        rating=integer(query.get("rating"), "rating", None, 0, 5),
        favourite=_flag(query, "favourite"),
        board=query.get("board", "")[:_MAX_TEXT],
        kind=kind,
        sort=sort,
        start=integer(query.get("start"), "start", 0, 0, MAX_START) or 0,
        limit=integer(query.get("limit"), "limit", 100, 1, MAX_PAGE) or 100,
    )


def _flag(query: Mapping[str, str], name: str) -> bool:
    value = query.get(name, "")
    if value not in ("", "0", "1"):
        raise InvalidRequest(f"{name} must be 0 or 1.")
    return value == "1"
