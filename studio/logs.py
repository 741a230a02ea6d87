"""Log lines for people, with the request they belong to and without secrets."""

from __future__ import annotations

import json
import logging
import re
import sys
import traceback
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final

_SHORTEST: Final = 6
request_id: ContextVar[str] = ContextVar("request_id", default="-")
REQUESTS: Final = "studio.requests"
"""The logger of what people and programs change; it fills the file and not the console."""
job_id: ContextVar[str | None] = ContextVar("job_id", default=None)
user_id: ContextVar[str | None] = ContextVar("user_id", default=None)


_TOKENS: Final = re.compile(
    r"(?P<before>#/(?:setup|join)/|[?&](?:code|token|sig|api_key)=|\b[Bb]earer +"
    r"|//[^/\s:@]+:(?=[^\s\"'&@/]+@))[^\s\"'&@/]{6,}"
    r"|\b(?:studio_[\w-]{30,}|hf_[A-Za-z0-9]{20,})|(?<![0-9])[0-9]{6,12}:[\w-]{30,}"
)
"""What is a secret by its shape: links that work once, keys, tokens of the hubs and of bots."""


class Redaction:
    """Hides known secret values in finished lines, tracebacks included."""

    def __init__(self) -> None:
        self._secrets: dict[str, str] = {}

    def hide(self, name: str, secret: str | None) -> None:
        """From now on hide the secret of that name, in place of the one before; ``None`` is none.

        Short ones are left alone, they would hide half the log.
        """
        self._secrets.pop(name, None)
        if secret is not None and len(secret) >= _SHORTEST:
            self._secrets[name] = secret

    def clean(self, text: str) -> str:
        """``text`` with every secret replaced."""
        for secret in self._secrets.values():
            text = text.replace(secret, "***")
        return text

    def clean_all(self, text: str, further: Iterable[str] = ()) -> str:
        """The same for a text that others wrote and that leaves Studio: by shape, too.

        Args:
            further: more secrets to hide.
        """
        for secret in further:
            if len(secret) >= _SHORTEST:
                text = text.replace(secret, "***")
        return _TOKENS.sub(lambda found: f"{found['before'] or ''}***", self.clean(text))


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
    for noisy in ("uvicorn.access", "uvicorn.error", "httpx", "httpcore", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
