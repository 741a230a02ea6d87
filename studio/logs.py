"""Log lines for people, with the request they belong to and without secrets."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")


class Redaction:
    """Hides known secret values in finished lines, tracebacks included.

    Args:
        secrets: the values to hide; short ones are left alone, they would hide half the log.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets = [secret for secret in secrets if len(secret) >= 6]

    def clean(self, text: str) -> str:
        """``text`` with every secret replaced."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


class _Formatter(logging.Formatter):
    def __init__(self, redaction: Redaction) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(request)s] %(message)s")
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        record.request = request_id.get()
        return self._redaction.clean(super().format(record))


def set_up(secrets: Iterable[str], level: int = logging.INFO) -> None:
    """Send every log line to standard error, where bootstrap rotates it."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter(Redaction(secrets)))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("uvicorn.access", "uvicorn.error", "httpx", "httpcore", "aiohttp.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
