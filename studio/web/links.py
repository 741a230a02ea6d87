"""Addresses that Studio hands out: absolute, and for bytes signed and short-lived."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import parse_qs

from itsdangerous import BadSignature, Signer
from starlette.requests import HTTPConnection

from studio.clock import Clock
from studio.errors import Unauthorized
from studio.models import OWNER_ID, Identity, Role, Scope

_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
LINK_LIFETIME_MS: Final = 3_600_000
_ROUND_MS: Final = 300_000


class Links:
    """Makes and checks links.

    Args:
        key: the installation's signing key.
        public_url: how people reach Studio from outside; ``None``: the request's own address.
    """

    def __init__(self, *, key: bytes, public_url: str | None, clock: Clock) -> None:
        self._signer = Signer(key, salt="asset content")
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
        user = request.scope["studio.identity"]
        subject = f"{asset_id}.{user.user_id}.{ends_at}"
        signature = self._signer.get_signature(subject).decode()
        path = f"/api/v2/assets/{asset_id}/content"
        query = f"user={user.user_id}&ends={ends_at}&signature={signature}"
        return f"{self.base(request)}{path}?{query}", ends_at

    def identify(self, asset_id: str, query: bytes) -> Identity:
        """The reader a signed link was made for, able to read assets and nothing else.

        Raises:
            Unauthorized: not signed by us, for another asset, or past its end.
        """
        values = parse_qs(query.decode("latin-1"))
        user_id = values.get("user", [""])[0]
        ends_at = values.get("ends", [""])[0]
        signature = values.get("signature", [""])[0]
        subject = f"{asset_id}.{user_id}.{ends_at}"
        try:
            self._signer.unsign(f"{subject}{self._signer.sep.decode()}{signature}")
        except BadSignature:
            raise Unauthorized("This link is not valid.") from None
        if int(ends_at) <= self._clock.now_ms():
            raise Unauthorized("This link has expired; ask for a fresh one.")
        role = Role.OWNER if user_id == OWNER_ID else Role.MEMBER
        return Identity(user_id=user_id, role=role, scopes=frozenset({Scope.ASSETS}))
