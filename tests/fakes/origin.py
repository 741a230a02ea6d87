"""A server of files that misbehaves as it is told, the same way each time."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from typing import Any

import pytest

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_LOOK_S = 0.02
OLD_DATE = formatdate(1_600_000_000, usegmt=True)


@dataclass
class Asked:
    """One request, as it came."""

    path: str
    headers: dict[str, str]

    @property
    def stretch(self) -> str | None:
        return self.headers.get("range")


@dataclass
class Served:
    """A file and how it is served.

    ``refusals`` are statuses with headers for the first requests, one each. ``cut_after`` ends each
    connection after that many bytes of a body. ``swaps`` are contents that take the place of the
    present one at the requests of those numbers.
    """

    content: bytes
    ranges: bool = True
    has_etag: bool = True
    weak_etag: bool = False
    has_date: bool = False
    honours_if_range: bool = True
    ignores_if_range: bool = False
    """Sends stretches of whatever the file is now, as if no condition had been named."""
    chunked: bool = False
    closes: bool = False
    """No length at all: the end of the connection is the end of the body."""
    cut_after: int | None = None
    holds_after: int | None = None
    """No byte of the file from there on leaves, until this is None again."""
    drip_s: float | None = None
    endless: bool = False
    length_off: int = 0
    stretch_off: int = 0
    stretch_size_off: int = 0
    encoding: str | None = None
    content_type: str = "application/octet-stream"
    redirect: str | None = None
    silent: bool = False
    """Takes the request and never answers."""
    refusals: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    refuse_if: Callable[[Asked], tuple[int, dict[str, str]] | None] = lambda _: None
    swaps: dict[int, bytes] = field(default_factory=dict)
    cut_plan: Callable[[], int | None] = lambda: None
    """After how many bytes this one body ends early."""
    asked: int = 0

    @property
    def etag(self) -> str:
        digest = hashlib.sha256(self.content).hexdigest()[:16]
        return f'W/"{digest}"' if self.weak_etag else f'"{digest}"'


class Origin:
    """Files by path; every request is recorded."""

    def __init__(self) -> None:
        self.files: dict[str, Served] = {}
        self.asked: list[Asked] = []
        self.sent = 0
        """Bytes of bodies that were sent."""
        self.port = 0
        self.began = datetime.now(UTC)
        """One before it may have had the same port."""
        self.open = 0
        self.most_open = 0

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def url(self, path: str) -> str:
        return f"{self.base}/{path}"

    def asked_for(self, download: dict[str, Any]) -> bool:
        """Whether a download of a Studio's list is one from here."""
        began = datetime.fromisoformat(download["created_at"])
        return began >= self.began and str(download["reference"]).startswith(self.base)

    def serve(self, path: str, content: bytes, **behaviour: object) -> Served:
        self.files[path] = Served(content, **behaviour)  # type: ignore[arg-type]
        return self.files[path]

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self.open -= 1
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        path = first.split(" ")[1].lstrip("/")
        headers = {
            name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)
        }
        asked = Asked(path, headers)
        self.asked.append(asked)
        file = self.files.get(path.split("?")[0])
        if file is None:
            await self._plain(writer, 404, {})
            return True
        file.asked += 1
        file.content = file.swaps.get(file.asked, file.content)
        if file.silent:
            await asyncio.Event().wait()
        refusal = file.refusals.pop(0) if file.refusals else file.refuse_if(asked)
        if refusal is not None:
            await self._plain(writer, *refusal)
            return True
        if file.redirect is not None:
            await self._plain(writer, 302, {"Location": file.redirect})
            return True
        return await self._file(writer, file, headers)

    async def _plain(
        self, writer: asyncio.StreamWriter, status: int, headers: dict[str, str]
    ) -> None:
        lines = [f"HTTP/1.1 {status} Said", "Content-Length: 0"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        await writer.drain()

    async def _file(
        self, writer: asyncio.StreamWriter, file: Served, asked: dict[str, str]
    ) -> bool:
        content, status, start = file.content, 200, 0
        headers = {"Content-Type": file.content_type, "Date": formatdate(usegmt=True)}
        if file.has_etag:
            headers["ETag"] = file.etag
        if file.has_date:
            headers["Last-Modified"] = OLD_DATE
        if file.encoding:
            headers["Content-Encoding"] = file.encoding
        wanted = _RANGE.fullmatch(asked.get("range", ""))
        if wanted and file.ranges and self._is_same(file, asked):
            start = int(wanted[1])
            end = min(int(wanted[2] or len(content) - 1), len(content) - 1)
            if start > end:
                await self._plain(writer, 416, {"Content-Range": f"bytes */{len(content)}"})
                return True
            status, body = 206, content[start : end + 1]
            first, last = start + file.stretch_off, end + file.stretch_off
            size = len(content) + file.stretch_size_off
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        else:
            body = content
        if file.chunked:
            headers["Transfer-Encoding"] = "chunked"
        elif not file.closes:
            headers["Content-Length"] = str(len(body) + file.length_off)
        if file.closes:
            headers["Connection"] = "close"
        lines = [f"HTTP/1.1 {status} Said", *(f"{name}: {text}" for name, text in headers.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        return await self._body(writer, file, body, start)

    def _is_same(self, file: Served, asked: dict[str, str]) -> bool:
        condition = None if file.ignores_if_range else asked.get("if-range")
        if condition is None or not file.honours_if_range:
            return condition is None or file.honours_if_range
        return condition == (file.etag if file.has_etag else OLD_DATE if file.has_date else None)

    async def _body(
        self, writer: asyncio.StreamWriter, file: Served, body: bytes, start: int
    ) -> bool:
        planned = file.cut_plan()
        ends = [cut for cut in (planned, file.cut_after) if cut is not None]
        end = min(ends) if ends else len(body)
        sent = 0
        while sent < min(len(body), end):
            if file.holds_after is not None and start + sent >= file.holds_after:
                await asyncio.sleep(_LOOK_S)
                continue
            step = 1 if file.drip_s is not None else 65_536
            piece = body[sent : min(sent + step, end)]
            writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if file.chunked else piece)
            await writer.drain()
            sent += len(piece)
            self.sent += len(piece)
            if file.drip_s is not None:
                await asyncio.sleep(file.drip_s)
        while file.endless:
            if file.drip_s is not None:
                await asyncio.sleep(file.drip_s)
            writer.write(b"10000\r\n%b\r\n" % bytes(65_536) if file.chunked else bytes(65_536))
            await writer.drain()
            self.sent += 65_536
        if end < len(body) or file.closes or file.length_off:
            return False
        if file.chunked:
            writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True


@contextlib.asynccontextmanager
async def running_origin(tls: ssl.SSLContext | None = None) -> AsyncIterator[Origin]:
    """An origin on a free port of loopback."""
    origin = Origin()
    server = await asyncio.start_server(origin.answer, "127.0.0.1", 0, ssl=tls)
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield origin
    finally:
        server.close()


@pytest.fixture
async def origin() -> AsyncIterator[Origin]:
    """A server of files on loopback."""
    async with running_origin() as running:
        yield running
