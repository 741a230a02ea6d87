"""A Studio in this process whose language models somebody else has, on a real server."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import uvicorn

from studio.app import open_studio
from studio.opened import Studio
from studio.server import front
from studio.settings import Settings
from tests.fakes.language import KEY as LANGUAGE_KEY
from tests.fakes.language import LanguageFake, running_language

KEY = "canary-chatter-key-a2c8"


@dataclass(frozen=True)
class LanguageHouse:
    """The Studio at ``url`` and the server behind it."""

    url: str
    studio: Studio
    fake: LanguageFake

    def client(self, key: str | None = KEY) -> httpx.AsyncClient:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=30)

    def openai(self, key: str = KEY) -> openai.AsyncOpenAI:
        """The official client, which asks once."""
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)


@contextlib.asynccontextmanager
async def open_language_house(folder: Path, **environ: str) -> AsyncIterator[LanguageHouse]:
    """Open and serve until the block ends."""
    (folder / "run").mkdir()
    async with running_language() as fake:
        settings = Settings.from_env(
            {
                "STUDIO_DIR": str(folder / "house"),
                "STUDIO_RUN_DIR": str(folder / "run"),
                "API_KEY": KEY,
                "LANGUAGE_URL": f"{fake.base}/v1",
                "LANGUAGE_API_KEY": LANGUAGE_KEY,
                "STUDIO_OUTBOUND_ALLOW": "127.0.0.0/8",
                **environ,
            }
        )
        async with open_studio(settings) as studio, serving(studio, settings) as url:
            yield LanguageHouse(url, studio, fake)


@contextlib.asynccontextmanager
async def serving(studio: Studio, settings: Settings) -> AsyncIterator[str]:
    """A real server of an opened Studio, on a free port; its address."""
    options: dict[str, Any] = {"lifespan": "off", "log_config": None, "access_log": False}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                front(studio, settings), ws="none", timeout_graceful_shutdown=3, **options
            )
        )
        # Signals stay pytest's.
        server.capture_signals = contextlib.nullcontext  # type: ignore[method-assign, assignment]
        task = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task
