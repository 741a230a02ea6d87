"""Names of people: what one may look like, and when two are the same."""

from __future__ import annotations

import unicodedata
from typing import Final

from studio.errors import NameTaken, Unprocessable
from studio.models import OWNER_ID

MAX_LENGTH: Final = 40
OWNER_KEY: Final = OWNER_ID
"""This name always means the owner, whatever else the owner is called."""


def key_of(name: str) -> str:
    """The form in which two spellings of a name are equal: width, case and outer space aside."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).strip()


def checked_name(name: str, user_id: str) -> str:
    """The name as it is kept.

    Raises:
        Unprocessable: it is empty, too long, or has characters that cannot be seen.
        NameTaken: it is the owner's, and ``user_id`` is somebody else.
    """
    clean = unicodedata.normalize("NFC", name).strip()
    if not 1 <= len(clean) <= MAX_LENGTH or not clean.isprintable() or not key_of(clean):
        raise Unprocessable(
            f"A name has 1 to {MAX_LENGTH} characters that can be printed.",
            details={"field": "name"},
        )
    if key_of(clean) == OWNER_KEY and user_id != OWNER_ID:
        raise NameTaken("That name means the owner. Choose another one.")
    return clean
