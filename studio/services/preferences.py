"""What people prefer: a few known things with defaults, kept for each user."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from studio.clock import Clock
from studio.errors import Unprocessable
from studio.models import Identity
from studio.store.preferences import PreferenceStore

MAX_SHORTCUTS: Final = 100
_ACTION: Final = re.compile(r"[a-z][a-z0-9._-]{0,63}")
_LANGUAGE: Final = re.compile(r"(?:[a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,3})?")

Check = Callable[[Any], bool]


def _text(most: int) -> Check:
    return lambda value: isinstance(value, str) and len(value) <= most


def _whole(least: int, most: int) -> Check:
    return lambda value: type(value) is int and least <= value <= most


def _number(least: float, most: float) -> Check:
    return lambda value: (
        isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
    )


def _one_of(*choices: str) -> Check:
    return lambda value: isinstance(value, str) and value in choices


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


def _boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _language(value: Any) -> bool:
    return isinstance(value, str) and _LANGUAGE.fullmatch(value) is not None


_FIELDS: Final[Mapping[str, Mapping[str, tuple[Any, Check]]]] = {
    "defaults": {
        "checkpoint": (None, _optional(_text(500))),
        "negative": ("", _text(10_000)),
        "width": (None, _optional(_whole(16, 16_384))),
        "height": (None, _optional(_whole(16, 16_384))),
        "steps": (None, _optional(_whole(1, 10_000))),
        "cfg": (None, _optional(_number(0, 100))),
        "count": (1, _whole(1, 100)),
    },
    "notifications": {"page": (True, _boolean), "browser": (False, _boolean)},
    "sound": {"on": (False, _boolean), "volume": (0.5, _number(0, 1))},
    "appearance": {"theme": ("system", _one_of("system", "light", "dark"))},
}
"""What is known of each preference that has parts, its defaults, and which values it takes."""


class PreferenceService:
    """Preferences by user."""

    def __init__(self, *, store: PreferenceStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def get(self, identity: Identity) -> dict[str, Any]:
        """Everything the caller prefers, with defaults where they said nothing."""
        stored = await self._store.get(identity.user_id)
        return _complete({} if stored is None else json.loads(stored))

    async def put(self, identity: Identity, wanted: Mapping[str, Any]) -> dict[str, Any]:
        """Replace what the caller prefers; what is not said is the default again.

        Raises:
            Unprocessable: an unknown name, or a value that makes no sense; the field is named.
        """
        for name, value in wanted.items():
            _check(name, value)
        await self._store.put(identity.user_id, json.dumps(wanted), self._clock.now_ms())
        return _complete(wanted)


def _complete(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Defaults under what was stored; what another release stored and is unknown is left out."""
    complete: dict[str, Any] = {
        name: {
            part: stored.get(name, {}).get(part, default) for part, (default, _) in parts.items()
        }
        for name, parts in _FIELDS.items()
    }
    return {
        **complete,
        "language": stored.get("language", ""),
        "shortcuts": stored.get("shortcuts", {}),
    }


def _check(name: str, value: Any) -> None:
    if name == "language":
        _require(_language(value), name, "must be a language tag such as 'de' or 'pt-BR', or empty")
    elif name == "shortcuts":
        _check_shortcuts(value)
    elif name in _FIELDS:
        _require(isinstance(value, dict), name, "must be an object")
        for part, inner in value.items():
            known = _FIELDS[name].get(part)
            field = f"{name}.{part[:100]}"
            _require(known is not None, field, "is not a preference")
            assert known is not None
            _require(known[1](inner), field, "does not take that value")
    else:
        known_names = ", ".join([*_FIELDS, "language", "shortcuts"])
        raise Unprocessable(f"Preferences are {known_names}.", details={"field": name[:100]})


def _check_shortcuts(value: Any) -> None:
    _require(isinstance(value, dict), "shortcuts", "must be an object")
    _require(len(value) <= MAX_SHORTCUTS, "shortcuts", f"has at most {MAX_SHORTCUTS} entries")
    keys = _text(40)
    for action, pressed in value.items():
        field = f"shortcuts.{action[:100]}"
        _require(_ACTION.fullmatch(action) is not None, field, "is not the name of an action")
        _require(keys(pressed), field, "must be keys in at most 40 characters")


def _require(holds: bool, field: str, problem: str) -> None:
    if not holds:
        raise Unprocessable(f"{field} {problem}.", details={"field": field})
