"""Browsers that somebody logged in with before.

What such a browser keeps opens nothing. It only has attempts of its own, for one person's password,
so that strangers who use up everybody's do not keep that person out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from itsdangerous import BadSignature, Signer


class Devices:
    """Makes and knows what a browser keeps.

    Args:
        key: the installation's signing key.
    """

    def __init__(self, key: bytes) -> None:
        self._signer = Signer(key, salt="device")

    def remember(self, user_id: str) -> str:
        """What the browser that somebody has just logged in with shall keep."""
        return self._signer.sign(f"{user_id}.{secrets.token_urlsafe(16)}").decode()

    def known(self, values: Iterable[str], user_id: str) -> str | None:
        """The device among ``values`` that this person logged in with before."""
        for value in values:
            try:
                device = self._signer.unsign(value).decode()
            except BadSignature:
                continue
            # Another person's would let whoever may log in guess at everybody's password.
            if device.partition(".")[0] == user_id:
                return device
        return None
