"""What people say about a preset or a saved prompt, checked before anything is stored."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import orjson

from studio.errors import InvalidPreset
from studio.graphs.problems import clip

MAX_NAME: Final = 100
MAX_DESCRIPTION: Final = 4_000
MAX_TAGS: Final = 20
MAX_TAG: Final = 40
MAX_RATING: Final = 5
MAX_TEXT: Final = 20_000
MAX_VALUES_BYTES: Final = 256 * 1024
MAX_VALUES: Final = 500
_MAX_ID: Final = 200


def known_fields(body: Mapping[str, Any], allowed: Collection[str]) -> None:
    """Refuse a body with a field that means nothing here.

    Raises:
        InvalidPreset: it names the field.
    """
    for name in body:
        if name not in allowed:
            raise wrong(clip(name, 60), "is no field of this.")


def name_of(body: Mapping[str, Any]) -> str:
    """A name of one line."""
    name = body.get("name")
    if not isinstance(name, str) or not name.strip() or not name.isprintable():
        raise wrong("name", "must be one line of text.")
    if len(name.strip()) > MAX_NAME:
        raise wrong("name", f"has at most {MAX_NAME} characters.")
    return name.strip()


def text_of(body: Mapping[str, Any], field: str, most: int, default: str | None = "") -> str:
    """A text; without a default it must be there and say something."""
    text = body.get(field, default)
    if not isinstance(text, str) or len(text) > most:
        raise wrong(field, f"must be text of at most {most} characters.")
    if default is None and not text.strip():
        raise wrong(field, "must not be empty.")
    return text


def tags_of(body: Mapping[str, Any]) -> tuple[str, ...]:
    """Tags, once each."""
    tags = body.get("tags", [])
    if (
        not isinstance(tags, list)
        or len(tags) > MAX_TAGS
        or not all(isinstance(tag, str) and tag.isprintable() for tag in tags)
        or not all(0 < len(tag.strip()) <= MAX_TAG for tag in tags)
    ):
        raise wrong("tags", f"must be at most {MAX_TAGS} words of up to {MAX_TAG} characters.")
    return tuple(dict.fromkeys(tag.strip() for tag in tags))


def flag_of(body: Mapping[str, Any], field: str) -> bool:
    value = body.get(field, False)
    if not isinstance(value, bool):
        raise wrong(field, "must be true or false.")
    return value


def rating_of(body: Mapping[str, Any]) -> int:
    rating = body.get("rating", 0)
    if type(rating) is not int or not 0 <= rating <= MAX_RATING:
        raise wrong("rating", f"must be a whole number from 0 to {MAX_RATING}.")
    return rating


def id_of(body: Mapping[str, Any], field: str) -> str | None:
    """The id of something, or ``None``."""
    value = body.get(field)
    if value is not None and (not isinstance(value, str) or not 0 < len(value) <= _MAX_ID):
        raise wrong(field, "must be an id.")
    return value


def version_of(body: Mapping[str, Any], field: str) -> int | None:
    version = body.get(field)
    if version is not None and (type(version) is not int or not 1 <= version < 1 << 31):
        raise wrong(field, "must be the number of a version, or null for the newest.")
    return version


def values_of(body: Mapping[str, Any], field: str = "values") -> dict[str, Any]:
    """Values by input, of a bounded size."""
    values = body.get(field, {})
    if not isinstance(values, dict) or len(values) > MAX_VALUES:
        raise wrong(field, f"must be an object with at most {MAX_VALUES} inputs.")
    try:
        size = len(orjson.dumps(values))
    except orjson.JSONEncodeError as error:
        raise wrong(field, "are nested too deeply, or hold a number that is too large.") from error
    if size > MAX_VALUES_BYTES:
        raise wrong(field, f"take {size:,} bytes; at most {MAX_VALUES_BYTES:,} are kept.")
    return values


def wrong(where: str, message: str) -> InvalidPreset:
    """A refusal that names the field."""
    return InvalidPreset(f"{where} {message}", details={"where": where})
