"""A Studio without an engine and with folders of models, opened in this process."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from studio.app import open_studio
from studio.server import front
from studio.settings import Settings
from tests.api.house import KEY


@contextlib.asynccontextmanager
async def open_models(folder: Path, **environ: str) -> AsyncIterator[httpx.AsyncClient]:
    """The owner's client of a Studio whose models lie in ``folder/models`` and ``folder/llm``."""
    settings = Settings.from_env(
        {
            "STUDIO_DIR": str(folder / "house"),
            "STUDIO_RUN_DIR": str(folder / "run"),
            "MODEL_DIR": str(folder / "models"),
            "LLM_DIR": str(folder / "llm"),
            "API_KEY": KEY,
            **environ,
        }
    )
    async with open_studio(settings) as studio:
        transport = httpx.ASGITransport(app=front(studio, settings), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://studio", headers=headers
        ) as client:
            yield client
