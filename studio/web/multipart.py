"""``multipart/form-data`` read as it arrives: no part is ever held in memory or in a spool file."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from studio.errors import InvalidRequest, PayloadTooLarge

MAX_PARTS: Final = 64
MAX_HEADERS: Final = 8
MAX_HEADER_BYTES: Final = 8 * 1024
MAX_FIELD_BYTES: Final = 64 * 1024
MAX_IGNORED_BYTES: Final = 1024 * 1024

_Event = tuple[str, bytes]


class Part:
    """One part of a form. Read it, or move on and it is skipped.

    ``name`` is its field; ``file_name`` and ``content_type`` are what the client claims.
    """

    def __init__(self, reader: FormReader, headers: dict[str, str]) -> None:
        _, options = parse_options_header(headers.get("content-disposition"))
        self.name = _decode(options.get(b"name", b""))
        file_name = options.get(b"filename")
        self.file_name = None if file_name is None else _decode(file_name)
        self.content_type = headers.get("content-type")
        self._reader = reader

    async def chunks(self) -> AsyncIterator[bytes]:
        """The part's bytes as they arrive.

        Raises:
            InvalidRequest: the body ends or breaks inside the part.
        """
        while True:
            kind, data = await self._reader.next_event()
            if kind == "end":
                return
            yield data

    async def text(self) -> str:
        """A small part as text.

        Raises:
            InvalidRequest: it is longer than 64 KiB or not UTF-8.
        """
        value = bytearray()
        async for chunk in self.chunks():
            value += chunk
            if len(value) > MAX_FIELD_BYTES:
                raise InvalidRequest(f"The field {self.name[:50]!r} is too long.")
        return _decode(bytes(value))


class FormReader:
    """The parts of one body, in order.

    Args:
        stream: the body.
        content_type: the request's ``Content-Type``.

    Raises:
        InvalidRequest: the type is not ``multipart/form-data`` with a boundary.
    """

    def __init__(self, stream: AsyncIterator[bytes], content_type: str | None) -> None:
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary", b"")
        if kind != b"multipart/form-data" or not 0 < len(boundary) <= 200:
            raise InvalidRequest("The body must be multipart/form-data with a boundary.")
        self._stream = stream
        self._events: deque[_Event] = deque()
        self._headers: deque[dict[str, str]] = deque()
        self._new_headers: dict[str, str] = {}
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._ended = False
        self._in_part = False
        self._count = 0
        self._ignored_bytes = 0
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
            max_header_count=MAX_HEADERS,
            max_header_size=MAX_HEADER_BYTES,
        )

    async def parts(self) -> AsyncIterator[Part]:
        """Each part in turn; what the caller leaves unread of one is skipped.

        Raises:
            InvalidRequest: the body is broken, cut off, or has more than 64 parts.
            PayloadTooLarge: more than 1 MiB was skipped.
        """
        while True:
            while self._in_part:
                _, data = await self.next_event()
                self._ignored_bytes += len(data)
                if self._ignored_bytes > MAX_IGNORED_BYTES:
                    raise PayloadTooLarge("The form has too many bytes in unknown fields.")
            kind, _ = await self._next()
            if kind == "stop":
                return
            self._in_part = True
            yield Part(self, self._headers.popleft())

    async def next_event(self) -> _Event:
        """The next piece of the part that is open: ``data`` with bytes, or ``end``."""
        if not self._in_part:
            return "end", b""
        event = await self._next()
        if event[0] == "end":
            self._in_part = False
        return event

    async def _next(self) -> _Event:
        while not self._events:
            if self._ended:
                return "stop", b""
            chunk = await anext(self._stream, None)
            if chunk is None:
                raise InvalidRequest("The form is cut off: its last boundary is missing.")
            try:
                self._parser.write(chunk)
            except FormParserError as error:
                raise InvalidRequest("The form is malformed.") from error
        return self._events.popleft()

    def _on_part_begin(self) -> None:
        self._count += 1
        if self._count > MAX_PARTS:
            raise InvalidRequest(f"The form has more than {MAX_PARTS} parts.")
        self._new_headers = {}

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        name = self._header_name.decode("latin-1").lower()
        self._new_headers[name] = self._header_value.decode("latin-1")
        self._header_name.clear()
        self._header_value.clear()

    def _on_headers_finished(self) -> None:
        self._headers.append(self._new_headers)
        self._events.append(("begin", b""))

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(("data", data[start:end]))

    def _on_part_end(self) -> None:
        self._events.append(("end", b""))

    def _on_end(self) -> None:
        self._ended = True


def _decode(value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest("A field of the form is not UTF-8.") from error
