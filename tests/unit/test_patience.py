"""Answers that take their time: when their heads go out, what comes meanwhile, how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from studio.errors import Unavailable
from studio.web.connections import DROP
from studio.web.patience import PatientAnswer, PatientStream

Message = dict[str, Any]


@dataclass
class Wire:
    """One request's two ends. ``after`` gets every message that was sent; what comes after
    ``reads`` of them waits to be read, until somebody drops the connection."""

    reads: int | None = None
    is_dropped: bool = False
    after: Callable[[Wire], None] = lambda _: None
    sent: list[Message] = field(default_factory=list)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)

    async def receive(self) -> Message:
        await self.hung_up.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        self.after(self)
        if len(self.sent) == self.reads:
            await asyncio.Event().wait()

    def drop(self) -> None:
        self.is_dropped = True

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)

    async def take(self, response: PatientAnswer | PatientStream) -> None:
        scope = {"type": "http", "path": "/v1/chat/completions", DROP: self.drop}
        async with asyncio.timeout(20):
            await response(scope, self.receive, self.send)


def always() -> bool:
    return True


async def test_an_answer_that_comes_at_once_is_an_ordinary_one() -> None:
    async def work() -> dict[str, Any]:
        return {"a": 1}

    wire = Wire()
    await wire.take(PatientAnswer(work(), is_live=always))
    assert (b"content-length", b"7") in wire.sent[0]["headers"]
    assert wire.body == b'{"a":1}'


async def test_an_answer_that_is_late_has_white_space_before_it() -> None:
    ready = asyncio.Event()

    async def work() -> dict[str, Any]:
        await ready.wait()
        return {"a": 1}

    wire = Wire(after=lambda wire: ready.set() if len(wire.sent) > 3 else None)
    await wire.take(PatientAnswer(work(), is_live=always, pause_s=0.01))
    assert wire.sent[0]["status"] == 200
    assert wire.body.startswith(b"   ")
    assert json.loads(wire.body) == {"a": 1}


async def test_a_refusal_in_time_keeps_its_status_and_a_late_one_is_in_the_body() -> None:
    ready = asyncio.Event()

    async def work() -> dict[str, Any]:
        await ready.wait()
        raise Unavailable("Not now.")

    wire = Wire(after=lambda _: ready.set())
    await wire.take(PatientAnswer(work(), is_live=always, pause_s=0.01))
    assert json.loads(wire.body)["error"]["code"] == "unavailable"
    with pytest.raises(Unavailable):
        await Wire().take(PatientAnswer(work(), is_live=always))


@pytest.mark.parametrize("way", ["hangs up", "is let in no longer"])
async def test_work_ends_with_its_caller(way: str) -> None:
    ended = asyncio.Event()

    async def work() -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return {}

    wire = Wire(after=lambda wire: wire.hung_up.set() if way == "hangs up" else None)
    asked = 0

    def is_live() -> bool:
        nonlocal asked
        asked += 1
        return way == "hangs up" or asked < 3

    await wire.take(PatientAnswer(work(), is_live=is_live, pause_s=0.01))
    assert ended.is_set()


class Writer:
    """Chunks, and whether they were closed."""

    def __init__(self) -> None:
        self.goes_on = asyncio.Event()
        self.is_closed = False

    async def chunks(self, error: Unavailable | None = None) -> AsyncGenerator[Message, None]:
        try:
            await self.goes_on.wait()
            yield {"n": 1}
            if error is not None:
                raise error
            yield {"n": 2}
        finally:
            self.is_closed = True


async def test_a_stream_says_that_it_lives_until_there_is_something() -> None:
    writer = Writer()
    wire = Wire(after=lambda wire: writer.goes_on.set() if len(wire.sent) > 2 else None)
    await wire.take(PatientStream(writer.chunks(), is_live=always, pause_s=0.01))
    frames = wire.body.split(b"\n\n")
    assert frames[0] == b": alive"
    assert [frame for frame in frames if frame != b": alive"] == [
        *(b'data: {"n":1}', b'data: {"n":2}', b"data: [DONE]", b"")
    ]
    assert wire.sent[-1] == {"type": "http.response.body", "body": b""}
    assert writer.is_closed


async def test_a_stream_that_breaks_off_says_so_in_its_last_frame() -> None:
    writer = Writer()
    writer.goes_on.set()
    wire = Wire()
    await wire.take(PatientStream(writer.chunks(Unavailable("Gone.")), is_live=always))
    first, last, end = wire.body.split(b"\n\n")
    assert first == b'data: {"n":1}' and end == b""
    assert json.loads(last.removeprefix(b"data: "))["error"]["message"] == "Gone."


async def test_a_stream_whose_reader_leaves_is_closed() -> None:
    writer = Writer()
    wire = Wire(after=lambda wire: wire.hung_up.set())
    await wire.take(PatientStream(writer.chunks(), is_live=always, pause_s=0.01))
    assert wire.sent[-1].get("more_body", True)
    # It had not begun; what never began holds nothing.
    begun = Writer()
    begun.goes_on.set()
    chunks = begun.chunks()
    await anext(chunks)
    await Wire(after=lambda wire: wire.hung_up.set()).take(PatientStream(chunks, is_live=always))
    assert begun.is_closed


@pytest.mark.parametrize("way", ["reads no more", "is let in no longer"])
async def test_a_stream_that_nobody_reads_is_dropped(way: str) -> None:
    writer = Writer()
    writer.goes_on.set()
    is_over = way == "reads no more"
    wire = Wire(reads=2)
    stream = PatientStream(
        writer.chunks(),
        is_live=lambda: is_over or len(wire.sent) < 2,
        pause_s=0.01,
        unread_s=0.05 if is_over else 60,
    )
    await wire.take(stream)
    assert wire.is_dropped and writer.is_closed


async def test_a_stream_that_is_read_is_not_dropped_however_long_it_takes() -> None:
    writer = Writer()
    wire = Wire(after=lambda wire: writer.goes_on.set() if len(wire.sent) > 9 else None)
    await wire.take(PatientStream(writer.chunks(), is_live=always, pause_s=0.01, unread_s=0.02))
    assert wire.body.endswith(b"data: [DONE]\n\n") and not wire.is_dropped
