"""Log lines for people, with the request they belong to and without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, quote_plus

_SHORTEST: Final = 6
request_id: ContextVar[str] = ContextVar("request_id", default="-")
REQUESTS: Final = "studio.requests"
"""The logger of what people and programs change; it fills the file and not the console."""
job_id: ContextVar[str | None] = ContextVar("job_id", default=None)
user_id: ContextVar[str | None] = ContextVar("user_id", default=None)


class KeyInUse:
    """The name of the API key that a request came by; empty once it was answered.

    Work that goes on after that inherits this, and must not be laid at the key's door.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


key_in_use: ContextVar[KeyInUse | None] = ContextVar("key_in_use", default=None)


_NAMES: Final = (
    r"(?:token|secret|signature|credential|passw(?:or)?d|passphrase|(?:api|access|private)[_-]?key)"
)
_SHAPES: Final = re.compile(
    # What is named: in an address, a header, a variable, in JSON, on a command line.
    rf"(?P<named>{_NAMES}[\\\"']*\s*[:=]\s*[\\\"']*|--[a-z-]*{_NAMES} +|[?&](?:key|code|sig)="
    r"|\bauthorization[\\\"']*\s*[:=,]\s*b?[\\\"']*(?:[a-z]+ +)?|\bbearer +)"
    r"[^\s\\\"'&,;<>(){}\[\]]{6,}"
    r"|(?P<cookies>\bcookie[\\\"']*\s*[:=]\s*[\\\"']*)[^\r\n\\\"']{6,}"
    # Links that work once, and passwords in addresses.
    r"|(?P<place>#/(?:setup|join)/|//[^/\s:@]+:(?=[^\s\"'&@/]+@))[^\s\"'&@/]{6,}"
    # Keys of Studio, of the hubs and of others, signed tokens, tokens of bots.
    r"|\b(?:studio_[\w-]{30,}|(?:hf|r8|gh[opsru]|npm)_[a-z0-9]{20,}|github_pat_\w{20,}"
    r"|sk-[\w-]{20,}|glpat-[\w-]{20,}|xox[a-z]-[\w-]{20,}|AIza[\w-]{30,}|AKIA[0-9A-Z]{16}"
    r"|comfyui-[0-9a-f]{32,}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]+)"
    r"|(?<![0-9])[0-9]{6,12}:[\w-]{30,}",
    re.IGNORECASE,
)
"""What is a secret by its shape."""

_HINTS: Final = re.compile(
    r"token|secret|signature|credential|passw|passphrase|key|authorization|bearer|cookie|code=|sig="
    r"|#/|@|studio_|hf_|r8_|gh[opsru]_|npm_|github_pat_|sk-|glpat-|xox|akia|aiza|comfyui-[0-9a-f]{32}"
    r"|eyj|:[\w-]{30}"
)
"""What a line in small letters has if it has any of the shapes. Most have nothing of it, and this
finds that out in a twentieth of the time."""


def _by_shape(line: str) -> str:
    if _HINTS.search(line.lower()) is None:
        return line
    return _SHAPES.sub(
        lambda found: f"{found[found.lastgroup] if found.lastgroup else ''}***", line
    )


def _forms(secret: str) -> set[str]:
    """A secret as it may be written: as it is, in an address, in JSON."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    lower = {re.sub("%..", lambda code: code[0].lower(), text) for text in quoted}
    escaped = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, *quoted, *lower, *escaped, *(text.replace("/", "\\/") for text in escaped)}


def hidden_forms(secrets: Iterable[str]) -> tuple[str, ...]:
    """All forms of these, the longest first: one may be the beginning of another.

    Short ones are left alone, they would hide half the log.
    """
    forms = {form for secret in secrets if len(secret) >= _SHORTEST for form in _forms(secret)}
    return tuple(sorted(forms, key=len, reverse=True))


class Redaction:
    """Hides known secret values in finished lines, tracebacks included."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}
        self._hidden: tuple[str, ...] = ()

    def hide(self, name: str, secret: str | None) -> None:
        """Hide the secret of that name from now on, instead of the one before; ``None`` is none."""
        self._secrets.pop(name, None)
        if secret is not None:
            self._secrets[name] = secret
        # Threads clean meanwhile: they see the old ones or the new ones.
        self._hidden = hidden_forms(self._secrets.values())

    def clean(self, text: str) -> str:
        """``text`` with every secret replaced, however it is written."""
        return _without(text, self._hidden)

    def clean_all(self, text: str, further: Sequence[str] = ()) -> str:
        """The same for a text that others wrote and that leaves Studio: by shape, too.

        Args:
            further: more secrets to hide, in all their forms (``hidden_forms``).
        """
        text = _without(self.clean(text), further)
        return "\n".join(map(_by_shape, text.split("\n")))


def _without(text: str, hidden: Sequence[str]) -> str:
    for form in hidden:
        text = text.replace(form, "***")
    return text


redaction: Final = Redaction()
"""The one that every log line goes through."""


class _Formatter(logging.Formatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request)s] %(message)s")
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        record.request = request_id.get()
        return self._redaction.clean(super().format(record))


def as_record(record: logging.LogRecord) -> str:
    """One line of JSON for a record, without secrets: what it says, and whose it is."""
    content = {
        "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage(),
        "request": None if (request := request_id.get()) == "-" else request,
        "job": job_id.get(),
        "user": user_id.get(),
    }
    if record.exc_info:
        content["error"] = "".join(traceback.format_exception(*record.exc_info))
    clean = {
        key: redaction.clean_all(value) if isinstance(value, str) else value
        for key, value in content.items()
    }
    return json.dumps({key: value for key, value in clean.items() if value is not None})


def set_up(level: int = logging.INFO) -> None:
    """Send every log line to standard error, where bootstrap rotates it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(redaction))
    handler.addFilter(lambda record: record.name != REQUESTS)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in (
        *("uvicorn.access", "uvicorn.error", "httpx", "httpcore", "aiohttp.access"),
        # It calls each call of an agent a session, and tells of its beginning and its end.
        "mcp.server",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
