"""Where a model file came from: its licence and its page, as the catalogs or its download say."""

from __future__ import annotations

from dataclasses import dataclass

from studio.services.catalog import Catalog
from studio.store.downloads import DownloadStore
from studio.store.model_files import ModelFile


@dataclass(frozen=True, slots=True)
class Origin:
    """``entry`` is the id of the catalogs' entry that has the same bytes."""

    entry: str | None
    license: str | None
    page: str | None


class ModelOrigins:
    """Looks bytes up where they are known by their hash; a name proves nothing."""

    def __init__(self, catalog: Catalog, downloads: DownloadStore) -> None:
        self._catalog = catalog
        self._downloads = downloads

    async def of(self, file: ModelFile) -> Origin | None:
        """What is known of a file's origin, ``None`` when that is nothing."""
        if file.sha256 is None:
            return None
        found = self._catalog.find(file.name, file.folder, file.sha256)
        entry = found[0] if found is not None and found[1] == "hash" else None
        download = await self._downloads.of_bytes(file.sha256)
        if entry is None and download is None:
            return None
        return Origin(
            entry=None if entry is None else entry.id,
            license=(entry and entry.license) or (download and download.license) or None,
            page=(entry and entry.page) or (download and download.page) or None,
        )
