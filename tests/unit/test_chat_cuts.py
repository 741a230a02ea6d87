"""Replies that are stopped while something is being stored: no job, no row is left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from studio.clock import new_id
from studio.errors import NotFound
from studio.models import Identity, NewJob
from studio.services.batches import Order
from studio.services.chat_calls import ChatCalls
from studio.services.chat_replies import ChatReplies, reply_to
from studio.services.chat_tools import ChatTools, Plan
from studio.store import chat_records as records
from studio.store.batches import BatchStore
from studio.store.chat_messages import MessageStore
from studio.store.chat_records import Call, Message
from studio.store.chats import ChatStore
from tests.fakes.asset_app import ANN, Library
from tests.unit.asset_library import library as library
from tests.unit.chat_turns import Speaker, conversation, delta, replies_by, said
from tests.unit.services.test_follower import JOB

SAID = said("said", "Draw.")
REPLY = replace(reply_to(SAID, "draws", 0), id="reply")
CONVERSATION = conversation(ANN.user_id, tools=True)


class Asks(Speaker):
    """A model that asks for one tool, and then says nothing for ever."""

    def __init__(self, tool: str) -> None:
        super().__init__("draws")
        self._tools = [tool]

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        function = {"name": self._tools.pop(), "arguments": "{}"}
        yield delta(tool_calls=[{"index": 0, "id": "c0", "function": function}])


@dataclass(frozen=True)
class Started:
    """What an order was accepted as."""

    jobs: list[NewJob]


class Tools(ChatTools):
    """Its jobs are stored slowly, and never end."""

    def __init__(self, library: Library, *, is_open: bool = False) -> None:
        super().__init__(
            presets=cast(Any, None),
            batches=cast(Any, self),
            workflows=cast(Any, None),
            jobs=cast(Any, None),
            estimates=cast(Any, None),
        )
        self._store = BatchStore(library.db)
        self.canceled: list[str] = []
        self.stores = asyncio.Event()
        self.goes_on = asyncio.Event()
        if is_open:
            self.goes_on.set()

    async def list_presets(self, *_: Any) -> str:
        return "{}"

    async def plan(self, identity: Identity, call: Call) -> Plan:
        return Plan("p", "A fox", {}, {}, None, asks=False)

    async def run(self, identity: Identity, order: Order) -> Started:
        """As the service over the same rows."""
        self.stores.set()
        await self.goes_on.wait()
        new = NewJob(replace(JOB, id=new_id(), user_id=identity.user_id), b"{}")
        key = order.idempotency_key
        await self._store.accept(
            [new], batch=None, preset_id=None, idempotency_key=key, beside=order.beside
        )
        return Started([new])

    async def wait(self, identity: Identity, job_id: str) -> Any:
        await asyncio.Event().wait()

    async def cancel(self, identity: Identity, job_id: str) -> None:
        self.canceled.append(job_id)


class SlowRows(MessageStore):
    """Tells late that a reply goes on in another message."""

    def __init__(self, library: Library) -> None:
        super().__init__(library.db)
        self.follows = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def follow(self, done: Message, message: Message) -> None:
        await super().follow(done, message)
        self.follows.set()
        await self.goes_on.wait()


@asynccontextmanager
async def replying(
    library: Library, rows: MessageStore, tools: ChatTools, asks: Asks
) -> AsyncIterator[ChatReplies]:
    """A reply is being written."""
    calls = ChatCalls(tools=tools, messages=rows, clock=library.clock)
    replies = replies_by(asks, rows, calls=calls, clock=library.clock)
    await ChatStore(library.db).add(CONVERSATION)
    await rows.add(ANN.user_id, [SAID, REPLY])
    async with asyncio.timeout(30):
        replies.begin(ANN, CONVERSATION, REPLY)
        yield replies
        await replies.close()


async def stop_while(
    replies: ChatReplies, begins: asyncio.Event, ends: asyncio.Event, end: Callable[[], Any]
) -> None:
    """End the reply in the middle of what is stored, which is so only afterwards."""
    await begins.wait()
    ending = asyncio.create_task(end())
    await asyncio.sleep(0.01)
    ends.set()
    await ending


@pytest.mark.parametrize("deed", ["stop", "close"])
async def test_a_job_that_is_being_stored_while_its_reply_is_ended_is_known_to_the_reply(
    library: Library, deed: str
) -> None:
    tools, rows = Tools(library), MessageStore(library.db)
    async with replying(library, rows, tools, Asks("run_preset")) as replies:
        end = replies.close if deed == "close" else lambda: replies.stop("c")
        await stop_while(replies, tools.stores, tools.goes_on, end)
    found = await rows.get(ANN.user_id, "c", "reply")
    [call] = found.calls
    assert call.job_id in await _jobs(library)
    # A Studio that ends goes on with it later; one who stops it wants none of it.
    assert tools.canceled == ([call.job_id] if deed == "stop" else [])
    assert (found.status, call.state) == (
        ("stopped", "stopped") if deed == "stop" else ("interrupted", "running")
    )


async def test_a_reply_that_is_stopped_while_it_goes_on_leaves_none_that_is_being_written(
    library: Library,
) -> None:
    rows = SlowRows(library)
    async with replying(library, rows, Tools(library), Asks("list_presets")) as replies:
        await stop_while(replies, rows.follows, rows.goes_on, lambda: replies.stop("c"))
    _, found = await rows.all(ANN.user_id, "c")
    assert [each.status for each in found] == ["done", "done", "stopped"]


async def test_a_call_knows_its_job_from_the_commit_that_accepts_it_and_never_forgets_it(
    library: Library,
) -> None:
    tools, rows = Tools(library, is_open=True), MessageStore(library.db)
    call = Call(0, "c0", "run_preset", "{}", state="running")
    await ChatStore(library.db).add(CONVERSATION)
    await rows.add(ANN.user_id, [SAID, replace(REPLY, status=records.DONE)])
    await rows.keep(replace(REPLY, calls=(call,)))
    plan = await tools.plan(ANN, call)

    job = await tools.submit(ANN, "chat reply 0", plan, rows.beside("reply", 0))

    # One who was cut before it heard of the job stores what it knows.
    await rows.keep(replace(REPLY, calls=(call,), status=records.INTERRUPTED))
    assert (await rows.get(ANN.user_id, "c", "reply")).calls[0].job_id == job
    with pytest.raises(NotFound):
        await tools.submit(ANN, "chat other 0", plan, rows.beside("other", 0))
    assert await _jobs(library) == {job}


async def _jobs(library: Library) -> set[str]:
    return await library.db.read(
        lambda connection: {row["id"] for row in connection.execute("SELECT id FROM jobs")}
    )
