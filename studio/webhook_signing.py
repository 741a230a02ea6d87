"""Signatures as Standard Webhooks has them: HMAC-SHA256 over id, time and body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

from studio.errors import Unprocessable

PREFIX: Final = "whsec_"
_NEW_BYTES: Final = 32
_LEAST_BYTES: Final = 24
_MOST_BYTES: Final = 64


def new_secret() -> str:
    """A secret to sign with, in the form that receivers' libraries take."""
    return PREFIX + base64.b64encode(secrets.token_bytes(_NEW_BYTES)).decode()


def checked_secret(text: str) -> str:
    """A secret that somebody chose.

    Raises:
        Unprocessable: it is none. The message does not hold it.
    """
    try:
        size = len(_key(text)) if text.startswith(PREFIX) else 0
    except (binascii.Error, ValueError):
        size = 0
    if not _LEAST_BYTES <= size <= _MOST_BYTES:
        raise Unprocessable(
            f"A webhook's secret is {PREFIX} and {_LEAST_BYTES} to {_MOST_BYTES} bytes in base64."
        )
    return text


def signatures(using: Sequence[str], message_id: str, at_s: int, body: bytes) -> str:
    """The value of ``webhook-signature``: one for each secret, spaces between them."""
    signed = b".".join((message_id.encode(), str(at_s).encode(), body))
    digests = (hmac.digest(_key(secret), signed, hashlib.sha256) for secret in using)
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _key(secret: str) -> bytes:
    return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
