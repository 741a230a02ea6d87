"""The catalogs: what can be had, as this release says and as the owner changed it.

Only what the owner changed is kept in their files, so an entry that a new release corrects is
corrected for everybody who did not touch that part of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson

from studio.errors import NotFound, StudioError
from studio.services.catalog_entries import Document, Entry, Judge, complete, read_catalog, refusal
from studio.services.families import Families
from studio.store.catalog_files import CATALOGS, CatalogFiles
from studio.store.model_files import ModelFile, base_key
from studio.store.model_roots import ALIASES, LLM

log = logging.getLogger(__name__)

_LORAS: Final = "loras"
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """Everything that one kind of workflow needs; ``entries`` are ids."""

    id: str
    name: str
    family: str | None
    entries: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry, and whether it is the release's, the owner's, or the release's with changes."""

    entry: Entry
    catalog: str
    origin: str


class Catalog:
    """All catalogs, merged by id.

    Args:
        judge: refuses addresses that nothing is fetched from.
    """

    def __init__(self, files: CatalogFiles, judge: Judge) -> None:
        self._files = files
        self._judge = judge
        self._shipped: dict[str, dict[str, Any]] = {}
        self._homes: dict[str, str] = {}
        self._overlay: dict[str, Document] = {}
        self._listed: dict[str, Listed] = {}
        self._by_hash: dict[str, Entry] = {}
        self._by_name: dict[str, list[Entry]] = {}
        self._changing = asyncio.Lock()
        self.families = Families(orjson.loads(files.shipped("families"))["families"])
        self.bundles: tuple[Bundle, ...] = ()
        self.faults: list[dict[str, Any]] = []
        """What is wrong with the owner's files: catalog, code, message, details."""

    async def load(self) -> None:
        """Read the files as they are; one of the owner's that cannot be used is reported."""
        await asyncio.to_thread(self._load)

    def _load(self) -> None:
        self.faults = []
        for name in CATALOGS:
            for entry in read_catalog(self._files.shipped(name), self._judge).entries:
                self._shipped[entry["id"]] = entry
                self._homes[entry["id"]] = name
        self.bundles = tuple(
            Bundle(each["id"], each["name"], each["family"], tuple(each["entries"]))
            for each in orjson.loads(self._files.shipped("bundles"))["bundles"]
        )
        for name in CATALOGS:
            try:
                data = self._files.overlay(name)
                document = Document() if data is None else read_catalog(data, self._judge)
                self._merged({**self._overlay, name: document})
            except StudioError as error:
                log.warning("the catalog %s.json is left out: %s", name, error.message)
                self.faults.append(
                    {
                        "catalog": name,
                        "code": error.code,
                        "message": error.message,
                        "details": error.details,
                    }
                )
                document = Document()
            self._overlay[name] = document
        self._show(self._merged(self._overlay))

    def _show(self, listed: dict[str, Listed]) -> None:
        self._listed, self._by_hash, self._by_name = listed, {}, {}
        for each in listed.values():
            if each.entry.sha256 is not None:
                self._by_hash.setdefault(each.entry.sha256, each.entry)
            self._by_name.setdefault(base_key(each.entry.file), []).append(each.entry)

    def _merged(self, overlay: Mapping[str, Document]) -> dict[str, Listed]:
        """Every entry.

        Raises:
            InvalidCatalog: an entry of the owner's own lacks something.
        """
        found = {
            entry_id: Listed(self._entry(entry), self._homes[entry_id], "shipped")
            for entry_id, entry in self._shipped.items()
        }
        for name, document in overlay.items():
            for entry in document.entries:
                base = self._shipped.get(entry["id"], {})
                origin = "changed" if base else "own"
                found[entry["id"]] = Listed(self._entry({**base, **entry}), name, origin)
            for entry_id in document.removed:
                found.pop(entry_id, None)
        return found

    def _entry(self, entry: Mapping[str, Any]) -> Entry:
        known = complete(entry)
        family = self.families.find(known.family)
        return known if family is None else replace(known, family=family.id)

    def all(self) -> list[Listed]:
        """Every entry, by name."""
        return sorted(self._listed.values(), key=lambda each: each.entry.name.casefold())

    def get(self, entry_id: str) -> Listed:
        """Raises ``NotFound``."""
        found = self._listed.get(entry_id)
        if found is None:
            raise NotFound("The catalogs have no such entry.")
        return found

    def find(self, name: str, folder: str | None, sha256: str | None) -> tuple[Entry, str] | None:
        """The entry that a wanted file most likely is, and how that is known: ``hash``, ``name``.

        By name only where the folder does not contradict.
        """
        if sha256 is not None and sha256 in self._by_hash:
            return self._by_hash[sha256], "hash"
        folder = ALIASES.get(folder or "", folder)
        for entry in self._by_name.get(base_key(name), ()):
            if folder in (None, entry.folder):
                return entry, "name"
        return None

    def entry_of(self, file: ModelFile) -> Entry | None:
        """The entry that a file on disk is, unless size or hash say otherwise."""
        found = self.find(file.name, file.folder, file.sha256)
        if found is None:
            return None
        entry, match = found
        if match == "name" and entry.size_bytes not in (None, file.size_bytes):
            return None
        is_other = match == "name" and entry.sha256 and file.sha256
        return None if is_other else entry

    def half_of(self, entry: Entry) -> tuple[str, str] | None:
        """Of a model of two noise passes: its own role, and the file of the other half."""
        if entry.pair is None:
            return None
        other = self._listed.get(entry.pair["with"])
        return None if other is None else (entry.pair["role"], other.entry.file)

    def bundle(self, bundle_id: str) -> tuple[Bundle, list[Entry]]:
        """A bundle and its entries, without those that the owner removed.

        Raises:
            NotFound.
        """
        for bundle in self.bundles:
            if bundle.id == bundle_id:
                known = [self._listed[each] for each in bundle.entries if each in self._listed]
                return bundle, [listed.entry for listed in known]
        raise NotFound("There is no such bundle.")

    async def put(self, entry: Mapping[str, Any]) -> Listed:
        """Store an entry of the owner's, or their changes of a shipped one.

        Raises:
            InvalidCatalog: what is wrong, and where.
            StorageUnavailable.
        """
        await self.take({"catalog": _VERSION, "entries": [entry]})
        return self.get(entry["id"])

    async def remove(self, entry_id: str) -> None:
        """Take an entry out; a shipped one stays away until it is stored again.

        Raises:
            NotFound, StorageUnavailable.
        """
        name = self.get(entry_id).catalog

        def change(document: Document) -> Document:
            rest = tuple(each for each in document.entries if each["id"] != entry_id)
            gone = {*document.removed, entry_id} if entry_id in self._shipped else document.removed
            return Document(rest, tuple(sorted(gone)))

        async with self._changing:
            await self._store({name: change(self._overlay[name])})

    async def reset(self, entry_id: str) -> Listed:
        """Forget what the owner changed of a shipped entry.

        Raises:
            NotFound: it is no shipped one.
            StorageUnavailable.
        """
        if entry_id not in self._shipped:
            raise NotFound("There is no such entry in this release.")
        async with self._changing:
            changed = {
                name: Document(
                    tuple(each for each in document.entries if each["id"] != entry_id),
                    tuple(each for each in document.removed if each != entry_id),
                )
                for name, document in self._overlay.items()
            }
            await self._store(
                {name: each for name, each in changed.items() if each != self._overlay[name]}
            )
        return self.get(entry_id)

    async def take(self, given: Mapping[str, Any]) -> int:
        """Import a catalog: all of its entries, or none when one has a fault.

        Raises:
            InvalidCatalog: what is wrong, and where.
            StorageUnavailable.
        """
        document = read_catalog(given, self._judge)
        async with self._changing:
            changed: dict[str, dict[str, dict[str, Any]]] = {}
            for entry in document.entries:
                name = self._home(entry)
                if name not in changed:
                    changed[name] = {each["id"]: each for each in self._overlay[name].entries}
                changed[name][entry["id"]] = self._difference(entry)
            taken = {each["id"] for each in document.entries}
            await self._store(
                {
                    name: Document(
                        tuple(each for each in found.values() if len(each) > 1),
                        tuple(each for each in self._overlay[name].removed if each not in taken),
                    )
                    for name, found in changed.items()
                }
            )
        return len(document.entries)

    def export(self, *, own: bool) -> dict[str, Any]:
        """Entries as a catalog file: all of them, or only the owner's and those they changed."""
        return {
            "catalog": _VERSION,
            "entries": [
                listed.entry.body()
                for listed in self.all()
                if not own or listed.origin != "shipped"
            ],
        }

    def _home(self, entry: Mapping[str, Any]) -> str:
        known = self._listed.get(entry["id"])
        if known is not None:
            return known.catalog
        if entry["id"] in self._homes:
            return self._homes[entry["id"]]
        folder = entry.get("folder")
        return {LLM: LLM, _LORAS: _LORAS}.get(str(folder), CATALOGS[0])

    def _difference(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """What an entry says that the shipped one of its id does not."""
        base = self._shipped.get(entry["id"], {})
        said = {name: value for name, value in entry.items() if base.get(name, ...) != value}
        return {"id": entry["id"], **said}

    async def _store(self, changed: Mapping[str, Document]) -> None:
        overlay = {**self._overlay, **changed}
        listed = self._merged(overlay)
        _refuse_doubles(listed)
        damaged = {fault["catalog"] for fault in self.faults}
        await asyncio.to_thread(
            self._files.write,
            {name: _json(document) for name, document in changed.items()},
            keep=damaged,
        )
        self._overlay = overlay
        self._show(listed)
        self.faults = [fault for fault in self.faults if fault["catalog"] not in changed]


def _refuse_doubles(listed: Mapping[str, Listed]) -> None:
    """Two entries for one place, of which one must be wrong.

    Raises:
        InvalidCatalog.
    """
    places: dict[tuple[str, str], Listed] = {}
    problems = []
    for each in listed.values():
        other = places.setdefault((each.entry.folder, each.entry.file), each)
        if other is each or "own" not in (each.origin, other.origin):
            continue
        hashes = {each.entry.sha256, other.entry.sha256} - {None}
        if len(hashes) > 1:
            what = f"“{other.entry.id}” is a file of this name with another hash."
            problems.append((f"{each.entry.id}.file", what))
    if problems:
        raise refusal(problems)


def _json(document: Document) -> bytes:
    content: dict[str, Any] = {"catalog": _VERSION, "entries": list(document.entries)}
    if document.removed:
        content["removed"] = list(document.removed)
    return orjson.dumps(content, option=orjson.OPT_INDENT_2)


def offer_entry(catalog: Catalog, model: Mapping[str, Any]) -> dict[str, Any]:
    """What a catalog knows of a model that a workflow names: nothing, or where it can be had."""
    directory = model.get("directory")
    folder = str(directory).partition("/")[0] if directory else None
    found = catalog.find(str(model["file"]), folder, model.get("sha256"))
    if found is None:
        return {}
    entry, match = found
    return {
        "entry": entry.id,
        "match": match,
        "reference": entry.reference,
        "directory": entry.folder,
        "page": entry.page,
    }
