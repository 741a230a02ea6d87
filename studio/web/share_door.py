"""Whoever opens a link: which one, whose visit, how often; and how its files go out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from studio.errors import NotFound
from studio.services.rates import Rate, RequestLimits
from studio.services.share_files import Handed
from studio.services.share_visits import ShareVisits
from studio.services.shares import ShareService
from studio.services.thumbnails import SIDES, Size, Thumbnails
from studio.services.tokens import digest
from studio.share_errors import ShareLocked
from studio.store.shares import Share
from studio.web.content import file_response
from studio.web.respond import json_response
from studio.web.share_cookie import ShareCookie

_CLEANABLE: Final = frozenset(
    {
        "image/png", "image/jpeg", "image/webp", "image/gif", "video/mp4", "video/quicktime",
        "video/webm", "video/x-matroska", "audio/flac",
    }
)  # fmt: skip
ALWAYS: Final = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow, noarchive"}
REQUESTS: Final = Rate(600)
"""How many requests one link answers in a minute, whoever they are from."""


@dataclass(frozen=True, slots=True)
class ShareDoor:
    """Lets visitors in, and hands files out."""

    shares: ShareService
    visits: ShareVisits
    thumbnails: Thumbnails
    cookie: ShareCookie
    limits: RequestLimits

    def visit_of(self, request: Request, share: Share) -> str | None:
        """Whose visit this is; ``None`` without one that counts."""
        return self.visits.visit_of(share, self.cookie.values(request))

    async def opened(self, token: str) -> Share:
        """The link, if it is not asked for too often by all who have it."""
        share = await self.shares.open(token)
        self.limits.take("share", share.id, REQUESTS)
        return share

    async def looked_at(self, request: Request, token: str) -> Share:
        """The link, where its password was given or there is none."""
        share = await self.opened(token)
        if share.password is not None and self.visit_of(request, share) is None:
            raise ShareLocked("This link has a password.")
        return share

    async def visited(self, request: Request, token: str) -> tuple[Share, str]:
        """The link and whose visit this is."""
        share = await self.opened(token)
        visit = self.visit_of(request, share)
        if visit is None:
            raise ShareLocked("Open the link first.")
        return share, visit

    async def picture_of(self, share: Share, handed: Handed, request: Request) -> Response:
        """A file itself, if it may go."""
        if handed.patches is None:
            raise NotFound("This file is not handed out.")
        sent = file_response(
            handed.path,
            content_type=handed.asset.content_type,
            file_name=handed.asset.file_path.rpartition("/")[2],
            etag=digest(f"{share.id} {share.with_recipe} {handed.asset.hash}"),
            request_headers=request.headers,
            patches=handed.patches,
        )
        sent.headers.update(ALWAYS)
        return sent

    async def small_of(self, share: Share, handed: Handed, request: Request) -> Response:
        """A small picture of a file."""
        size: Size = "large" if request.query_params.get("size") == "large" else "small"
        sent = file_response(
            await self.thumbnails.cover(handed.asset, size),
            content_type="image/webp",
            file_name="picture.webp",
            etag=digest(f"{share.id} {SIDES[size]} {handed.asset.hash}"),
            request_headers=request.headers,
        )
        sent.headers.update(ALWAYS)
        return sent


def answer(content: Any, status: int = 200) -> Response:
    """JSON that nobody keeps or finds."""
    return json_response(content, status, dict(ALWAYS))


def client_of(request: Request) -> str:
    """From where a visitor comes."""
    # The socket of the console has no address.
    return "console" if request.client is None else request.client.host


def is_handed(share: Share, content_type: str) -> bool:
    """Whether the bytes of a file go out, or only a small picture of it."""
    return share.with_recipe or content_type.partition(";")[0] in _CLEANABLE
