"""Connections of the live WebSocket that are cut, are never read, or must end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, ConnectionClosedError

from studio.services.feed import MAX_WAITING, MAX_WAITING_BYTES, Reader
from studio.services.news import Topic
from studio.web.sockets import BoundedSocket
from tests.api.live_client import LiveClient, Message, listen
from tests.api.live_house import KEY, LiveHouse, QuickSocket, open_live_house, submit
from tests.faults.deaf import deaf

FRAME = "x" * (64 << 10)
CUT_EVERY_S = 1.0


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[LiveHouse]:
    async with open_live_house(tmp_path) as opened:
        yield opened


async def until(happened: Callable[[], bool]) -> None:
    for _ in range(2000):
        if happened():
            return
        await asyncio.sleep(0.01)
    raise TimeoutError


# -- a proxy that cuts ----------------------------------------------------------------------------


class CuttingRelay:
    """Passes bytes on, and cuts every connection a second after it was made."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._tasks: set[asyncio.Task[None]] = set()
        self.cuts = 0

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        async with await asyncio.start_server(self._relay, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}"

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._port)
        pumps = [asyncio.create_task(_pump(*ends)) for ends in ((reader, back), (there, writer))]
        await asyncio.wait(pumps, timeout=CUT_EVERY_S, return_when=asyncio.FIRST_COMPLETED)
        self.cuts += 1
        for end in (writer, back):
            end.transport.abort()
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(4096):
        writer.write(data)
        await writer.drain()


async def come_back(url: str, heard: list[Message], last_job: asyncio.Future[str]) -> None:
    """Follow jobs and the queue over connections that are cut, as docs/api.md says."""
    run, last = "", 0
    while True:
        with contextlib.suppress(ConnectionClosed):
            async with listen(url, None, {"X-User": "anna"}) as client:
                after = last if client.run == run else None
                run = client.run
                await client.subscribe("jobs", "queue", after=after)
                while True:
                    message = await client.read()
                    assert isinstance(message, dict)
                    heard.append(message)
                    last = message["n"]
                    if last_job.done() and is_end_of(message, last_job.result()):
                        return


def is_end_of(message: Message, job_id: str) -> bool:
    data = message["data"]
    return (data.get("id"), data.get("status")) == (job_id, "canceled")


def changes(messages: list[Message]) -> list[Message]:
    return [message for message in messages if message.get("event") == "changed"]


async def test_a_client_behind_a_proxy_that_cuts_misses_nothing_and_hears_nothing_twice(
    house: LiveHouse,
) -> None:
    relay = CuttingRelay(house.port)
    last_job: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    steady: list[Message] = []
    cut: list[Message] = []
    async with (
        relay.listening() as url,
        house.client("anna") as anna,
        asyncio.timeout(60),
        asyncio.TaskGroup() as group,
    ):
        group.create_task(come_back(house.url, steady, last_job))
        group.create_task(come_back(url, cut, last_job))
        await until(lambda: len(steady) >= 2 and len(cut) >= 2)
        while relay.cuts < 4:
            job_id = await submit(anna)
            await anna.post(f"/api/jobs/{job_id}/cancel")
        job_id = await submit(anna)
        last_job.set_result(job_id)
        await anna.post(f"/api/jobs/{job_id}/cancel")

    def of_jobs(messages: list[Message]) -> list[Message]:
        return [message for message in changes(messages) if message["topic"] == "jobs"]

    assert len(of_jobs(steady)) > 20
    assert of_jobs(cut) == of_jobs(steady)
    assert [message["type"] for message in cut].count("snapshot") == 2
    numbers = [message["n"] for message in cut if message["type"] == "event"]
    assert numbers == sorted(set(numbers))
    assert changes(cut)[-1]["n"] == changes(steady)[-1]["n"]


# -- a client that never reads --------------------------------------------------------------------


async def is_cut(house: LiveHouse, sock: socket.socket) -> bool:
    """Whether the server has nothing of the connection any more, though nobody read its end."""
    address = sock.getsockname()
    for _ in range(1000):
        if address not in house.connected():
            return True
        await asyncio.sleep(0.01)
    return False


