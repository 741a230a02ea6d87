"""From entries and bundles of the catalogs to files on disk: what is there, and what to fetch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from studio.errors import Unavailable
from studio.models import Identity, Role
from studio.remote import Wish
from studio.services.catalog import Bundle, Catalog
from studio.services.catalog_entries import Entry
from studio.services.download_runs import name_of
from studio.store.downloads import DownloadError
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_roots import LLM

PRESENT: Final = "present"
DIFFERENT: Final = "different"
DAMAGED: Final = "damaged"
ABSENT: Final = "absent"


class Download(Protocol):
    """One download, as far as it matters here."""

    @property
    def id(self) -> str: ...
    @property
    def state(self) -> str: ...
    @property
    def error(self) -> DownloadError | None: ...


class Downloads(Protocol):
    """Who fetches files; see ``services/downloads.py``."""

    async def add(self, wish: Wish, *, by: str) -> Download: ...

    async def wait(self, download_id: str) -> Download: ...

    async def tried(self, download_id: str) -> Download: ...


@dataclass(frozen=True, slots=True)
class Presence:
    """Whether an entry's file is there: by size and, once it is computed, by hash.

    ``different`` is a file of that name with other bytes. ``name`` is where it lies when that is
    not where the entry says.
    """

    state: str
    file: ModelFile | None = None


class Inventory:
    """The model files of one moment, to look many entries up in."""

    def __init__(self, files: Iterable[ModelFile]) -> None:
        self._by_place: dict[tuple[str, str], ModelFile] = {}
        self._by_hash: dict[str, ModelFile] = {}
        self._by_source: dict[tuple[str, str | None], ModelFile] = {}
        for file in files:
            self._by_place[file.folder, file.name] = file
            self._by_source[file.folder, file.reference] = file
            if file.sha256 and not file.fault:
                self._by_hash[file.sha256] = file

    def presence(self, entry: Entry) -> Presence:
        """Whether an entry's file is there."""
        file = self._by_place.get((entry.folder, entry.file))
        if file is not None and file.fault:
            return Presence(DAMAGED, file)
        if file is not None and file.has_bytes(sha256=entry.sha256, size_bytes=entry.size_bytes):
            return Presence(PRESENT, file)
        if entry.sha256 in self._by_hash:
            return Presence(PRESENT, self._by_hash[entry.sha256])
        return Presence(ABSENT) if file is None else Presence(DIFFERENT, file)

    def by_hash(self, sha256: str | None) -> ModelFile | None:
        """The sound file that has exactly these bytes."""
        return None if sha256 is None else self._by_hash.get(sha256)

    def has(self, wish: Wish) -> bool:
        """Whether the file that a wish names is there, sound and, where that is known, the same.

        Without a name it is that of its address, or what came from there.
        """
        name = wish.name or name_of(wish.reference, None, allow_pickle=True)
        file = self._by_place.get((wish.folder, name or ""))
        if file is None and wish.name is None:
            file = self._by_source.get((wish.folder, wish.reference))
        if file is None or file.fault:
            return False
        return file.has_bytes(sha256=wish.sha256, size_bytes=wish.size_bytes)


class InstallService:
    """Asks for what is not there yet.

    Args:
        downloads: ``None`` where files cannot be fetched: at the command line without a Studio.
    """

    def __init__(
        self, *, catalog: Catalog, files: ModelFileStore, downloads: Downloads | None
    ) -> None:
        self._catalog = catalog
        self._files = files
        self._downloads = downloads

    async def inventory(self) -> Inventory:
        """What is there now."""
        return Inventory(await self._files.all())

    async def entry(self, identity: Identity, entry_id: str) -> list[Download]:
        """Have an entry's file fetched, unless it is there, and a language model's eyes with it.

        Raises:
            NotFound, Unavailable, and what ``Downloads.add`` raises.
        """
        return await self._add(identity, with_eyes(self._catalog, entry_id))

    async def bundle(self, identity: Identity, bundle_id: str) -> tuple[Bundle, list[Download]]:
        """Have everything of a bundle fetched that is not there.

        Raises:
            NotFound, Unavailable, and what ``Downloads.add`` raises.
        """
        bundle, entries = self._catalog.bundle(bundle_id)
        return bundle, await self._add(identity, entries)

    async def _add(self, identity: Identity, entries: Sequence[Entry]) -> list[Download]:
        if self._downloads is None:
            raise Unavailable("Nothing can be fetched here; start Studio.")
        inventory = await self.inventory()
        made = []
        for entry in entries:
            state = inventory.presence(entry).state
            if state != PRESENT:
                # A damaged file makes room for a whole one, if its owner wants that.
                replaces = state == DAMAGED and identity.role is Role.OWNER
                wish = wish_of(entry, replace=replaces)
                made.append(await self._downloads.add(wish, by=identity.user_id))
        return made


def with_eyes(catalog: Catalog, entry_id: str) -> list[Entry]:
    """An entry, and of a language model its eyes.

    Raises:
        NotFound: there is no such entry.
    """
    entry = catalog.get(entry_id).entry
    return [entry, *(each.entry for each in catalog.all() if are_eyes_of(each.entry, entry))]


def are_eyes_of(eyes: Entry, model: Entry) -> bool:
    """Whether one entry is the projector of the other: its name says so, as in ``language_files``.

    ``mmproj-Model-f16.gguf`` belongs to ``Model-Q4_K_M.gguf``.
    """
    if eyes.folder != LLM or model.folder != LLM or eyes.id == model.id:
        return False
    own, name = model.file.lower(), eyes.file.lower()
    stem = name.removeprefix("mmproj-").rpartition("-")[0]
    return name.startswith("mmproj-") and bool(stem) and own.startswith(f"{stem}-")


def wish_of(entry: Entry, **changes: object) -> Wish:
    """What to ask for, for an entry of a catalog."""
    values: Mapping[str, object] = {
        "reference": entry.reference,
        "folder": entry.folder,
        "name": entry.file,
        "sha256": entry.sha256,
        "size_bytes": entry.size_bytes,
    }
    return Wish(**{**values, **changes})  # type: ignore[arg-type]
