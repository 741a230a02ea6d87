"""YAML text as plain data, with the line of everything in it.

The subset that manifests need: mappings, lists and scalars, read as YAML 1.2 reads them (``16:9``
and ``no`` are text). Anchors, aliases and tags are refused, so a small file cannot grow into a
large value, and depth and size are bounded. JSON is read by the same code.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import yaml

from studio.errors import InvalidManifest
from studio.graphs.problems import clip

Path = tuple[str | int, ...]

MAX_BYTES: Final = 256 * 1024
MAX_DEPTH: Final = 32
MAX_VALUES: Final = 50_000
_INT: Final = re.compile(r"[-+]?[0-9]{1,20}")
_LEAST_INT: Final = -(2**63)
_MOST_INT: Final = 2**64 - 1
"""Seeds have up to 64 bits; what is longer is no whole number in JSON."""
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]{1,3})?")
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data and, by path, the line (from 1) where each value begins."""

    data: Any
    lines: dict[Path, int] = field(default_factory=dict)

    def line(self, path: Path) -> int | None:
        """The line of a path, or of the nearest thing around it; ``None`` without a text."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path)


def read_document(text: str | bytes) -> Document:
    """The data in a YAML or JSON text.

    Raises:
        InvalidManifest: it is too large, not YAML, or uses what is not allowed; with its line.
    """
    size = len(text) if isinstance(text, bytes) else len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        raise _too_large()
    try:
        content = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("﻿")
    except UnicodeDecodeError as error:
        raise refusal(None, (), "A manifest must be UTF-8 text.") from error
    builder = _Builder()
    try:
        for event in yaml.parse(content, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise refusal(line, (), f"This is not valid YAML: {clip(error.problem, 120)}.") from error
    except yaml.YAMLError as error:
        message = "This is not valid YAML: it has characters that no text has."
        raise refusal(None, (), message) from error
    return Document(builder.root, builder.lines)


def plain_document(data: object) -> Document:
    """Plain data as a document, no deeper and no larger than a text may be.

    Raises:
        InvalidManifest: it is.
    """
    inside: list[tuple[Path, object]] = [((), data)]
    while inside:
        path, value = inside.pop()
        if len(path) > MAX_DEPTH:
            raise _too_deep(None, path)
        if isinstance(value, dict):
            inside += [((*path, key), each) for key, each in value.items()]
        elif isinstance(value, list):
            inside += [((*path, at), each) for at, each in enumerate(value)]
    try:
        size = len(orjson.dumps(data))
    except orjson.JSONEncodeError as error:
        # Data of a request has been JSON; a file's, or what was made of it, may be more than that.
        raise refusal(None, (), f"This cannot be kept: {clip(str(error), 120)}.") from error
    if size > MAX_BYTES:
        raise _too_large()
    return Document(data)


def _too_large() -> InvalidManifest:
    return refusal(None, (), f"A manifest has at most {MAX_BYTES // 1024} KiB.")


def _too_deep(line: int | None, path: Path) -> InvalidManifest:
    return refusal(line, path, f"Nothing may be nested deeper than {MAX_DEPTH} levels.")


def refusal(line: int | None, path: Path, message: str) -> InvalidManifest:
    """An ``InvalidManifest`` of one problem."""
    return refused([problem(line, path, message)])


def problem(line: int | None, path: Path, message: str) -> dict[str, Any]:
    """One entry of ``details["problems"]``."""
    return {"line": line, "path": shown_path(path), "message": message}


def refused(problems: list[dict[str, Any]]) -> InvalidManifest:
    """An ``InvalidManifest`` of several; its message tells the first."""
    first = problems[0]
    where = f"Line {first['line']}: " if first["line"] is not None else ""
    what = f"{first['path']}: " if first["path"] else ""
    more = f" And {len(problems) - 1} more problems." if len(problems) > 1 else ""
    return InvalidManifest(f"{where}{what}{first['message']}{more}", details={"problems": problems})


def shown_path(path: Path) -> str:
    """``inputs[2].targets[0].node``, of bounded length."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f"{'.' if text else ''}{clip(step, 60)}"
    return clip(text, 300)


@dataclass(slots=True)
class _Level:
    """A mapping or list that is being read."""

    value: Any
    path: Path
    key: str | None = None


class _Builder:
    """Makes data of events, with a stack of its own: no text can exhaust Python's."""

    def __init__(self) -> None:
        self.root: Any = None
        self.lines: dict[Path, int] = {}
        self._levels: list[_Level] = []
        self._documents = 0

    def take(self, event: Any) -> None:
        line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise refusal(line, (), "A manifest is one document.")
        elif isinstance(event, yaml.AliasEvent):
            raise refusal(line, self._path(), "Aliases (*name) are not allowed here.")
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            value: Any = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._check(event, line, implicit=event.implicit)
            path = self._place(value, line)
            self._levels.append(_Level(value, path))
            if len(self._levels) > MAX_DEPTH:
                raise _too_deep(line, path)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            self._levels.pop()
        elif isinstance(event, yaml.ScalarEvent):
            self._check(event, line, implicit=event.implicit[0] or event.implicit[1])
            self._take_scalar(event, line)

    def _take_scalar(self, event: Any, line: int) -> None:
        level = self._levels[-1] if self._levels else None
        if level is not None and isinstance(level.value, dict) and level.key is None:
            if event.value in level.value:
                message = f"The key “{clip(event.value, 60)}” is here twice."
                raise refusal(line, level.path, message)
            if event.value == "<<" and event.implicit[0]:
                raise refusal(line, level.path, "Merge keys (<<) are not allowed here.")
            level.key = event.value
            return
        value = _plain(event.value) if event.implicit[0] else event.value
        if isinstance(value, float) and not math.isfinite(value):
            raise refusal(line, self._path(), "This number is too large.")
        self._place(value, line)

    def _check(self, event: Any, line: int, *, implicit: bool) -> None:
        level = self._levels[-1] if self._levels else None
        is_key = level is not None and isinstance(level.value, dict) and level.key is None
        if is_key and not isinstance(event, yaml.ScalarEvent):
            raise refusal(line, self._path(), "A key must be text.")
        if event.anchor is not None:
            raise refusal(line, self._path(), "Anchors (&name) are not allowed here.")
        if event.tag is not None and not implicit:
            message = "Tags (!name) are not allowed here; write text that begins with ! in quotes."
            raise refusal(line, self._path(), message)
        if len(self.lines) >= MAX_VALUES:
            raise refusal(line, (), f"A manifest has at most {MAX_VALUES} values.")

    def _path(self) -> Path:
        if not self._levels:
            return ()
        level = self._levels[-1]
        if isinstance(level.value, list):
            return (*level.path, len(level.value))
        return level.path if level.key is None else (*level.path, level.key)

    def _place(self, value: Any, line: int) -> Path:
        path = self._path()
        self.lines[path] = line
        if not self._levels:
            self.root = value
            return path
        level = self._levels[-1]
        if isinstance(level.value, list):
            level.value.append(value)
        else:
            assert level.key is not None
            level.value[level.key] = value
            level.key = None
        return path


def _plain(text: str) -> Any:
    """A scalar without quotes, as YAML 1.2's core schema reads it."""
    if text.lower() in _WORDS and (text.islower() or not text or text == "~"):
        return _WORDS[text.lower()]
    if _INT.fullmatch(text) and _LEAST_INT <= int(text) <= _MOST_INT:
        return int(text)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text
