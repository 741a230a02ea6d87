"""The HTTP side of one engine that speaks ComfyUI's protocol.

aiohttp, which costs a quarter of the CPU that httpx costs (docs/performance.md); prompts take a
line of their own, ``http_line``.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import orjson

from studio.clients.http_line import AnswerLost, HttpLine, Unreachable

_CONNECT_TIMEOUT_S: Final = 5.0
_PROMPT_TIMEOUT_S: Final = 120.0
_VIEW_CHUNK_BYTES: Final = 1 << 18
_LOST_BEHIND_A_PROXY: Final = (502, 504)


class EngineError(Exception):
    """Something went wrong between Studio and an engine.

    ├── EngineUnreachable   no connection: the request cannot have been accepted
    ├── ReplyLost           the request may have been accepted, the answer never came
    ├── EngineRefused       the engine answered with an error status
    │   └── PromptRejected  it judged the graph and refused it
    """


class EngineUnreachable(EngineError):
    pass


class ReplyLost(EngineError):
    pass


class EngineRefused(EngineError):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"the engine answered {status}")
        self.status = status
        self.text = text


class PromptRejected(EngineRefused):
    """The graph did not pass the engine's own validation.

    ``error`` and ``node_errors`` are the engine's own objects.
    """

    def __init__(self, status: int, error: dict[str, Any], node_errors: dict[str, Any]) -> None:
        super().__init__(status, str(error.get("message", "")))
        self.error = error
        self.node_errors = node_errors


@dataclass(frozen=True, slots=True)
class QueueState:
    """Prompt ids in an engine, client ids of those that name one, places of those that wait."""

    running: tuple[str, ...]
    pending: tuple[str, ...]
    clients: dict[str, str]
    numbers: dict[str, float]

    def __contains__(self, prompt_id: object) -> bool:
        return prompt_id in self.running or prompt_id in self.pending


@dataclass(frozen=True, slots=True)
class EngineFile:
    """One file reference in an engine's output: ``type`` is output, temp or input."""

    filename: str
    subfolder: str
    type: str


