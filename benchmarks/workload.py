"""The trivial graph, and clients that run it: on the engine itself and over Comfy API v2."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Sequence
from typing import Any, Final, Protocol

import httpx
import websockets

from benchmarks.servers import authorization

_COLORS: Final = 0xFFFFFF
_LOST_S: Final = 60.0
_SINGLE_POLL_S: Final = 0.002
_BURST_POLL_S: Final = 0.02
_numbers = itertools.count(int(time.time()))


def graph() -> dict[str, Any]:
    """One picture of 64 by 64 pixels; its colour is new, so that nothing is cached."""
    color = next(_numbers) % _COLORS
    sides = {"width": 64, "height": 64, "batch_size": 1}
    return {
        "1": {"class_type": "EmptyImage", "inputs": {**sides, "color": color}},
        "2": {
            "class_type": "SaveImage",
            "inputs": {"images": ["1", 0], "filename_prefix": "bench"},
        },
    }


class Client(Protocol):
    """Something that runs jobs."""

    name: str
    wrong: int
    """How often a live job was called expired or unknown."""

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def submit(self) -> str:
        """Hand in one job; return its id once it was accepted."""

    async def wait(self, ids: Sequence[str]) -> None:
        """Until all of them have succeeded."""


class EngineClient:
    """The engine's own protocol: ``/prompt`` and its WebSocket."""

    def __init__(self, url: str) -> None:
        self.name = "engine"
        self.wrong = 0
        self._url = url
        self._client_id = uuid.uuid4().hex

    async def open(self) -> None:
        self._http = httpx.AsyncClient(base_url=self._url, timeout=60)
        address = self._url.replace("http", "ws", 1)
        self._socket = await websockets.connect(
            f"{address}/ws?clientId={self._client_id}", max_size=None, compression=None
        )

    async def close(self) -> None:
        await self._socket.close()
        await self._http.aclose()

    async def submit(self) -> str:
        body = {"prompt": graph(), "client_id": self._client_id}
        answer = await self._http.post("/prompt", json=body)
        answer.raise_for_status()
        prompt_id: str = answer.json()["prompt_id"]
        return prompt_id

    async def wait(self, ids: Sequence[str]) -> None:
        left = set(ids)
        while left:
            frame = await self._socket.recv()
            if isinstance(frame, str) and frame.startswith('{"type": "executing"'):
                data = json.loads(frame)["data"]
                if data.get("node") is None:
                    left.discard(data["prompt_id"])


class V2Client:
    """Comfy API v2, the same for every server that speaks it."""

    def __init__(self, name: str, url: str, token: str) -> None:
        self.name = name
        self.wrong = 0
        self._url = url
        self._token = token

    async def open(self) -> None:
        headers = authorization(self._token)
        self._http = httpx.AsyncClient(base_url=self._url, timeout=60, headers=headers)

    async def close(self) -> None:
        await self._http.aclose()

    async def submit(self) -> str:
        headers = {"Idempotency-Key": uuid.uuid4().hex}
        answer = await self._http.post("/api/v2/jobs", json={"workflow": graph()}, headers=headers)
        answer.raise_for_status()
        job_id: str = answer.json()["id"]
        return job_id

    async def wait(self, ids: Sequence[str]) -> None:
        pause_s = _SINGLE_POLL_S if len(ids) == 1 else _BURST_POLL_S
        for job_id in ids:
            deadline = time.monotonic() + _LOST_S
            while (status := await self._status(job_id)) != "succeeded":
                if status in ("failed", "canceled") or time.monotonic() > deadline:
                    raise RuntimeError(f"{self.name}: job {job_id} is {status}")
                await asyncio.sleep(pause_s)

    async def _status(self, job_id: str) -> str:
        answer = await self._http.get(f"/api/v2/jobs/{job_id}")
        status = "unknown" if answer.status_code == 404 else str(answer.json()["status"])
        self.wrong += status in ("expired", "unknown")
        return status
