"""Tools for agents: models that are there, those that can be had, and having them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from studio.errors import InvalidRequest
from studio.models import Scope
from studio.remote import Wish
from studio.services.catalog import Catalog
from studio.services.catalog_search import CatalogSearch
from studio.services.download_line import download_body
from studio.services.downloads import Downloads
from studio.services.installs import InstallService
from studio.services.known_models import KnownModels
from studio.store.model_files import ModelFilter
from studio.web.mcp_tools import ID, LIMIT, START, TEXT, Answer, Call, Tool

_SHOWN: Final = (
    *("id", "reference", "folder", "name", "state", "size_bytes", "received_bytes"),
    *("eta_seconds", "error"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockTools:
    """Tools over the services that know models."""

    models: KnownModels
    catalog: Catalog
    installs: InstallService
    downloads: Downloads

    def tools(self) -> list[Tool]:
        """All of them."""
        look, write = (Scope.GRAPHS_RUN,), (Scope.MODELS_WRITE,)
        return [
            Tool(
                "list_models",
                "Model files that are installed, by words, folder (checkpoints, loras...) or "
                "family of base models.",
                look,
                {
                    "query": TEXT,
                    "folder": TEXT,
                    "family": TEXT,
                    "start": START,
                    "limit": LIMIT,
                },
                self._list_models,
            ),
            Tool(
                "search_catalog",
                "Models that can be installed by pull_model, and which of them are.",
                look,
                {"query": TEXT, "start": START, "limit": LIMIT},
                self._search_catalog,
            ),
            Tool(
                "pull_model",
                "Install a model: entry_id from search_catalog, or reference (hf:owner/repo/file, "
                "civitai:id or an address) with the folder it goes to. Returns at once; see "
                "download_status.",
                write,
                {"entry_id": ID, "reference": TEXT, "folder": ID},
                self._pull_model,
                reads=False,
            ),
            Tool(
                "download_status",
                "How far downloads are: one by its id, or all that are not done.",
                look,
                {"download_id": ID},
                self._download_status,
            ),
        ]

    async def _list_models(self, _: Call, given: Mapping[str, Any]) -> Answer:
        found, total = await self.models.page(
            ModelFilter(
                text=given.get("query", ""),
                folder=given.get("folder", ""),
                family=given.get("family", ""),
                start=given.get("start", 0),
                limit=given.get("limit", 20),
            )
        )
        items = []
        for file in found:
            known = self.models.of(file)
            items.append(
                {
                    "id": file.id,
                    "folder": file.folder,
                    "name": file.name,
                    "title": file.facts.get("title") or (known.entry.name if known else None),
                    "family": file.family or (known.entry.family if known else None),
                    "size_bytes": file.size_bytes,
                    "trigger_words": list(file.trigger_words),
                }
            )
        return Answer({"items": items, "total": total})

    async def _search_catalog(self, _: Call, given: Mapping[str, Any]) -> Answer:
        search = CatalogSearch(given.get("query", ""), self.catalog.families)
        found = [listed.entry for listed in self.catalog.all() if search.fits(listed.entry)]
        found.sort(key=search.rank)
        inventory = await self.installs.inventory()
        start = given.get("start", 0)
        items = [
            {
                "entry_id": entry.id,
                "name": entry.name,
                "folder": entry.folder,
                "family": entry.family,
                "size_bytes": entry.size_bytes,
                "state": inventory.presence(entry).state,
            }
            for entry in found[start : start + given.get("limit", 20)]
        ]
        return Answer({"items": items, "total": len(found)})

    async def _pull_model(self, call: Call, given: Mapping[str, Any]) -> Answer:
        entry_id, reference = given.get("entry_id"), given.get("reference")
        if (entry_id is None) == (reference is None):
            raise InvalidRequest("Say one of entry_id and reference.")
        if entry_id is not None:
            ids = [one.id for one in await self.installs.entry(call.identity, entry_id)]
        elif "folder" not in given:
            raise InvalidRequest("Say the folder, for example checkpoints or loras.")
        else:
            wish = Wish(reference=reference or "", folder=given["folder"])
            ids = [(await self.downloads.add(wish, by=call.identity.user_id)).id]
        shown = [await self.downloads.get(one) for one in ids]
        return Answer({"downloads": [_shown(download_body(one)) for one in shown]})

    async def _download_status(self, call: Call, given: Mapping[str, Any]) -> Answer:
        if (download_id := given.get("download_id")) is not None:
            found = [await self.downloads.get(download_id, by=call.identity)]
        else:
            found = list(await self.downloads.list(ended=0, by=call.identity))
        return Answer({"downloads": [_shown(download_body(one)) for one in found]})


def _shown(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: body[name] for name in _SHOWN}
