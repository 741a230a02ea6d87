"""Studio's own log for the owner: found by level, text, request, job or person; never a secret."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any, Final

from studio.logs import redaction
from studio.store.log_files import LogPage, LogQuery, StudioLog

MAX_ENTRIES: Final = 500
_LINES_AT_ONCE: Final = 2000


class LogSearch:
    """Reads the log on a thread.

    Args:
        secrets: every secret there is now, those that came after a line was written too.
    """

    def __init__(self, log: StudioLog, secrets: Callable[[], Awaitable[Sequence[str]]]) -> None:
        self._log = log
        self._secrets = secrets

    async def page(self, query: LogQuery, *, limit: int, before: str | None) -> LogPage:
        """The newest entries that the query finds."""
        hidden = await self._secrets()
        page = await asyncio.to_thread(self._log.page, query, limit=limit, before=before)
        return LogPage(tuple(_clean(entry, hidden) for entry in page.entries), page.older)

    async def lines(self, query: LogQuery) -> AsyncIterator[bytes]:
        """Everything that the query finds, oldest first, as lines of JSON."""
        hidden = await self._secrets()
        found = self._log.lines(query)

        def some() -> bytes:
            taken = [redaction.clean_all(line, hidden) for line in _taken(found)]
            return "".join(f"{line}\n" for line in taken).encode()

        while data := await asyncio.to_thread(some):
            yield data


def _taken(lines: Iterator[str]) -> Iterator[str]:
    for _ in range(_LINES_AT_ONCE):
        if (line := next(lines, None)) is None:
            return
        yield line


def _clean(entry: dict[str, Any], hidden: Sequence[str]) -> dict[str, Any]:
    return {
        key: redaction.clean_all(value, hidden) if isinstance(value, str) else value
        for key, value in entry.items()
    }
