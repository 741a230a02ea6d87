"""``/api/ws``: one WebSocket per open page; docs/api.md describes what is said on it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any, Final

import orjson
from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect

from studio.clock import iso_or_none
from studio.errors import InvalidRequest, StudioError, TooManyStreams, Unauthorized
from studio.models import TERMINAL_STATUSES, Identity, Scope
from studio.services.activity import entry_body
from studio.services.auth import require
from studio.services.feed import Ending, Feed, Reader
from studio.services.history import HistoryService
from studio.services.job_news import MAX_FINISHED
from studio.services.live import Live
from studio.services.news import Frame, Topic
from studio.settings import Settings
from studio.store.job_list import JobFilter
from studio.web.links import Links
from studio.web.live_bodies import LiveBodies, pictures, preview_frame, text
from studio.web.pace import Pace
from studio.web.respond import error_body
from studio.web.sockets import ready_message

SEND_S: Final = 20.0
"""A client that does not receive one message for this long is let go."""
CLOSE_S: Final = 2.0
MAX_COMMAND: Final = 16 << 10
MAX_COMMANDS: Final = 20
"""Of one client, in ``COMMANDS_S``; more of them wait."""
COMMANDS_S: Final = 1.0
MAX_ENTRIES: Final = 50
"""Of the activity, in its snapshot."""
TOO_MANY: Final = 1013
CLOSE_CODES: Final = {Ending.SESSION: 4401, Ending.SLOW: 4408, Ending.STOPPING: 1012}
_CLOSE_REASONS: Final = {
    Ending.SESSION: "The session has ended.",
    Ending.SLOW: "Too far behind: connect again.",
    Ending.STOPPING: "Studio is stopping.",
}

_SCOPES: Final = {
    Topic.JOBS: Scope.JOBS,
    Topic.QUEUE: Scope.JOBS,
    Topic.PREVIEWS: Scope.JOBS,
    Topic.CHATS: Scope.JOBS,
    Topic.DOWNLOADS: Scope.GRAPHS_RUN,
    Topic.ENGINES: Scope.ADMIN,
    Topic.MACHINE: Scope.ADMIN,
    Topic.LOGS: Scope.ADMIN,
}


def ws_routes(
    *,
    live: Live,
    history: HistoryService,
    links: Links,
    settings: Settings,
    session_end: Callable[[Identity], int | None] = lambda _: None,
) -> APIRouter:
    """The live WebSocket.

    Args:
        session_end: when a caller's session ends, in milliseconds since the epoch.
    """
    router = APIRouter(tags=["System"])
    feed = live.feed

    @router.websocket("/api/ws")
    async def follow(websocket: WebSocket) -> None:
        identity: Identity | None = websocket.scope.get("studio.identity")
        if identity is None:
            raise Unauthorized("Log in, or send an API key.")
        await websocket.accept()
        bodies = LiveBodies(identity=identity, connection=websocket, links=links)
        reader = Reader(identity, kind=bodies.kind, render=bodies.frame)
        try:
            feed.enter(reader, per_user=settings.max_live_clients)
        except TooManyStreams as full:
            await websocket.close(TOO_MANY, full.message)
            return
        try:
            reader.push(_hello(feed, session_end(identity)))
            conversation = _Conversation(reader, bodies, live, history)
            await _converse(websocket, reader, conversation)
        finally:
            feed.leave(reader)
        if reader.ending is not None:
            with contextlib.suppress(WebSocketDisconnect, RuntimeError, TimeoutError):
                # One that does not read will not read this either: the connection is then cut.
                async with asyncio.timeout(CLOSE_S):
                    await websocket.close(CLOSE_CODES[reader.ending], _CLOSE_REASONS[reader.ending])

    return router


async def _converse(websocket: WebSocket, reader: Reader, conversation: _Conversation) -> None:
    """Until the client hangs up or is to be let go."""
    tasks = [
        asyncio.create_task(_tell(websocket, reader)),
        asyncio.create_task(_hear(websocket, reader, conversation)),
        asyncio.create_task(reader.ended.wait()),
    ]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, Exception) and not isinstance(result, WebSocketDisconnect):
            raise result


async def _tell(websocket: WebSocket, reader: Reader) -> None:
    """Send what waits. It is taken at once while 64 KiB of buffer have room, else this waits."""
    while True:
        batch = await reader.next()
        try:
            async with asyncio.timeout(SEND_S):
                await websocket.send(ready_message(batch))
        except TimeoutError:
            reader.end(Ending.SLOW)
            return


async def _hear(websocket: WebSocket, reader: Reader, conversation: _Conversation) -> None:
    """Take in one command after another, each when the answer to the one before is on its way."""
    pace = Pace(MAX_COMMANDS, every_s=COMMANDS_S)
    while True:
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return
        await asyncio.sleep(pace.turn(asyncio.get_running_loop().time()))
        await reader.drained()
        await conversation.answer(message.get("text") or message.get("bytes") or "")


class _Conversation:
    """Answers what one client says, in the order it says it."""

    def __init__(
        self, reader: Reader, bodies: LiveBodies, live: Live, history: HistoryService
    ) -> None:
        self._reader = reader
        self._bodies = bodies
        self._feed = live.feed
        self._jobs = live.jobs
        self._system = live.system
        self._machine = live.machine
        self._activity = live.activity
        self._downloads = live.downloads
        self._history = history

    async def answer(self, said: str | bytes) -> None:
        """Do what the client asks; a refusal is told and ends nothing."""
        try:
            message = _parsed(said)
            match message.get("type"):
                case "subscribe":
                    await self._subscribe(_topics(message), _number(message.get("after")))
                case "unsubscribe":
                    self._reader.topics -= _topics(message)
                case "ping":
                    self._reader.push(text({"type": "pong"}))
                case _:
                    raise InvalidRequest("type must be subscribe, unsubscribe or ping.")
        except StudioError as error:
            self._reader.push(text({"type": "error", **error_body(error)}))

    async def _subscribe(self, topics: set[Topic], after: int | None) -> None:
        for topic in sorted(topics):
            if topic in _SCOPES:
                require(self._reader.identity, _SCOPES[topic])
        if after is None or not self._feed.resume(self._reader, topics, after):
            for topic in sorted(topics):
                await self._reader.drained()
                await self._begin(topic)
        if Topic.PREVIEWS in topics:
            for shown in self._jobs.previews(self._reader.identity):
                self._reader.show(shown.job_id, preview_frame(shown))

    async def _begin(self, topic: Topic) -> None:
        """Subscribe and show how things stand, in one step: nothing falls in between."""
        identity, feed = self._reader.identity, self._feed
        match topic:
            case Topic.JOBS:
                views, _ = await self._history.page(
                    JobFilter(
                        user_id=None if identity.sees_all else identity.user_id,
                        statuses=tuple(sorted(TERMINAL_STATUSES)),
                        limit=MAX_FINISHED,
                    )
                )
                found = self._jobs.jobs(identity, pictures(views))
                snapshot = self._bodies.snapshot(topic, feed.last, found)
            case Topic.QUEUE:
                snapshot = self._bodies.snapshot(topic, feed.last, self._jobs.queue())
            case Topic.ENGINES:
                snapshot = self._bodies.snapshot(topic, feed.last, self._system.engines())
            case Topic.SYSTEM:
                snapshot = self._bodies.snapshot(topic, feed.last, self._system.system())
            case Topic.MACHINE:
                machine = await self._machine.machine()
                snapshot = self._bodies.snapshot(topic, feed.last, machine)
            case Topic.ACTIVITY:
                recent = await self._activity.recent(identity, MAX_ENTRIES)
                entries = {"items": [entry_body(entry) for entry in recent]}
                snapshot = self._bodies.snapshot(topic, feed.last, entries)
            case Topic.DOWNLOADS:
                downloads = await self._downloads.snapshot(identity)
                snapshot = self._bodies.snapshot(topic, feed.last, downloads)
            case Topic.PREVIEWS | Topic.LOGS | Topic.CHATS:
                snapshot = self._bodies.snapshot(topic, feed.last, {})
        self._reader.topics.add(topic)
        self._reader.push(snapshot)


def _hello(feed: Feed, ends_at_ms: int | None) -> Frame:
    message: dict[str, Any] = {"type": "hello", "run": feed.run, "last": feed.last}
    if ends_at_ms is not None:
        message["session_expires_at"] = iso_or_none(ends_at_ms)
    return text(message)


def _parsed(said: str | bytes) -> dict[str, Any]:
    if len(said) > MAX_COMMAND:
        raise InvalidRequest(f"A message has at most {MAX_COMMAND} characters.")
    try:
        message = orjson.loads(said)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"The message is not valid JSON: {error}.") from error
    if not isinstance(message, dict):
        raise InvalidRequest("The message must be a JSON object.")
    return message


def _topics(message: dict[str, Any]) -> set[Topic]:
    names = message.get("topics")
    if not isinstance(names, list) or not names:
        raise InvalidRequest("topics must be a list of names.")
    unknown = [name for name in names if name not in list(Topic)]
    if unknown:
        raise InvalidRequest(f"The topics are {', '.join(Topic)}.")
    return {Topic(name) for name in names}


def _number(value: object) -> int | None:
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise InvalidRequest("after must be the number of an event.")
