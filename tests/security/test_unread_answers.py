"""Whoever reads nothing of an answer, or comes from one address alone, keeps nobody else out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any, Final

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.http import httptools_impl

from boot.listeners import open_port
from studio.web import connections
from studio.web.patience import PatientStream
from tests.faults.harness import until
from tests.security import lines
from tests.security.lines import CLOSING, GET, KNOWN, QUIET_S, App, Port, opened
from tests.security.lines import port as port

LARGE: Final = 32 << 20
"""More than the system holds of what nobody reads."""


class OneModel(App):
    """Streams what a model writes, which writes for one at a time."""

    model = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["studio.identity"] = "somebody who is known"
        stream = PatientStream(
            self._written(), is_live=lambda: True, pause_s=QUIET_S / 4, unread_s=QUIET_S
        )
        await stream(scope, receive, send)

    async def _written(self) -> AsyncGenerator[dict[str, Any], None]:
        async with self.model:
            for _ in range(LARGE >> 16):
                yield {"text": "." * (1 << 16)}


@pytest.mark.parametrize("asked", [GET, GET * 3, CLOSING], ids=["one", "three", "closing"])
async def test_a_stranger_who_does_not_read_an_answer_is_let_go(
    port: Port, asked: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNREAD_S", QUIET_S)
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 2)
    port.app.filler = LARGE
    line = await port.line()
    line.stop_reading()
    line.send(asked)
    await port.empty()
    # What the system still holds of it is all that ever comes.
    line.go_on_reading()
    assert len(await line.rest()) < LARGE


async def test_who_is_known_may_stop_reading_for_as_long_as_they_like(
    port: Port, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "UNREAD_S", QUIET_S)
    port.app.filler = LARGE
    known = await port.line()
    known.stop_reading()
    known.send(KNOWN)
    stranger = await port.line()
    stranger.stop_reading()
    stranger.send(GET)
    await port.empty(but=1)
    known.go_on_reading()
    status, body = await known.answer()
    assert (status, len(body)) == (200, LARGE + 1)


async def test_a_stream_that_nobody_reads_any_more_keeps_no_model_from_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lines, "App", OneModel)
    with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener:
        async with opened(listener, editor=False) as port:
            idler, reader = await port.line(), await port.line()
            idler.stop_reading()
            idler.send(KNOWN)
            await until(OneModel.model.locked)
            reader.send(CLOSING)
            assert (await reader.rest()).endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
            await port.empty()


async def test_a_stranger_who_reads_in_the_end_gets_all_of_it(port: Port) -> None:
    port.app.filler = LARGE
    line = await port.line()
    line.stop_reading()
    line.send(GET)
    await asyncio.sleep(QUIET_S)
    line.go_on_reading()
    status, body = await line.answer()
    assert (status, len(body)) == (200, LARGE + 1)


async def test_one_address_has_a_part_of_the_places_and_a_proxy_all_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 8)
    ends = [("192.0.2.1", 2), ("192.0.2.2", 2), ("127.0.0.1", 4), ("::1", 4), ("10.1.2.3", 4)]
    for host, most in ends:
        monkeypatch.setattr(httptools_impl, "get_remote_addr", lambda _, host=host: (host, 1))
        with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener:
            async with opened(listener, editor=False, proxies=["10.0.0.0/8"]) as port:
                let_in = []
                for _ in range(4):
                    line = await port.line()
                    line.send(GET)
                    let_in.append((await line.answer())[0] == 200)
                assert let_in == [True] * most + [False] * (4 - most), host
