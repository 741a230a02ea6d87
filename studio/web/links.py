"""Addresses that Studio hands out: absolute, and for bytes signed and short-lived."""

from __future__ import annotations

import hmac
import re
from typing import Final
from urllib.parse import parse_qs

from itsdangerous import BadSignature, Signer
from itsdangerous.encoding import base64_encode
from starlette.requests import HTTPConnection

from studio.clock import Clock
from studio.errors import Unauthorized
from studio.models import OWNER_ID, Identity, Role, Scope
from studio.settings import DAY_MS

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
LINK_LIFETIME_MS: Final = 3_600_000
_ROUND_MS: Final = 300_000
ZIP_PATH: Final = "/api/library/zip/"


class Links:
    """Makes and checks links.

    Args:
        key: the installation's signing key.
        public_url: how people reach Studio from outside; ``None``: the request's own address.
    """

    def __init__(self, *, key: bytes, public_url: str | None, clock: Clock) -> None:
        self._signer = Signer(key, salt="asset content")
        # To make signatures; the signer would derive it anew for each output of each answer.
        self._derived = self._signer.derive_key()
        self._public_url = public_url
        self._clock = clock

    def base(self, request: HTTPConnection) -> str:
        """Scheme and authority of absolute links, no trailing slash."""
        if self._public_url is not None:
            return self._public_url
        host = request.headers.get("host", "")
        if not _HOST.fullmatch(host):
            host = "localhost"
        scheme = request.scope["scheme"].replace("ws", "http")
        return f"{scheme}://{host}"

    def content_url(self, request: HTTPConnection, asset_id: str) -> tuple[str, int]:
        """An absolute URL of the asset's bytes, and when it ends (milliseconds)."""
        ends_at = (self._clock.now_ms() + LINK_LIFETIME_MS) // _ROUND_MS * _ROUND_MS
        return self._signed(request, content_path(asset_id), asset_id, ends_at), ends_at

    def lasting_url(self, user_id: str, asset_id: str) -> str | None:
        """An absolute URL of the asset's bytes for a day, for where no request asks for it.

        ``None`` when nobody said how people reach Studio.
        """
        if self._public_url is None:
            return None
        ends_at = self._clock.now_ms() + DAY_MS
        query = self._query(asset_id, user_id, ends_at)
        return f"{self._public_url}{content_path(asset_id)}?{query}"

    def zip_url(self, request: HTTPConnection, selection_id: str, ends_at: int) -> str:
        """An absolute URL of a ZIP of chosen files, until ``ends_at`` (milliseconds)."""
        path = f"{ZIP_PATH}{selection_id}"
        return self._signed(request, path, zip_subject(selection_id), ends_at)

    def _signed(self, request: HTTPConnection, path: str, name: str, ends_at: int) -> str:
        user_id = request.scope["studio.identity"].user_id
        return f"{self.base(request)}{path}?{self._query(name, user_id, ends_at)}"

    def _query(self, name: str, user_id: str, ends_at: int) -> str:
        digest = hmac.digest(self._derived, f"{name}.{user_id}.{ends_at}".encode(), "sha1")
        signature = base64_encode(digest).decode()
        return f"user={user_id}&ends={ends_at}&signature={signature}"

    def identify(self, name: str, query: bytes) -> Identity:
        """The reader a signed link was made for, able to read assets and nothing else.

        Args:
            name: what the link leads to: an asset's id, or a ``zip_subject``.

        Raises:
            Unauthorized: not signed by us, for something else, or past its end.
        """
        values = parse_qs(query.decode("latin-1"))
        user_id = values.get("user", [""])[0]
        ends_at = values.get("ends", [""])[0]
        signature = values.get("signature", [""])[0]
        subject = f"{name}.{user_id}.{ends_at}"
        try:
            self._signer.unsign(f"{subject}{self._signer.sep.decode()}{signature}")
        except BadSignature:
            raise Unauthorized("This link is not valid.") from None
        if int(ends_at) <= self._clock.now_ms():
            raise Unauthorized("This link has expired; ask for a fresh one.")
        role = Role.OWNER if user_id == OWNER_ID else Role.MEMBER
        return Identity(user_id=user_id, role=role, scopes=frozenset({Scope.ASSETS}))


def zip_subject(selection_id: str) -> str:
    """What the link to a ZIP is signed for; never an asset's id."""
    return f"zip/{selection_id}"


def content_path(asset_id: str) -> str:
    """Where whoever may see an asset finds its bytes."""
    return f"/api/v2/assets/{asset_id}/content"


def thumbnail_paths(
    asset_id: str, blob_hash: str, content_type: str
) -> tuple[str, str] | tuple[None, None]:
    """Where a small and a large picture of an asset are, if there can be one.

    The address has a piece of the hash, so whoever keeps what it answers can keep it for ever.
    """
    main = content_type.partition("/")[0]
    kind = {"image": "thumbnail", "video": "poster"}.get(main)
    if kind is None:
        return None, None
    path = f"/api/assets/{asset_id}/{kind}"
    version = blob_hash.rpartition(":")[2][:12]
    return f"{path}?size=small&v={version}", f"{path}?size=large&v={version}"
