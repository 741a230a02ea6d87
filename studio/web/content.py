"""Bytes of users over HTTP: never trusted, resumable, cached by their hash."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from studio.errors import BlobNotFound, RangeNotSatisfiable, StorageUnavailable
from studio.web.respond import error_response

CHUNK_BYTES: Final = 256 * 1024
CACHE_FOREVER: Final = "private, max-age=31536000, immutable"
_ONE_RANGE: Final = re.compile(
    r"\s*bytes\s*=\s*([0-9]{0,18})\s*-\s*([0-9]{0,18})\s*", re.IGNORECASE
)
_INLINE: Final = re.compile(
    r"(?:image/(?!svg)|audio/|video/|model/|text/(?:plain|csv|markdown|vtt)$|application/json$)"
)


class FileContent(Response):
    """One file, whole or one range of it, read in a thread and sent piece by piece.

    A request for many ranges gets the whole file, which HTTP allows; so no header can cost more
    than its own length. Build it with ``file_response``.
    """

    def __init__(
        self,
        path: Path,
        headers: dict[str, str],
        request_headers: Mapping[str, str],
        patches: Sequence[tuple[int, bytes]] = (),
    ) -> None:
        self._path = path
        self._patches = patches
        self._request_headers = request_headers
        super().__init__(None, headers=headers)
        # The length is known only once the file is open.
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        etag = self.headers["etag"]
        if _matches(self._request_headers.get("if-none-match"), etag):
            await self._send_empty(send, 304)
            return
        handle, size_bytes = await _open(self._path)
        try:
            start, stop = self._wanted_range(etag, size_bytes)
            partial = (start, stop) != (0, size_bytes) or self._is_ranged(etag)
            if partial:
                self.headers["content-range"] = f"bytes {start}-{stop - 1}/{size_bytes}"
            self.headers["content-length"] = str(stop - start)
            if scope["method"] == "HEAD":
                await self._send_empty(send, 206 if partial else 200)
                return
            await self._send_start(send, 206 if partial else 200)
            await _send_file(receive, send, handle, start, stop, self._patches)
        except RangeNotSatisfiable as error:
            refusal = error_response(error)
            refusal.headers["content-range"] = f"bytes */{size_bytes}"
            await refusal(scope, receive, send)
        finally:
            os.close(handle)

    def _is_ranged(self, etag: str) -> bool:
        """Whether the request has one range that is to be honoured."""
        if_range = self._request_headers.get("if-range")
        if if_range is not None and if_range.strip() != etag:
            return False
        match = _ONE_RANGE.fullmatch(self._request_headers.get("range") or "")
        if match is None or not (match[1] or match[2]):
            return False
        return not (match[1] and match[2]) or int(match[1]) <= int(match[2])

    def _wanted_range(self, etag: str, size_bytes: int) -> tuple[int, int]:
        """First byte and the one after the last.

        Raises:
            RangeNotSatisfiable: there are no such bytes.
        """
        if not self._is_ranged(etag):
            return 0, size_bytes
        match = _ONE_RANGE.fullmatch(self._request_headers["range"])
        assert match is not None
        if not match[1]:
            start, stop = size_bytes - min(int(match[2]), size_bytes), size_bytes
        else:
            start = int(match[1])
            stop = min(int(match[2]) + 1, size_bytes) if match[2] else size_bytes
        if start >= size_bytes:
            raise RangeNotSatisfiable("The file has no such range.")
        return start, stop

    async def _send_empty(self, send: Send, status: int) -> None:
        await self._send_start(send, status)
        await send({"type": "http.response.body", "body": b""})

    async def _send_start(self, send: Send, status: int) -> None:
        await send({"type": "http.response.start", "status": status, "headers": self.raw_headers})


def file_response(
    path: Path,
    *,
    content_type: str,
    file_name: str,
    etag: str,
    request_headers: Mapping[str, str],
    patches: Sequence[tuple[int, bytes]] = (),
) -> FileContent:
    """An answer with the bytes of a user at ``path``.

    Args:
        content_type: as it was sniffed. Anything a browser could run is only ever downloaded.
        file_name: the name for saving; its last part is used.
        etag: an identifier of these very bytes, without quotes.
        request_headers: ``Range``, ``If-Range`` and ``If-None-Match`` are honoured.
        patches: what is sent in the place of the file's own bytes, by where it stands.

    The answer raises BlobNotFound, before anything is sent, when the file is gone.
    """
    return FileContent(
        path,
        {
            "content-type": _with_charset(content_type),
            "content-disposition": _disposition(content_type, file_name),
            "etag": f'"{etag}"',
            "accept-ranges": "bytes",
            "cache-control": CACHE_FOREVER,
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",
        },
        request_headers,
        patches,
    )


async def _send_file(
    receive: Receive,
    send: Send,
    handle: int,
    start: int,
    stop: int,
    patches: Sequence[tuple[int, bytes]],
) -> None:
    """Send bytes ``start`` to ``stop``; a client that hangs up ends it.

    A server drops what is sent to a closed connection without a word, hence the second task.
    """
    gone = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        while start < stop and not gone.done():
            data = await asyncio.to_thread(os.pread, handle, min(CHUNK_BYTES, stop - start), start)
            if not data:
                raise StorageUnavailable("The file is shorter than it was.")
            data = _patched(data, start, patches)
            start += len(data)
            await send({"type": "http.response.body", "body": data, "more_body": start < stop})
        if stop == 0:
            await send({"type": "http.response.body", "body": b""})
    finally:
        gone.cancel()


def _patched(data: bytes, start: int, patches: Sequence[tuple[int, bytes]]) -> bytes:
    """A piece of the file with what stands in the place of its own bytes."""
    end = start + len(data)
    over = [(at, new) for at, new in patches if at < end and at + len(new) > start]
    if not over:
        return data
    changed = bytearray(data)
    for at, new in over:
        first, last = max(at, start), min(at + len(new), end)
        changed[first - start : last - start] = new[first - at : last - at]
    return bytes(changed)


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _open(path: Path) -> tuple[int, int]:
    """A file descriptor and the file's length in bytes."""
    opening = asyncio.get_running_loop().run_in_executor(None, _open_now, path)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_unused)
        raise


def _open_now(path: Path) -> tuple[int, int]:
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BlobNotFound("The bytes of this asset are missing on the server's disk.") from error
    except OSError as error:
        raise StorageUnavailable("The file cannot be read at the moment.") from error
    return handle, os.fstat(handle).st_size


def _close_unused(opening: asyncio.Future[tuple[int, int]]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        os.close(opening.result()[0])


def _matches(if_none_match: str | None, etag: str) -> bool:
    if if_none_match is None:
        return False
    tags = (tag.strip().removeprefix("W/") for tag in if_none_match.split(","))
    return if_none_match.strip() == "*" or etag in tags


def _with_charset(content_type: str) -> str:
    is_text = content_type.startswith("text/") and ";" not in content_type
    return f"{content_type}; charset=utf-8" if is_text else content_type


def _disposition(content_type: str, file_name: str) -> str:
    """RFC 6266: a plain name for old clients, the real one in UTF-8."""
    kind = "inline" if _INLINE.match(content_type.split(";")[0].strip()) else "attachment"
    name = PurePosixPath(file_name.replace("\\", "/")).name or "file"
    name = "".join(char if char.isprintable() else "_" for char in name)
    plain = "".join(char if " " <= char <= "~" and char not in '"\\%' else "_" for char in name)
    extended = quote(name.encode("utf-8", "replace"), safe="")
    return f"{kind}; filename=\"{plain}\"; filename*=UTF-8''{extended}"
