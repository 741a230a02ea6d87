"""Studio for agents, built in order: their tools, and the server that offers them."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter

from studio.accounts import Accounts
from studio.gallery import Gallery
from studio.pipeline import Pipeline
from studio.services.assets import AssetService
from studio.services.drawings import Drawings
from studio.stock import Stock
from studio.transfers import Transfers
from studio.web.links import Links
from studio.web.mcp_files import FileTools
from studio.web.mcp_runs import RunTools
from studio.web.mcp_server import McpServer
from studio.web.mcp_stock import StockTools
from studio.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Agents:
    """The server; it ends with its task."""

    server: McpServer

    def routes(self) -> list[APIRouter]:
        """The addresses of the protocol."""
        return [self.server.routes()]

    def background(self) -> list[tuple[str, Coroutine[Any, Any, None]]]:
        """What calls run in."""
        return [("agents", self.server.run())]

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
    """The tools over what is there."""
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
    return Agents(McpServer([*runs.tools(), *files.tools(), *models.tools()]))
