"""A client of /api/ws as a stranger would write it from docs/api.md."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

WAIT_S = 30.0
Message = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """A preview: what its head says, and the picture."""

    head: Message
    picture: bytes


@dataclass
class LiveClient:
    """One connection. ``last`` is the number to resume with, ``run`` whose numbers those are."""

    connection: ClientConnection
    run: str = ""
    last: int = 0
    messages: list[Message] = field(default_factory=list)
    previews: list[Shown] = field(default_factory=list)

    async def read(self, timeout_s: float = WAIT_S) -> Message | Shown:
        """The next frame.

        Raises:
            ConnectionClosed, TimeoutError.
        """
        frame = await asyncio.wait_for(self.connection.recv(), timeout_s)
        if isinstance(frame, bytes):
            (length,) = struct.unpack(">I", frame[:4])
            shown = Shown(json.loads(frame[4 : 4 + length]), frame[4 + length :])
            self.previews.append(shown)
            return shown
        message: Message = json.loads(frame)
        self.messages.append(message)
        if message["type"] == "hello":
            self.run, self.last = message["run"], message["last"]
        elif "n" in message:
            self.last = message["n"]
        return message

    async def until(self, wanted: Callable[[Message], bool], timeout_s: float = WAIT_S) -> Message:
        """Read until a message is as wanted, and return it."""
        async with asyncio.timeout(timeout_s):
            while True:
                message = await self.read()
                if isinstance(message, dict) and wanted(message):
                    return message

    async def until_it_stands(
        self, topic: str, wanted: Callable[[Any], bool], timeout_s: float = WAIT_S
    ) -> None:
        """Read until what was told last of a topic is as wanted, whenever that was."""
        async with asyncio.timeout(timeout_s):
            while True:
                told = [one["data"] for one in self.messages if one.get("topic") == topic]
                if told and wanted(told[-1]):
                    return
                await self.read()

    async def say(self, **message: Any) -> None:
        await self.connection.send(json.dumps(message))

    async def subscribe(self, *topics: str, after: int | None = None) -> None:
        """Ask for topics: with snapshots, or from a number on."""
        resume = {} if after is None else {"after": after}
        await self.say(type="subscribe", topics=list(topics), **resume)

    async def snapshot(self, topic: str) -> Any:
        """Subscribe to one topic and return how it stands."""
        await self.subscribe(topic)
        found = await self.until(
            lambda message: message["type"] == "snapshot" and message["topic"] == topic
        )
        return found["data"]

    async def barrier(self) -> None:
        """Wait for the answer to a ping: whatever was to be sent before it has come."""
        await self.say(type="ping")
        await self.until(lambda message: message["type"] == "pong")


@contextlib.asynccontextmanager
async def listen(
    url: str, key: str | None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[LiveClient]:
    """Connect to the Studio at ``url`` and read its greeting."""
    own = {} if key is None else {"Authorization": f"Bearer {key}"}
    address = url.replace("http", "ws", 1) + "/api/ws"
    async with connect(
        address,
        additional_headers={**own, **(headers or {})},
        max_size=32 << 20,
        open_timeout=WAIT_S,
    ) as connection:
        client = LiveClient(connection)
        await client.read()
        yield client


def is_change(job_id: str, status: str) -> Callable[[Message], bool]:
    """Whether a message tells that a job is in that status now."""

    def wanted(message: Message) -> bool:
        return (
            (message["type"], message.get("topic"), message.get("event"))
            == ("event", "jobs", "changed")
            and message["data"]["id"] == job_id
            and message["data"]["status"] == status
        )

    return wanted
