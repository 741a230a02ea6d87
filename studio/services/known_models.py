"""The model files that are there, with what the catalogs know of them where a file is silent."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from studio.services.catalog import Catalog
from studio.services.catalog_entries import Entry
from studio.services.civitai_models import FOLDERS as CIVITAI_FOLDERS
from studio.services.model_facts import STANDARD_FOLDERS
from studio.store.catalog_facts import CatalogFact
from studio.store.model_files import ModelFile, ModelFileStore, ModelFilter
from studio.store.model_roots import LLM


@dataclass(frozen=True, slots=True)
class Known:
    """An entry of the catalogs; ``half`` is its role in a pair, and the file of the other half."""

    entry: Entry
    half: tuple[str, str] | None


class KnownModels:
    """Finds files by what is in them and by what the catalogs say.

    Nothing of a catalog is written into a file's row: a correction counts at once, for every file.
    """

    def __init__(self, *, store: ModelFileStore, catalog: Catalog) -> None:
        self._store = store
        self._catalog = catalog

    def of(self, file: ModelFile) -> Known | None:
        """What the catalogs know of a file."""
        entry = self._catalog.entry_of(file)
        return None if entry is None else Known(entry, self._catalog.half_of(entry))

    async def page(self, wanted: ModelFilter) -> tuple[list[ModelFile], int]:
        """One page of what is there, and how many match."""
        asked = wanted.text or wanted.family
        return await self._store.page(wanted, await self._facts() if asked else ())

    async def facets(self) -> dict[str, list[tuple[str, int]]]:
        """What the files can be narrowed by: (value, how many), the most first."""
        found = await self._store.facets()
        families = Counter(dict(found["family"]))
        silent = {file.id for file in await self._store.all() if not file.family}
        families.update(
            fact.family for fact in await self._facts() if fact.family and fact.id in silent
        )
        counted = sorted(families.items(), key=lambda each: (-each[1], each[0]))
        return {**found, "family": counted}

    async def folders(self) -> list[str]:
        """Every folder that a model can be put into: those of this release, and those in use."""
        listed = {each.entry.folder for each in self._catalog.all()}
        used = {file.folder for file in await self._store.all()}
        return sorted(STANDARD_FOLDERS | set(CIVITAI_FOLDERS.values()) | listed | used | {LLM})

    async def _facts(self) -> list[CatalogFact]:
        facts = []
        for file in await self._store.all():
            if entry := self._catalog.entry_of(file):
                facts.append(CatalogFact(file.id, entry.name, entry.family))
        return facts
