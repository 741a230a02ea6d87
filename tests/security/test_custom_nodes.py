"""Routes and messages of a custom node's own: the owner's to use, and nobody else's."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import websockets
from websockets.asyncio.client import connect

from tests.api.people import PASSWORD
from tests.fakes.node_engine import INSTALL_PATHS, NODE_FRAME, NODE_PATH, NodeEngine
from tests.security.editor_port import SAME_ORIGIN, EditorPort, open_port

ADDRESSES = (NODE_PATH, f"/api{NODE_PATH}")


@pytest.fixture
async def engine() -> AsyncIterator[NodeEngine]:
    started = NodeEngine()
    await started.start()
    yield started
    await started.stop()


@pytest.fixture
async def port(tmp_path: Path, engine: NodeEngine) -> AsyncIterator[EditorPort]:
    async with open_port(tmp_path, engine.url) as opened:
        yield opened


def socket_to(port: EditorPort, **headers: str) -> connect:
    return connect(f"ws://127.0.0.1:{port.port}/ws?clientId=page", additional_headers=headers)


async def test_a_nodes_own_route_is_the_owners_and_learns_nothing_of_who_asks(
    port: EditorPort, engine: NodeEngine
) -> None:
    secrets = {"authorization": "Bearer canary", "x-api-key": "canary", "referer": "http://canary"}
    forwarded = {"x-forwarded-for": "203.0.113.1", "forwarded": "for=canary", "x-mine": "kept"}
    async with await port.browser(**secrets, **forwarded) as page:
        for address in ADDRESSES:
            told = await page.get(address, params={"what": "a b/c"})
            assert (told.status_code, told.json()) == (200, {"told": "a b/c"})
            done = await page.post(address, json={"strength": 0.5})
            assert (done.status_code, done.json()) == (200, {"did": {"strength": 0.5}})
    assert [(seen.method, seen.target.partition("?")[0]) for seen in engine.seen] == [
        (method, address) for address in ADDRESSES for method in ("GET", "POST")
    ]
    for seen in engine.seen:
        usual = {"host", "accept", "accept-encoding", "user-agent", "content-type"}
        assert seen.names <= usual | {"content-length", "x-mine"}
        assert dict(seen.headers)["x-mine"] == "kept"
        assert "canary" not in str(seen)


async def test_a_nodes_own_messages_reach_its_page_and_its_pages_reach_the_node(
    port: EditorPort, engine: NodeEngine
) -> None:
    headers = {"cookie": f"studio-editor={await port.token()}", **SAME_ORIGIN}
    async with await port.browser() as page, socket_to(port, **headers) as live:
        await live.send('{"type":"mynode.hello"}')
        assert json.loads(await live.recv()) == {"type": "mynode.heard"}
        assert (await page.post(NODE_PATH, json={"n": 1})).status_code == 200
        assert json.loads(await live.recv()) == {"type": "mynode.done", "data": {"n": 1}}
        assert await live.recv() == NODE_FRAME
    assert engine.heard == ['{"type":"mynode.hello"}']
    assert not engine.sockets[0].names & {"cookie", "origin", "sec-fetch-site"}


@pytest.mark.parametrize("role", ["guest", "member"])
async def test_nobody_but_the_owner_reaches_a_nodes_route(
    port: EditorPort, engine: NodeEngine, role: str
) -> None:
    invited = await port.api.post("/api/invitations", json={"role": role})
    token = invited.json()["url"].rpartition("/")[2]
    async with port.person() as person, await port.browser() as page:
        joined = await person.post(
            "/api/join", json={"token": token, "name": "Mia", "password": PASSWORD}
        )
        assert joined.status_code == 200, joined.text
        refused = await person.post("/api/editor/open")
        assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
        session = person.cookies["studio"]
        for cookie in ("", f"studio={session}", f"studio-editor={session}"):
            page.headers["cookie"] = cookie
            for address in ADDRESSES:
                assert (await page.get(address)).status_code == 401
                assert (await page.post(address, json={})).status_code == 401
            with pytest.raises(websockets.InvalidStatus) as closed:
                await socket_to(port, cookie=cookie, **SAME_ORIGIN)
            assert closed.value.response.status_code == 403
    assert (engine.seen, engine.sockets) == ([], [])


async def test_another_sites_page_cannot_use_a_nodes_route_for_the_owner(
    port: EditorPort, engine: NodeEngine
) -> None:
    for site in ("same-site", "cross-site"):
        async with await port.browser(**{"sec-fetch-site": site}) as page:
            for address in ADDRESSES:
                assert (await page.get(address)).status_code == 403
                assert (await page.post(address, json={})).status_code == 403
    assert engine.seen == []


DISGUISES = (
    "{}",
    "{}/",
    "/{}",
    "//{}",
    "/api{}",
    "/api/{}",
    "/API{}",
    "/v2{}",
    "/v2/api{}",
    "/%61pi{}",
    "/%2561pi{}",
    "/api%2f{}",
    "/api%252f{}",
    "/%2e{}",
    "/.{}",
    "/mynode/%2e%2e{}",
    "/mynode/..{}",
    "/mynode%2f..{}",
    "/mynode/%252e%252e{}",
    "/api/mynode/.%2e{}",
    "/%20{}",
    "{}?what=1",
)


def spellings(path: str) -> list[str]:
    """The same route as an engine, or something before it, may read it."""
    first, last = path[1:].split("/")
    encoded = "".join(f"%{ord(letter):02x}" for letter in first)
    return [
        path,
        path.upper(),
        f"/{first}//{last}",
        f"/{first}%2f{last}",
        f"/{encoded}/{last}",
        f"/{encoded.replace('%', '%25')}/{last}",
        f"/{first}/%2e/{last}",
        f"/{first}\\{last}",
    ]


@pytest.mark.parametrize("path", INSTALL_PATHS)
async def test_a_route_that_installs_code_stays_closed_however_it_is_written(
    port: EditorPort, engine: NodeEngine, path: str
) -> None:
    token = await port.token()
    headers = (
        f"Host: 127.0.0.1:{port.port}\r\nCookie: studio-editor={token}\r\n"
        "Sec-Fetch-Site: same-origin\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )
    for disguise in DISGUISES:
        for spelling in spellings(path):
            address = disguise.format(spelling)
            for method in ("GET", "POST"):
                answer = await port.raw(f"{method} {address} HTTP/1.1\r\n{headers}".encode())
                assert answer[9:12] in (b"400", b"403"), (method, address)
    assert (engine.installed, engine.seen) == ([], [])
