"""Asks what a server has under an address: through redirects, with the token of each host alone."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import quote, urljoin, urlsplit

from studio.clients.transfer.line import Answer, Line
from studio.clients.transfer.records import Busy, Cut, Found
from studio.errors import (
    NotAModel,
    SourceError,
    SourceGone,
    SourceRefused,
    StudioError,
)
from studio.net import Outbound, Place
from studio.remote import RemoteFile, Tokens

_MAX_REDIRECTS: Final = 10
_PLAIN: Final = "%/:=&?~#+!$,;'@()*[]"
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_AGAIN: Final = frozenset({408, 425, 500, 502, 504})
_GONE: Final = frozenset({404, 410, 451})
_MAX_RETRY_AFTER_S: Final = 7 * 86_400.0


class Caller:
    """Makes connections and requests for one file.

    Args:
        follow: told of each connection that is made, so that it can be watched.
    """

    def __init__(
        self,
        *,
        remote: RemoteFile,
        outbound: Outbound,
        tokens: Tokens,
        tls: ssl.SSLContext,
        wait_s: float,
        follow: Callable[[Line], None],
    ) -> None:
        self._remote = remote
        self._outbound = outbound
        self._tokens = tokens
        self._tls = tls
        self._wait_s = wait_s
        self._follow = follow

    def line(self, url: str) -> Line:
        """A connection for ``url``; its addresses are resolved once and judged.

        Raises:
            BlockedAddress, InvalidRequest, SourceUnreachable.
        """
        place: Place = self._outbound.place(url)
        made = Line(place, self._outbound, self._tls, wait_s=self._wait_s)
        self._follow(made)
        return made

    def get(self, line: Line, url: str, headers: Mapping[str, str]) -> Answer:
        """One request, with the token that belongs to exactly that host."""
        parts = urlsplit(self._tokens.address(self._remote, url))
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return line.get(target, {**headers, **self._tokens.headers(self._remote, url)})

    def find(self, url: str) -> tuple[Found, Line]:
        """What is under ``url``, asked for by its first byte; and the connection that said so.

        It may be closed: of a server that sends all of a file nobody reads on.

        Raises:
            StudioError: it cannot be had.
            Cut: it may be had another time.
        """
        for _ in range(_MAX_REDIRECTS):
            line = self.line(url)
            try:
                answer = self.get(line, url, {"Range": "bytes=0-0"})
                if answer.status in _REDIRECTS and (place := answer.header("location")):
                    url = _joined(url, place)
                    line.close()
                    continue
                found = self._found(url, answer)
                answer.close()
            except BaseException:
                line.close()
                raise
            return found, line
        raise SourceError("That address leads from one place to the next, without an end.")

    def _found(self, url: str, answer: Answer) -> Found:
        if answer.status not in (200, 206):
            raise self.refusal(answer)
        require_plain(answer)
        kind = (answer.header("content-type") or "").split(";")[0].strip().lower()
        if kind in ("text/html", "application/xhtml+xml"):
            raise NotAModel(
                "The server answered with a web page, not with a file. It may want somebody to log"
                " in there: set a token, or use the address of the download itself.",
                details=self._details(answer),
            )
        size = answer.length
        if answer.status == 206:
            stretch = content_range(answer)
            if stretch is None or stretch[0] != 0:
                # It speaks of ranges in a way of its own: only the whole can be had from it.
                return Found(url, None, None, None, ranges=False)
            size = stretch[2]
        if size == 0:
            raise NotAModel("The file there is empty.")
        etag = answer.header("etag")
        return Found(
            url,
            size,
            None if etag is None or not etag.startswith('"') else etag,
            _certain_date(answer),
            ranges=answer.status == 206,
        )

    def refusal(self, answer: Answer) -> StudioError | Cut:
        """What an answer that brings no bytes means."""
        status, page = answer.status, self._remote.page
        details = self._details(answer)
        if status == 401:
            return SourceRefused(
                "The server wants a token for this file: set the one of"
                f" {_owner(self._remote)} in the settings, or another one.",
                details=details,
            )
        if status == 403:
            where = f" at {page}" if page else " on its page"
            return SourceRefused(
                f"The server refuses this file: accept its licence{where}, with the account that"
                " the token belongs to.",
                details=details,
            )
        if status in _GONE:
            why = "for legal reasons" if status == 451 else "any more, or never was"
            return SourceGone(f"The file is not there {why}.", details=details)
        if status in (429, 503):
            return Busy("the server wants to be left alone", after_s=_retry_after(answer))
        if status in _AGAIN:
            return Cut(f"the server answered {status}")
        return SourceError(f"The server answered {status}.", details=details)

    def _details(self, answer: Answer) -> dict[str, object]:
        return {
            "status": answer.status,
            "host": urlsplit(self._remote.url).hostname,
            "page": self._remote.page,
            "token": self._remote.token,
        }


def require_plain(answer: Answer) -> None:
    """Refuse bytes that are not the file's own.

    Raises:
        SourceError: they are compressed although nobody asked for that.
    """
    if (answer.header("content-encoding") or "identity").strip().lower() != "identity":
        raise SourceError("The server sends this file compressed, whatever it is asked for.")


def content_range(answer: Answer) -> tuple[int, int, int | None] | None:
    """First and last byte of a stretch and the file's size; ``None`` when that makes no sense."""
    unit, _, rest = (answer.header("content-range") or "").strip().partition(" ")
    stretch, _, whole = rest.partition("/")
    first, _, last = stretch.partition("-")
    try:
        numbers = int(first), int(last), None if whole.strip() == "*" else int(whole)
    except ValueError:
        return None
    start, end, size = numbers
    is_sound = unit.lower() == "bytes" and 0 <= start <= end and (size is None or end < size)
    return numbers if is_sound else None


def _joined(url: str, place: str) -> str:
    try:
        # Many servers write such addresses with spaces or letters of their own in them.
        return urljoin(url, quote(place.encode("latin-1"), safe=_PLAIN))
    except ValueError:
        raise SourceError("The server leads to an address that cannot be read.") from None


def _certain_date(answer: Answer) -> str | None:
    """``Last-Modified``, when it is old enough that no other version can have the same."""
    text = answer.header("last-modified")
    try:
        changed = parsedate_to_datetime(text or "")
        now = parsedate_to_datetime(answer.header("date") or "")
        return text if (now - changed).total_seconds() >= 1 else None
    except (ValueError, TypeError):
        return None


def _retry_after(answer: Answer) -> float | None:
    text = (answer.header("retry-after") or "").strip()
    if text.isascii() and text.isdigit() and len(text) < 9:
        return min(float(text), _MAX_RETRY_AFTER_S)
    try:
        wait = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(wait, 0.0), _MAX_RETRY_AFTER_S)


def _owner(remote: RemoteFile) -> str:
    return {"huggingface": "Hugging Face", "civitai": "Civitai"}.get(
        remote.token or "", "that service"
    )
