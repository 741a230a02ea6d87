"""Random secrets that are shown once and kept as a hash."""

from __future__ import annotations

import hashlib
import secrets


def new_token() -> str:
    """256 random bits, safe in addresses, headers and cookies."""
    return secrets.token_urlsafe(32)


def digest(token: str) -> str:
    """What is kept of a token. It is random itself, so a fast hash without salt does."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
