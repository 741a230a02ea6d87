"""Clients behind a proxy that is believed: each has its part, and the proxy itself all of it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest

from boot.listeners import open_port
from studio.web import clients, connections
from tests.faults.harness import until
from tests.security.lines import GET, Line, Port, opened

SHARE = 2
UPGRADE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
    b"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
ENDLESS = b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n"


def of(client: str, request: bytes = GET) -> bytes:
    """The same request as the proxy passes it on."""
    return request.replace(b"\r\n", f"\r\nx-forwarded-for: {client}\r\n".encode(), 1)


@pytest.fixture(params=[False, True], ids=["first", "editor"])
async def port(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Port]:
    """A port with few places, behind a proxy on this machine."""
    monkeypatch.setattr(connections, "MAX_CONNECTIONS", 4 * SHARE)
    with open_port("127.0.0.1", 0, "STUDIO_PORT") as listener:
        async with opened(listener, editor=request.param, proxies=["127.0.0.1"]) as made:
            made.app.go.clear()
            yield made
    assert not clients._under_way


async def ask(port: Port, client: str, request: bytes = GET) -> Line:
    line = await port.line()
    line.send(of(client, request))
    return line


async def fill(port: Port, *addresses: str) -> list[Line]:
    """Requests that wait for their answer; back when all of them are under way."""
    before = clients._under_way.total()
    lines = [await ask(port, address) for address in addresses]
    await until(lambda: clients._under_way.total() == before + len(lines))
    return lines


async def test_one_client_of_a_proxy_has_its_part_and_leaves_the_rest_to_others(
    port: Port,
) -> None:
    waiting = await fill(port, "198.51.100.1", "192.0.2.9, 198.51.100.1")
    status, body = await (await ask(port, "198.51.100.1")).answer()
    assert (status, json.loads(body)["error"]["code"]) == (503, "unavailable")
    waiting += await fill(port, "198.51.100.2")
    port.app.go.set()
    assert [await line.answer() for line in waiting] == [(200, b"0")] * 3
    # A place that became free is taken again, on a connection of before too.
    waiting[1].send(of("198.51.100.1"))
    assert await waiting[1].answer() == (200, b"0")


async def test_a_household_with_ipv6_is_one_client_of_a_proxy(port: Port) -> None:
    await fill(port, "2001:db8::1", "2001:db8::2")
    assert (await (await ask(port, "2001:db8::3")).answer())[0] == 503
    await fill(port, "2001:db8:0:1::1")


async def test_a_proxy_has_no_part_of_its_own(port: Port) -> None:
    lines = [await port.line() for _ in range(SHARE + 1)]
    for line in lines:
        line.send(GET)
    await fill(port, "198.51.100.1")
    port.app.go.set()
    assert [await line.answer() for line in lines] == [(200, b"0")] * len(lines)


async def test_a_websocket_counts_as_long_as_it_is_open(port: Port) -> None:
    live = [await ask(port, "198.51.100.1", UPGRADE) for _ in range(SHARE)]
    for line in live:
        assert (await line.head()).startswith(b"http/1.1 101 ")
    assert (await (await ask(port, "198.51.100.1", UPGRADE)).head()).startswith(b"http/1.1 403 ")
    assert (await (await ask(port, "198.51.100.1")).answer())[0] == 503
    live[0].close()
    await until(lambda: clients._under_way.total() == SHARE - 1)
    await fill(port, "198.51.100.1")


async def test_who_is_turned_away_cannot_go_on_sending(port: Port) -> None:
    await fill(port, *["198.51.100.1"] * SHARE)
    line = await ask(port, "198.51.100.1", ENDLESS)
    assert (await line.answer())[0] == 503
    line.send(b"0\r\n\r\n")
    assert await line.rest() == b""
