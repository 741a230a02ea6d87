"""What a language server's stream may be, cut anywhere on its way."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from studio.clients.language_server import LanguageServer
from studio.language_errors import LanguageServerDied

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
MIB = 1 << 20


@contextlib.asynccontextmanager
async def answering(
    pieces: Callable[[], Iterable[bytes]], sent: list[int]
) -> AsyncIterator[LanguageServer]:
    """Sends its pieces to whoever asks; ``sent`` has how long each was that could be sent."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(HEAD)
            for piece in pieces():
                writer.write(piece)
                await writer.drain()
                sent.append(len(piece))
                await asyncio.sleep(0)
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        client = LanguageServer(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        try:
            yield client
        finally:
            await client.close()


async def read(client: LanguageServer) -> list[dict[str, Any]]:
    return [chunk async for chunk in client.stream("chat/completions", {"messages": []})]


async def test_a_line_without_an_end_is_not_waited_for() -> None:
    sent: list[int] = []

    def endless() -> Iterable[bytes]:
        yield b"data: "
        yield from (b"x" * MIB for _ in range(128))

    async with answering(endless, sent) as client:
        with pytest.raises(LanguageServerDied, match="without an end"):
            await asyncio.wait_for(read(client), 60)
    # What was on its way when it hung up lay in the system's buffers.
    assert sum(sent) < 64 * MIB


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_lines_end_as_they_may_wherever_they_are_cut(end: bytes, step: int) -> None:
    # The letter between the words parts lines elsewhere, and is one of the text here.
    said = [b": hello", b"", 'data: {"a": "x\u2028ü"}'.encode(), b"", b'data:{"b": 1}', b""]
    whole = end.join([*said, b"data: [DONE]"])
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    async with answering(lambda: pieces, []) as client:
        assert await read(client) == [{"a": "x\u2028ü"}, {"b": 1}]


async def test_a_stream_that_breaks_off_is_not_a_whole_one() -> None:
    async with answering(lambda: [b'data: {"a": 1}\n\n'], []) as client:
        with pytest.raises(LanguageServerDied, match="ended before"):
            await read(client)
