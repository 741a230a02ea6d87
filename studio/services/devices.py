"""Browsers that somebody logged in with before.

What such a browser keeps opens nothing. It only has attempts of its own, for one person's password,
so that strangers who use up everybody's do not keep that person out. It is worth nothing once that
password was changed, as whoever else knew the old one may have it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from itsdangerous import BadSignature, Signer

from studio.services.tokens import digest
from studio.store.users import User


class Devices:
    """Makes and knows what a browser keeps.

    Args:
        key: the installation's signing key.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key

    def remember(self, user: User) -> str:
        """What the browser that somebody has just logged in with shall keep."""
        return self._signer(user).sign(f"{user.id}.{secrets.token_urlsafe(16)}").decode()

    def known(self, values: Iterable[str], user: User) -> str | None:
        """The device among ``values`` that knew this person's present password."""
        signer = self._signer(user)
        for value in values:
            try:
                device = signer.unsign(value).decode()
            except BadSignature:
                continue
            # Another person's would let whoever may log in guess at everybody's password.
            if device.partition(".")[0] == user.id:
                return device
        return None

    def _signer(self, user: User) -> Signer:
        # The record of a password is made with fresh salt: every change has another signature.
        return Signer(self._key, salt=f"device {digest(user.password or '')}")
