"""Studio for agents, built in order: their tools, and the server that offers them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.gallery import Gallery
from studio.pipeline import Pipeline
from studio.services.assets import AssetService
from studio.services.drawings import Drawings
from studio.stock import Stock
from studio.transfers import Transfers
from studio.waits import set_within
from studio.web.links import Links
from studio.web.mcp_door import McpDoor
from studio.workshop import Workshop

if TYPE_CHECKING:
    from studio.web.mcp_server import McpServer

_REST_S: Final = 3.0
"""By then the page is there."""


@dataclass(frozen=True, slots=True)
class Agents:
    """The door, and what builds the server behind it; that ends with its task."""

    door: McpDoor
    build: Callable[[], McpServer]

    def routes(self) -> list[APIRouter]:
        """The addresses of the protocol."""
        return [self.door.routes()]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What calls run in."""
        return [("agents", self._serve())]

    async def _serve(self) -> None:
        # To read the library takes a fifth of a start: nobody but the first agent waits for it.
        await set_within(self.door.wanted, _REST_S)
        server = await asyncio.to_thread(self.build)
        await server.run(self.door)

    async def close(self) -> None:
        """Nothing is held: no request knows of another."""


def open_agents(
    drawings: Drawings,
    *,
    accounts: Accounts,
    pipeline: Pipeline,
    workshop: Workshop,
    gallery: Gallery,
    stock: Stock,
    transfers: Transfers,
    assets: AssetService,
    links: Links,
) -> Agents:
    """The tools over what is there, read and built once they are wanted."""

    def build() -> McpServer:
        from studio.web.mcp_files import FileTools
        from studio.web.mcp_runs import RunTools
        from studio.web.mcp_server import McpServer
        from studio.web.mcp_stock import StockTools

        runs = RunTools(
            presets=workshop.presets.presets,
            library=workshop.library,
            batches=workshop.presets.batches,
            jobs=pipeline.jobs,
            waits=drawings.waits,
            links=links,
            is_live=accounts.is_live,
        )
        files = FileTools(
            jobs=pipeline.jobs,
            assets=assets,
            library=gallery.library,
            formats=drawings.formats,
            links=links,
        )
        models = StockTools(
            models=stock.base.known,
            catalog=stock.base.catalog,
            installs=stock.installs,
            downloads=transfers.downloads,
        )
        return McpServer([*runs.tools(), *files.tools(), *models.tools()])

    return Agents(McpDoor(), build)
