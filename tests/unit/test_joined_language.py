"""Language models of several places as one list: what cannot answer is no default."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

import pytest
from aiohttp import web

from studio.clients.language_server import LanguageServer
from studio.clock import FrozenClock
from studio.language_errors import ModelNotRunning
from studio.services.joined_language import JoinedLanguage
from studio.services.language import LanguageModel
from studio.services.remote_language import RemoteLanguage
from tests.fakes.hub import running

LOCAL = LanguageModel(id="here", name="here")
ODD = [
    b'{"data": 5}',
    b'{"data": {"id": "a"}}',
    b"{}",
    b"[]",
    b"<html>",
    b"",
    b'{"data": [' + b" " * (9 << 20) + b"]}",
]


class Place:
    """A place that has what it was given."""

    def __init__(self, *models: LanguageModel) -> None:
        self._models = models

    async def models(self) -> Sequence[LanguageModel]:
        return self._models

    async def stream(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> AsyncGenerator[dict[str, Any], None]:
        yield {"place": self, "asked": (endpoint, request, user_id)}

    async def ask(
        self, endpoint: str, request: Mapping[str, Any], *, user_id: str
    ) -> dict[str, Any]:
        return {"asked": (endpoint, request, user_id)}


class Elsewhere:
    """A server whose list is ``body``; how often it was asked."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked = 0

    async def models(self, _: web.Request) -> web.Response:
        self.asked += 1
        return web.Response(body=self.body, content_type="application/json")


@contextlib.asynccontextmanager
async def remote(there: Elsewhere, clock: FrozenClock) -> AsyncIterator[RemoteLanguage]:
    """Its models, asked over a real connection."""
    app = web.Application()
    app.router.add_get("/v1/models", there.models)
    async with running(app) as base:
        server = LanguageServer(url=base)
        try:
            yield RemoteLanguage(server, clock)
        finally:
            await server.close()


async def test_what_cannot_answer_comes_after_everything_that_can() -> None:
    failed = LanguageModel(id="failed", name="failed", state="failed", reason="No memory.")
    vectors = LanguageModel(id="vectors", name="vectors", embeddings=True, chats=False)
    stopped = LanguageModel(id="stopped", name="stopped", state="stopped")
    there = LanguageModel(id="there", name="there")

    joined = JoinedLanguage([Place(failed, vectors, stopped), Place(there)])

    assert [model.id for model in await joined.models()] == [
        "stopped",
        "there",
        "failed",
        "vectors",
    ]


@pytest.mark.parametrize("body", ODD, ids=lambda body: body[:20].decode())
async def test_a_server_with_an_odd_list_does_not_take_local_models_along(body: bytes) -> None:
    async with remote(Elsewhere(body), FrozenClock()) as elsewhere:
        with pytest.raises(ModelNotRunning):
            await elsewhere.models()
        assert await JoinedLanguage([elsewhere, Place(LOCAL)]).models() == [LOCAL]


async def test_a_server_that_failed_is_left_alone_for_a_while() -> None:
    there, clock = Elsewhere(b"{}"), FrozenClock()
    async with remote(there, clock) as elsewhere, asyncio.timeout(60):
        for _ in range(3):
            with pytest.raises(ModelNotRunning, match="OpenAI's shape"):
                await elsewhere.models()
        assert there.asked == 1

        there.body = b'{"data": [{"id": "back"}]}'
        clock.advance(31)
        assert [model.id for model in await elsewhere.models()] == ["back"]
        assert there.asked == 2
