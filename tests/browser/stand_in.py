"""Stands in front of a Studio that has no accounts and no ``/api/ws`` yet, and adds them.

Everything else is passed on to that Studio with an API key. It goes when Studio has its own.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from tests.api.studio_process import OWNER_KEY
from tests.contract.harness import find_free_port

NOW = "2030-01-01T00:00:00+00:00"
SCOPES = ["jobs", "graphs:run", "assets", "models:write", "editor", "admin"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]


class StandIn:
    """One owner, whose password is set once; a socket that looks every 150 ms."""

    def __init__(self, studio_url: str) -> None:
        self.upstream = httpx.AsyncClient(
            base_url=studio_url, headers={"X-API-Key": OWNER_KEY}, timeout=30
        )
        self.password: str | None = None
        self.name = "owner"
        self.sockets: set[WebSocket] = set()
        self.refuses_sockets = False
        self.invitations: list[dict[str, Any]] = []

    def app(self) -> Starlette:
        routes = [
            Route("/api/setup", self.setup, methods=["GET", "POST"]),
            Route("/api/session", self.session, methods=["GET", "POST", "DELETE"]),
            Route("/api/session/password", self.nothing, methods=["POST"]),
            Route("/api/sessions", self.sessions, methods=["GET", "DELETE"]),
            Route("/api/users", self.users),
            Route("/api/join", self.join, methods=["POST"]),
            Route("/api/invitations", self.invite, methods=["GET", "POST"]),
            WebSocketRoute("/api/ws", self.socket),
            Route("/{path:path}", self.pass_on, methods=METHODS),
        ]
        return Starlette(routes=routes)

    def is_in(self, request: Request | WebSocket) -> bool:
        return self.password is not None and request.cookies.get("studio") == self.password

    def user(self) -> dict[str, Any]:
        return {"id": "owner", "name": self.name, "role": "owner", "scopes": SCOPES}

    async def setup(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"needed": self.password is None})
        body = await request.json()
        if body.get("api_key") != OWNER_KEY and body.get("token") != "first":
            return refusal("invalid_token", 401)
        self.name = body["name"]
        self.password = str(len(body["password"]))
        return self.welcome()

    async def session(self, request: Request) -> Response:
        if request.method == "POST":
            body = await request.json()
            if str(len(body["password"])) != self.password:
                return refusal("wrong_credentials", 401)
            return self.welcome()
        if request.method == "DELETE":
            answer = Response(status_code=204)
            answer.delete_cookie("studio")
            return answer
        if not self.is_in(request):
            return refusal("unauthorized", 401)
        return JSONResponse(
            {"user": self.user(), "expires_at": NOW, "insecure": True, "public_url": ""}
        )

    def welcome(self) -> Response:
        answer = JSONResponse({"user": self.user()})
        answer.set_cookie("studio", self.password or "", httponly=True, samesite="lax")
        return answer

    async def nothing(self, _: Request) -> Response:
        return Response(status_code=204)

    async def sessions(self, _: Request) -> Response:
        one = {"user_id": "owner", "user_name": self.name, "created_at": NOW, "expires_at": NOW}
        rows = [
            {**one, "id": "1", "client": "Chromium on Linux", "current": True, "last_used_at": NOW},
            {**one, "id": "2", "client": self.name, "current": False, "last_used_at": NOW},
        ]
        return JSONResponse({"sessions": rows})

    async def users(self, _: Request) -> Response:
        other = {"id": "m", "name": "<b>mia</b>", "role": "member", "disabled_at": None}
        rows = [{**self.user(), "disabled_at": None}, other]
        return JSONResponse(
            {"users": [{**row, "created_at": NOW, "last_seen_at": None} for row in rows]}
        )

    async def invite(self, request: Request) -> Response:
        if request.method == "GET":
            return JSONResponse({"invitations": self.invitations})
        made = {"id": "i", "role": (await request.json())["role"], "expires_at": NOW}
        self.invitations.append(made)
        return JSONResponse({**made, "url": f"{request.base_url}#/join/welcome"}, 201)

    async def join(self, request: Request) -> Response:
        if (await request.json()).get("token") != "welcome":
            return refusal("invalid_token", 401)
        return JSONResponse({"role": "guest", "kind": "invitation", "expires_at": NOW})

    async def pass_on(self, request: Request) -> Response:
        path = request.url.path
        is_public = path in ("/", "/favicon.ico") or path.startswith("/static/")
        if not is_public and not self.is_in(request):
            return refusal("unauthorized", 401)
        headers = {
            name: value
            for name, value in request.headers.items()
            if name in ("accept", "content-type", "idempotency-key", "range", "host")
        }
        answer = await self.upstream.request(
            request.method,
            path,
            params=request.query_params,
            content=await request.body(),
            headers=headers,
        )
        kept = {
            name: value
            for name, value in answer.headers.items()
            if name not in ("content-encoding", "content-length", "transfer-encoding", "connection")
        }
        return Response(answer.content, answer.status_code, kept)

    async def socket(self, websocket: WebSocket) -> None:
        if self.refuses_sockets or not self.is_in(websocket):
            await websocket.close(4401)
            return
        await websocket.accept()
        self.sockets.add(websocket)
        talk = asyncio.create_task(self.tell(websocket))
        try:
            while True:
                await websocket.receive_text()
        except (WebSocketDisconnect, RuntimeError):
            pass
        finally:
            self.sockets.discard(websocket)
            talk.cancel()

    async def tell(self, websocket: WebSocket) -> None:
        await websocket.send_json({"type": "hello", "run": "1", "last": 0})
        known: dict[str, str] = {}
        streams: dict[str, asyncio.Task[None]] = {}
        number = 0
        first = True
        while True:
            listed = (await self.upstream.get("/api/jobs?limit=40")).json()["jobs"]
            if first:
                data = {"jobs": listed}
                await websocket.send_json(
                    {"type": "snapshot", "topic": "jobs", "n": 0, "data": data}
                )
                first = False
            for job in listed:
                state = json.dumps([job["status"], job["progress"], job["queue_position"]])
                if known.get(job["id"]) != state:
                    known[job["id"]] = state
                    number += 1
                    event = {"topic": "jobs", "event": "changed", "data": job}
                    await websocket.send_json({"type": "event", "n": number, **event})
                if job["status"] == "running" and job["id"] not in streams:
                    streams[job["id"]] = asyncio.create_task(self.previews(websocket, job["id"]))
            await asyncio.sleep(0.15)

    async def previews(self, websocket: WebSocket, job_id: str) -> None:
        async with self.upstream.stream("GET", f"/api/v2/jobs/{job_id}/events") as answer:
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event:"):
                    name = line[6:].strip()
                elif line.startswith("data:") and name == "preview":
                    data = json.loads(line[5:])
                    head = json.dumps(
                        {
                            "job_id": job_id,
                            "node_id": data["node_id"],
                            "content_type": data["content_type"],
                        }
                    ).encode()
                    picture = base64.b64decode(data["data_base64"])
                    await websocket.send_bytes(len(head).to_bytes(4, "big") + head + picture)


def refusal(code: str, status: int) -> Response:
    error = {"code": code, "message": "Refused.", "details": None}
    return JSONResponse({"error": error}, status)


@contextlib.contextmanager
def stand_in(studio_url: str) -> Iterator[str]:
    """A stand-in for ``studio_url`` on a port of its own; answers its address."""
    door = StandIn(studio_url)
    port = find_free_port()
    config = uvicorn.Config(door.app(), port=port, log_config=None, ws="websockets-sansio")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.02)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)
