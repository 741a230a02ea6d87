"""Entries of catalogs: read from JSON of whatever origin, checked, and said what is wrong where."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import jsonschema
import orjson

from studio.errors import InvalidCatalog, InvalidRequest, StudioError
from studio.graphs.problems import clip
from studio.paths import safe_relative
from studio.store.model_roots import ALIASES, check_folder

FOLDER: Final = Path(__file__).resolve().parents[2] / "catalogs"
SCHEMA: Final = json.loads((FOLDER / "catalog.schema.json").read_text(encoding="utf-8"))
MAX_PROBLEMS: Final = 50
_VALIDATOR: Final = jsonschema.Draft202012Validator(SCHEMA)
_HUGGING_FACE: Final = re.compile(
    r"hf:[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}/[^\s@?#]+(?:@[\w./-]{1,200})?(?!\n)"
)
_CIVITAI: Final = re.compile(r"civitai:[0-9]{1,12}(?:/[0-9]{1,12})?(?!\n)")
_CREDENTIALS: Final = frozenset({"token", "key", "api_key", "apikey", "access_token", "auth"})


Judge = Callable[[str], object]
"""Raises ``StudioError`` for an address that nothing may be fetched from."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that can be had. ``family`` is an id of ``families.json`` where it is known there."""

    id: str
    name: str
    folder: str
    file: str
    reference: str
    family: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    license: str | None = None
    page: str | None = None
    gated: bool | None = None
    trigger_words: tuple[str, ...] = ()
    pair: Mapping[str, str] | None = None
    tags: tuple[str, ...] = ()

    def body(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            name: list(value) if isinstance(value, tuple) else value
            for name, value in asdict(self).items()
        }


_NEEDED: Final = ("name", "folder", "file", "reference")
_FIELDS: Final = tuple(each.name for each in fields(Entry))


@dataclass(frozen=True, slots=True)
class Document:
    """What one catalog file says. Its entries may be changes of shipped ones."""

    entries: tuple[dict[str, Any], ...] = ()
    removed: tuple[str, ...] = ()


def read_catalog(data: bytes | Mapping[str, Any], judge: Judge) -> Document:
    """A catalog file.

    Args:
        judge: refuses an address that nothing is fetched from.

    Raises:
        InvalidCatalog: what is wrong, and where.
    """
    try:
        content = orjson.loads(data) if isinstance(data, bytes) else data
    except orjson.JSONDecodeError as error:
        raise refusal([("", f"This is not valid JSON: {error}.")]) from error
    problems = [
        (_path(error.absolute_path), clip(error.message, 200))
        for error in _VALIDATOR.iter_errors(content)
    ]
    if problems:
        raise refusal(problems)
    entries = content["entries"]
    problems = [
        (f"entries[{number}].{where}", what)
        for number, entry in enumerate(entries)
        for where, what in _faults(entry, judge)
    ]
    ids: set[str] = set()
    for number, entry in enumerate(entries):
        if entry["id"] in ids:
            problems.append((f"entries[{number}].id", f"“{entry['id']}” is here twice."))
        ids.add(entry["id"])
    if problems:
        raise refusal(problems)
    return Document(tuple(entries), tuple(content.get("removed", ())))


def complete(entry: Mapping[str, Any]) -> Entry:
    """An entry with everything that one needs.

    Raises:
        InvalidCatalog: what is missing.
    """
    missing = [name for name in _NEEDED if not entry.get(name)]
    if missing:
        raise refusal(
            [(f"{entry['id']}.{name}", f"An entry of its own needs {name}.") for name in missing]
        )
    values = {name: entry[name] for name in _FIELDS if name in entry}
    # What lies in a folder of an older name is known by the newer one.
    values["folder"] = ALIASES.get(entry["folder"], entry["folder"])
    for name in ("trigger_words", "tags"):
        values[name] = tuple(values.get(name) or ())
    return Entry(**values)


def refusal(problems: Sequence[tuple[str, str]]) -> InvalidCatalog:
    """The error that says every problem; its message tells the first."""
    where, what = problems[0]
    more = f" And {len(problems) - 1} more problems." if len(problems) > 1 else ""
    return InvalidCatalog(
        f"{f'{where}: ' if where else ''}{what}{more}",
        details={
            "problems": [
                {"path": path, "message": message} for path, message in problems[:MAX_PROBLEMS]
            ]
        },
    )


def is_reference(text: str) -> bool:
    """Whether a text names a remote file, and carries no secret."""
    if _HUGGING_FACE.fullmatch(text):
        return ".." not in text.split("/")
    if _CIVITAI.fullmatch(text):
        return True
    try:
        parts = urlsplit(text)
        query = parse_qsl(parts.query)
        return (
            parts.scheme in ("https", "http")
            and bool(parts.hostname)
            and "@" not in parts.netloc
            and text.isprintable()
            and " " not in text
            and not any(name.lower() in _CREDENTIALS for name, _ in query)
        )
    except ValueError:
        return False


def _faults(entry: Mapping[str, Any], judge: Judge) -> Iterator[tuple[str, str]]:
    if "file" in entry:
        try:
            safe_relative(entry["file"])
        except InvalidRequest:
            yield "file", f"The name {clip(entry['file'], 60)!r} is not allowed."
    if "folder" in entry:
        try:
            check_folder(entry["folder"])
        except InvalidRequest as error:
            yield "folder", error.message
    if not _is_page(entry.get("page")):
        yield "page", "A page is https://… without credentials."
    reference = entry.get("reference")
    if reference is not None and not is_reference(reference):
        yield (
            "reference",
            "A reference is https://… without credentials, hf:owner/repo/path@revision or "
            "civitai:version.",
        )
    elif reference is not None and reference.startswith(("https:", "http:")):
        try:
            judge(reference)
        except StudioError as error:
            yield "reference", error.message


def _is_page(text: str | None) -> bool:
    return text is None or (text.startswith("https://") and is_reference(text))


def _path(parts: Sequence[str | int]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{clip(part, 60)}"
    return text
