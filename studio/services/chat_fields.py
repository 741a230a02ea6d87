"""What people say about conversations and chat presets, checked before anything is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from studio.chat_errors import InvalidChat
from studio.graphs.problems import clip
from studio.store.chat_records import Manner

MAX_NAME: Final = 100
MAX_TITLE: Final = 200
MAX_DESCRIPTION: Final = 2_000
MAX_SYSTEM: Final = 20_000
MAX_TEXT: Final = 100_000
MAX_EXAMPLES: Final = 20
MAX_EXAMPLE: Final = 8_000
MAX_FILES: Final = 8
OPTIONS: Final[Mapping[str, tuple[float, float]]] = {
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, 131_072),
    "context": (512, 4_194_304),
}
"""What may be chosen, and its bounds."""
MANNER: Final = ("model", "system", "examples", "options", "tools")
_WHOLE: Final = ("max_tokens", "context")
_MAX_MODEL: Final = 200


def wrong(field: str, why: str) -> InvalidChat:
    """The refusal of one field."""
    return InvalidChat(f"{field} {why}", details={"field": field})


def known_fields(body: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Raises ``InvalidChat`` when a field means nothing here."""
    for name in body:
        if name not in allowed:
            raise wrong(clip(name, 60), "is no field of this.")


def text_of(body: Mapping[str, Any], field: str, most: int, *, least: int = 0) -> str:
    """A text, empty when it is not there and may be empty."""
    text = body.get(field, "")
    if not isinstance(text, str) or len(text) > most:
        raise wrong(field, f"must be text of at most {most} characters.")
    if len(text.strip()) < least:
        raise wrong(field, "must not be empty.")
    return text


def line_of(body: Mapping[str, Any], field: str, most: int) -> str:
    """A text of one line that says something."""
    text = " ".join(text_of(body, field, most * 4, least=1).split())
    if len(text) > most or not text.isprintable():
        raise wrong(field, f"must be one line of at most {most} characters.")
    return text


def flag_of(body: Mapping[str, Any], field: str) -> bool:
    """A yes or no; no when it is not there."""
    flag = body.get(field, False)
    if type(flag) is not bool:
        raise wrong(field, "must be true or false.")
    return flag


def id_of(body: Mapping[str, Any], field: str) -> str | None:
    """An id, or nothing."""
    given = body.get(field)
    if given is not None and (not isinstance(given, str) or not 0 < len(given) <= _MAX_MODEL):
        raise wrong(field, "must be an id, or null.")
    return given


def files_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """The assets of a message."""
    files = body.get("files", [])
    if not isinstance(files, list) or len(files) > MAX_FILES:
        raise wrong("files", f"must be a list of at most {MAX_FILES} assets.")
    return tuple(id_of({"files": each}, "files") or "" for each in files)


def manner_of(body: Mapping[str, Any], before: Manner) -> Manner:
    """A manner with what the body says of it."""
    changes: dict[str, Any] = {}
    if "model" in body:
        changes["model"] = id_of(body, "model")
    if "system" in body:
        changes["system"] = text_of(body, "system", MAX_SYSTEM)
    if "examples" in body:
        changes["examples"] = _examples(body["examples"])
    if "options" in body:
        changes["options"] = _options(body["options"])
    if "tools" in body:
        changes["tools"] = flag_of(body, "tools")
    return replace(before, **changes)


def _examples(given: object) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, list) or len(given) > MAX_EXAMPLES:
        raise wrong("examples", f"must be a list of at most {MAX_EXAMPLES}.")
    found = []
    for each in given:
        if not isinstance(each, dict) or each.keys() != {"user", "assistant"}:
            raise wrong("examples", "must be objects with user and assistant.")
        found.append(
            (
                text_of(each, "user", MAX_EXAMPLE, least=1),
                text_of(each, "assistant", MAX_EXAMPLE, least=1),
            )
        )
    return tuple(found)


def _options(given: object) -> dict[str, float]:
    if not isinstance(given, dict):
        raise wrong("options", "must be an object.")
    chosen: dict[str, float] = {}
    for name, value in given.items():
        if name not in OPTIONS:
            raise wrong(f"options.{clip(name, 60)}", "is no option.")
        if value is None:
            continue
        least, most = OPTIONS[name]
        fits = type(value) is int or (type(value) is float and name not in _WHOLE)
        if not fits or not least <= value <= most:
            kind = "a whole number" if name in _WHOLE else "a number"
            raise wrong(f"options.{name}", f"must be {kind} from {least} to {most}.")
        chosen[name] = value
    return chosen