async def hears(client: LiveClient, number: int) -> None:
    await client.until(lambda message: message.get("n") == number)


async def test_a_client_that_never_reads_is_let_go_and_the_others_hear_everything(
    house: LiveHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.web.ws_api.CLOSE_S", 0.1)
    feed = house.studio.live.feed
    with contextlib.closing(await deaf(house)) as sock:
        async with house.listen("owner") as other:
            await other.snapshot("system")
            assert feed.readers == 2
            told = 0
            while feed.readers == 2:
                feed.tell(Topic.SYSTEM, "changed", {"number": told, "filling": FRAME})
                told += 1
                await hears(other, feed.last)
                assert told < MAX_WAITING
            assert told > MAX_WAITING_BYTES // len(FRAME) - 1
            numbers = [one["data"]["number"] for one in other.messages if one["type"] == "event"]
            assert numbers == list(range(told))
        assert await is_cut(house, sock)


async def test_a_message_that_is_not_received_in_time_ends_the_connection(
    house: LiveHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("studio.web.ws_api.SEND_S", 0.2)
    monkeypatch.setattr("studio.web.ws_api.CLOSE_S", 0.1)
    feed = house.studio.live.feed
    with contextlib.closing(await deaf(house)) as sock:
        for _ in range(MAX_WAITING_BYTES // len(FRAME) - 1):
            feed.tell(Topic.SYSTEM, "changed", {"filling": FRAME})
        assert feed.readers == 1
        await until(lambda: feed.readers == 0)
        assert await is_cut(house, sock)


async def test_a_client_that_is_too_slow_is_told_so_and_comes_back(house: LiveHouse) -> None:
    feed = house.studio.live.feed
    async with house.listen("owner") as client:
        await client.snapshot("system")
        before = client.last
        # In one turn of the loop, so that nothing is sent in between.
        for number in range(MAX_WAITING + 1):
            feed.tell(Topic.SYSTEM, "changed", {"number": number})
        with pytest.raises(ConnectionClosedError) as ended:
            await client.until(lambda _: False)
        assert ended.value.rcvd is not None
        assert ended.value.rcvd.code == 4408
    async with house.listen("owner") as back:
        await back.subscribe("system", after=client.last)
        await hears(back, feed.last)
    heard = [*client.messages, *back.messages]
    numbers = [one["n"] for one in heard if one["type"] == "event"]
    assert numbers == list(range(before + 1, feed.last + 1))


async def test_connections_that_are_gone_are_not_kept_in_memory(
    house: LiveHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QuickSocket, "linger_s", 60.0)

    def kept() -> int:
        gc.collect()
        return sum(isinstance(one, BoundedSocket | Reader) for one in gc.get_objects())

    for _ in range(5):
        async with house.listen("owner") as client:
            await client.snapshot("jobs")
            assert kept() >= 2
    await until(lambda: not house.connected())
    await until(lambda: kept() == 0)
    assert house.studio.live.feed.readers == 0


# -- connections that must end --------------------------------------------------------------------


async def code_at_end(client: LiveClient) -> int:
    with pytest.raises(ConnectionClosed) as ended:
        await client.until(lambda _: False)
    assert ended.value.rcvd is not None
    return ended.value.rcvd.code


async def test_whoever_may_no_longer_read_is_let_go_and_nobody_else(house: LiveHouse) -> None:
    auth, feed = house.studio.accounts.auth, house.studio.live.feed
    owner = auth.console()
    key, token = await auth.create(
        owner, name="for a while", scopes=frozenset(), expires_in_days=None
    )
    async with listen(house.url, token) as leaving, listen(house.url, KEY) as staying:
        feed.recheck()
        await leaving.barrier()
        await auth.revoke(owner, key.id)
        assert await code_at_end(leaving) == 4401
        await staying.barrier()
    with pytest.raises(Exception, match="403"):
        async with listen(house.url, token):
            pass


async def test_a_stopping_studio_says_goodbye(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as closing:
        house = await closing.enter_async_context(open_live_house(tmp_path))
        client = await closing.enter_async_context(house.listen("owner"))
        house.studio.live.feed.stop()
        assert await code_at_end(client) == 1012
