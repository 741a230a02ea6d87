"""Passwords: hashed with scrypt, one at a time, beside the event loop.

One hash takes 128 MiB and a quarter of a second on purpose, so two never run together. The others
wait in a line, which has an end.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import hmac
import secrets
import unicodedata
from collections.abc import AsyncIterator
from typing import Final

from studio.errors import TooManyLogins, Unprocessable

MIN_LENGTH: Final = 8
MAX_LENGTH: Final = 256
MAX_WAITING: Final = 64
"""How many strangers may wait; the last of them does for about as long as somebody is patient."""
KNOWN_WAITING: Final = 16
"""Places beyond those for whoever shows that Studio knows them."""
_FULL_S: Final = 20
"""About what all that may wait take."""

_LOG_N: Final = 17
_R: Final = 8
_P: Final = 1
_KEY_BYTES: Final = 32


def check_password(password: str) -> None:
    """Refuse a new password that is too short or too long; there is no other rule.

    Raises:
        Unprocessable: the message says which lengths are good.
    """
    if not MIN_LENGTH <= len(password) <= MAX_LENGTH:
        raise Unprocessable(
            f"A password has {MIN_LENGTH} to {MAX_LENGTH} characters. A few words are a good one.",
            details={"field": "password"},
        )


class Passwords:
    """Makes and checks hashes.

    Args:
        log_n: how dear a new hash is, as a power of two; old ones keep what they were made with.
    """

    def __init__(self, *, log_n: int = _LOG_N) -> None:
        self._log_n = log_n
        self._turn = asyncio.Semaphore(1)
        self._inside = 0
        # Nobody's password: checked for unknown names, so that they take as long as known ones.
        self._nobodys = _record(log_n, secrets.token_bytes(16), secrets.token_bytes(_KEY_BYTES))

    async def hash(self, password: str) -> str:
        """What is kept of a password: ``scrypt$log_n$r$p$salt$key``.

        Nobody chooses a password before they have shown a link, a key or a session.

        Raises:
            TooManyLogins: too many wait for their turn already.
        """
        salt = secrets.token_bytes(16)
        async with self._place(known=True):
            key = await _derive(password, salt, self._log_n, _R, _P)
        return _record(self._log_n, salt, key)

    async def verify(self, password: str, record: str | None, *, known: bool) -> bool:
        """Whether ``record`` was made of this password; without a record the answer is no.

        Args:
            known: whether the caller has shown that Studio knows them.

        Raises:
            TooManyLogins: too many wait for their turn already.
        """
        _, log_n, r, p, salt, key = (record or self._nobodys).split("$")
        async with self._place(known=known):
            derived = await _derive(password, _decode(salt), int(log_n), int(r), int(p))
        return hmac.compare_digest(derived, _decode(key)) and record is not None

    @contextlib.asynccontextmanager
    async def _place(self, *, known: bool) -> AsyncIterator[None]:
        """A place in the line; the block is the turn."""
        if self._inside > MAX_WAITING + (KNOWN_WAITING if known else 0):
            raise TooManyLogins(
                f"Many people log in at this moment. Try again in {_FULL_S} seconds.",
                retry_after_s=_FULL_S,
            )
        self._inside += 1
        try:
            async with self._turn:
                yield
        finally:
            self._inside -= 1


async def _derive(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    # Keyboards write the same letter in several ways.
    secret = unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")
    return await asyncio.to_thread(
        hashlib.scrypt,
        secret,
        salt=salt,
        n=1 << log_n,
        r=r,
        p=p,
        maxmem=2 * 128 * r * (1 << log_n),
        dklen=_KEY_BYTES,
    )


def _record(log_n: int, salt: bytes, key: bytes) -> str:
    return f"scrypt${log_n}${_R}${_P}${_encode(salt)}${_encode(key)}"


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _decode(text: str) -> bytes:
    return base64.b64decode(text)
