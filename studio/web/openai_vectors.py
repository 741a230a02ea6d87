"""Vectors as a program asked for them; what makes them may know numbers alone."""

from __future__ import annotations

import base64
import struct
from collections.abc import Mapping
from typing import Any, Final

BASE64: Final = "base64"
"""How OpenAI's clients ask unless they are told otherwise; the one for JavaScript then takes
whatever comes for that, and makes empty vectors of numbers."""


def encoded(answer: Mapping[str, Any], encoding: Any) -> Mapping[str, Any]:
    """``answer`` with its vectors in base64, where that is the encoding that was asked for."""
    data = answer.get("data")
    if encoding != BASE64 or not isinstance(data, list):
        return answer
    return {**answer, "data": [_encoded(item) for item in data]}


def _encoded(item: Any) -> Any:
    vector = item.get("embedding") if isinstance(item, dict) else None
    if not isinstance(vector, list):
        # It is in base64 already.
        return item
    try:
        numbers = struct.pack(f"<{len(vector)}f", *vector)
    except (struct.error, OverflowError):
        # A server elsewhere says something else; its reader will see what.
        return item
    return {**item, "embedding": base64.b64encode(numbers).decode("ascii")}