class ComfyClient:
    """One engine's HTTP routes.

    Args:
        base_url: without a trailing slash.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self._session = _open_session()
        self._line = HttpLine(base_url) if HttpLine.speaks(base_url) else None

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()
        if self._line is not None:
            self._line.close()

    async def connect_socket(
        self, client_id: str, *, max_frame_bytes: int
    ) -> aiohttp.ClientWebSocketResponse:
        """An open WebSocket under that client id, without compression.

        Raises:
            EngineUnreachable: there is none to be had.
        """
        try:
            return await self._session.ws_connect(
                f"{self.base_url}/ws",
                params={"clientId": client_id},
                max_msg_size=max_frame_bytes,
                compress=0,
                timeout=aiohttp.ClientWSTimeout(ws_close=5.0),
            )
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise EngineUnreachable(str(error)) from error

    async def submit(
        self,
        *,
        prompt_id: str,
        client_id: str,
        graph: bytes,
        extra_data: dict[str, Any],
        number: float | None = None,
    ) -> dict[str, Any]:
        """Queue a graph under an id of ours and return the engine's ``node_errors``.

        Args:
            graph: the API-format graph as JSON bytes, sent as they are.
            number: its place among what waits inside the engine; without one it is the last.

        Raises:
            PromptRejected, EngineUnreachable, ReplyLost, EngineRefused.
        """
        body = b'{"prompt_id":"%b","client_id":"%b",%b"extra_data":%b,"prompt":%b}' % (
            prompt_id.encode(),
            client_id.encode(),
            b"" if number is None else b'"number":%b,' % orjson.dumps(number),
            orjson.dumps(extra_data),
            graph,
        )
        status, answer = await self._post_prompt(body)
        if status == 200:
            try:
                errors = _object(answer).get("node_errors")
            except EngineRefused as unreadable:
                raise ReplyLost("the answer cannot be read") from unreadable
            return errors if isinstance(errors, dict) else {}
        if status in _LOST_BEHIND_A_PROXY:
            raise ReplyLost(f"a proxy answered {status}")
        if status == 400:
            content = _object(answer)
            error = content.get("error")
            nodes = content.get("node_errors")
            raise PromptRejected(
                status,
                error if isinstance(error, dict) else {"message": str(error or "")},
                nodes if isinstance(nodes, dict) else {},
            )
        raise EngineRefused(status, answer[:500].decode("utf-8", "replace"))

    async def queue(self, *, timeout_s: float = 5.0) -> QueueState:
        """Which prompts are running and pending."""
        content = _object(await self._get("/queue", timeout_s=timeout_s))
        running, pending = content.get("queue_running", []), content.get("queue_pending", [])
        try:
            return QueueState(
                running=tuple(item[1] for item in running),
                pending=tuple(item[1] for item in pending),
                clients={
                    item[1]: client
                    for item in (*running, *pending)
                    if (client := client_of(item)) is not None
                },
                numbers={item[1]: float(item[0]) for item in pending},
            )
        except (IndexError, KeyError, TypeError, ValueError) as error:
            raise EngineRefused(200, "the answer is not a queue") from error

    async def history(self, prompt_id: str, *, timeout_s: float = 10.0) -> dict[str, Any] | None:
        """The finished run of ``prompt_id``, or ``None`` when the engine does not know it."""
        content = _object(await self._get(f"/history/{prompt_id}", timeout_s=timeout_s))
        entry = content.get(prompt_id)
        return entry if isinstance(entry, dict) else None

    async def history_clients(self) -> dict[str, str | None]:
        """Under which client id each run of the engine's history was sent, if it says so."""
        content = _object(await self._get("/history", timeout_s=30))
        runs = ((key, entry) for key, entry in content.items() if isinstance(entry, dict))
        return {key: client_of(entry.get("prompt")) for key, entry in runs}

    async def forget(self, prompt_id: str) -> None:
        """Remove a finished run from the engine's history."""
        await self._post("/history", {"delete": [prompt_id]})

    async def cancel(self, prompt_id: str) -> None:
        """Ask for the end of a running or pending prompt; unknown ids are no error."""
        status, _ = await self._call("POST", f"/api/jobs/{prompt_id}/cancel", timeout_s=5)
        if status == 404:
            await self._post("/queue", {"delete": [prompt_id]})
            await self._post("/interrupt", {"prompt_id": prompt_id})

    async def delete_pending(self, prompt_id: str) -> None:
        """Take a prompt out of the engine's queue; one that runs already goes on."""
        await self._post("/queue", {"delete": [prompt_id]})

    async def system_stats(self, *, timeout_s: float = 5.0) -> dict[str, Any]:
        """Version, memory and devices."""
        return _object(await self._get("/system_stats", timeout_s=timeout_s))

    async def object_info(self) -> dict[str, Any]:
        """Every node class the engine has, with its inputs and their choices."""
        return _object(await self._get("/object_info", timeout_s=120))

    async def free(self) -> None:
        """Unload models and drop cached memory once the queue is idle."""
        await self._post("/free", {"unload_models": True, "free_memory": True})

    async def fingerprint(self, file: EngineFile) -> str | None:
        """The engine's validator of a file (its ETag), ``None`` when the file is gone."""
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        try:
            async with self._session.head(
                f"{self.base_url}/view", params=params, timeout=_timeout(10)
            ) as answer:
                return answer.headers.get("ETag", "").strip('"') if answer.status == 200 else None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReplyLost(str(error)) from error

    async def view(self, file: EngineFile) -> AsyncIterator[bytes]:
        """The bytes of one output file.

        Raises:
            EngineRefused: 404 when the file is gone.
            ReplyLost: the connection broke; what came so far is not the whole file.
        """
        params = {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}
        try:
            async with self._session.get(
                f"{self.base_url}/view", params=params, timeout=_timeout(None, read_s=60)
            ) as answer:
                if answer.status != 200:
                    raise EngineRefused(answer.status, "")
                async for chunk in answer.content.iter_chunked(_VIEW_CHUNK_BYTES):
                    yield chunk
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ReplyLost(str(error)) from error

    async def upload(self, source: Path, *, name: str, subfolder: str) -> None:
        """Put a file into the engine's input folder under exactly this name."""
        with source.open("rb") as file:
            form = aiohttp.FormData()
            form.add_field("image", file, filename=name, content_type="application/octet-stream")
            form.add_field("subfolder", subfolder)
            form.add_field("type", "input")
            form.add_field("overwrite", "true")
            try:
                async with self._session.post(
                    f"{self.base_url}/upload/image", data=form, timeout=_timeout(None, read_s=120)
                ) as answer:
                    if answer.status != 200:
                        raise EngineRefused(answer.status, (await answer.text())[:500])
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise ReplyLost(str(error)) from error

    async def _get(self, path: str, *, timeout_s: float) -> bytes:
        status, answer = await self._call("GET", path, timeout_s=timeout_s)
        if status != 200:
            raise EngineRefused(status, answer[:500].decode("utf-8", "replace"))
        return answer

    async def _post(self, path: str, content: dict[str, Any]) -> None:
        status, answer = await self._call("POST", path, body=orjson.dumps(content), timeout_s=5)
        if status != 200:
            raise EngineRefused(status, answer[:500].decode("utf-8", "replace"))

    async def _post_prompt(self, body: bytes) -> tuple[int, bytes]:
        if self._line is None:
            return await self._call("POST", "/prompt", body=body, timeout_s=_PROMPT_TIMEOUT_S)
        try:
            return await self._line.post("/prompt", body, timeout_s=_PROMPT_TIMEOUT_S)
        except Unreachable as error:
            raise EngineUnreachable(str(error)) from error
        except AnswerLost as error:
            raise ReplyLost(str(error)) from error

    async def _call(
        self, method: str, path: str, *, body: bytes | None = None, timeout_s: float
    ) -> tuple[int, bytes]:
        try:
            async with self._session.request(
                method,
                self.base_url + path,
                data=body,
                headers={"Content-Type": "application/json"} if body is not None else None,
                timeout=_timeout(timeout_s),
            ) as answer:
                return answer.status, await answer.read()
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise EngineUnreachable(str(error)) from error
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ReplyLost(str(error)) from error


def client_of(prompt: object) -> str | None:
    """The client id in an item of an engine's queue, or of a run of its history."""
    extra = prompt[3] if isinstance(prompt, list) and len(prompt) > 3 else None
    client = extra.get("client_id") if isinstance(extra, dict) else None
    return client if isinstance(client, str) else None


def _open_session() -> aiohttp.ClientSession:
    """A session for one engine; keep-alive, no compression asked for on a local link."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=32, keepalive_timeout=30),
        headers={"Accept-Encoding": "identity"},
        auto_decompress=True,
        cookie_jar=aiohttp.DummyCookieJar(),
    )


def _timeout(total_s: float | None, read_s: float | None = None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=total_s, sock_connect=_CONNECT_TIMEOUT_S, sock_read=read_s)


def loads(text: bytes | str) -> Any:
    """JSON as engines write it: theirs is Python's, which knows NaN and lone surrogates.

    Raises:
        ValueError: it is not JSON.
    """
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)


def _object(answer: bytes) -> dict[str, Any]:
    try:
        content = loads(answer)
    except ValueError as error:
        raise EngineRefused(200, "the answer is not JSON") from error
    if isinstance(content, dict):
        return content
    raise EngineRefused(200, "the answer is not a JSON object")
