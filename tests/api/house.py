"""A Studio opened in this process, without an engine and without a server."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.types import ASGIApp

from studio.accounts import Accounts
from studio.app import open_studio
from studio.clock import FrozenClock
from studio.server import front
from studio.settings import Settings
from studio.store.db import Database

KEY = "canary-door-key-19d4"


@dataclass(frozen=True)
class House:
    """An opened Studio behind its guard, without an engine, with a clock that tests move."""

    app: ASGIApp
    api: FastAPI
    db: Database
    accounts: Accounts
    clock: FrozenClock
    folder: Path

    def paths(self) -> list[str]:
        """The path of every route, hidden ones too, with its parameters' names in braces."""
        found = list(paths_of(self.api.routes))
        assert len(found) > 30
        return found

    def client(self, key: str | None = KEY) -> httpx.AsyncClient:
        """A client straight into the application."""
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://studio", headers=headers)


def paths_of(routes: Iterable[BaseRoute]) -> Iterator[str]:
    """The path of each of them; a mount, behind which anything could be, is a failure."""
    for route in routes:
        router = getattr(route, "original_router", None)
        if router is not None:
            yield from paths_of(router.routes)
        else:
            assert isinstance(route, Route | WebSocketRoute)
            yield route.path


@contextlib.asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    """A Studio in ``folder`` until the block ends."""
    settings = Settings.from_env(
        {
            "STUDIO_DIR": str(folder / "house"),
            "STUDIO_RUN_DIR": str(folder / "run"),
            "API_KEY": KEY,
        }
    )
    clock = FrozenClock()
    async with open_studio(settings, clock) as studio:
        yield House(
            front(studio, settings),
            studio.app,
            studio.db,
            studio.accounts,
            clock,
            folder / "house",
        )
