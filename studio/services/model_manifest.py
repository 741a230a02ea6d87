"""Models that a Studio is to have, as a file beside it says: fetched at every start, if missing.

A manifest never stops Studio. What cannot be read or fetched is told in the log and in the notices
of ``/ready``; the rest goes on.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from studio.errors import InvalidManifest, StudioError
from studio.graphs.manifests.document import read_document
from studio.graphs.problems import clip
from studio.models import OWNER_ID
from studio.remote import Wish, without_query
from studio.services.catalog import Catalog
from studio.services.catalog_entries import Judge, complete, read_catalog
from studio.services.installs import Download, Downloads, Inventory, wish_of, with_eyes
from studio.services.model_files import ModelFiles

log = logging.getLogger(__name__)

MAX_ENTRIES: Final = 500
_SHOWN: Final = 80
_CREDENTIALS: Final = re.compile(r"//[^/]*@")
_KEYS: Final = ("before", "after")
_FIELDS: Final = frozenset({"reference", "folder", "name", "sha256", "size_bytes", "allow_pickle"})


@dataclass(frozen=True, slots=True)
class Planned:
    """One file of the manifest, and where it is said."""

    where: str
    wish: Wish


class ModelManifest:
    """Brings what the manifest asks for.

    Args:
        hold: keeps ``/ready`` from saying yes, for a reason; ``None`` lets go.
        note: tells the owner a sentence.
        judge: refuses addresses that nothing is fetched from.
    """

    def __init__(
        self,
        *,
        path: Path,
        catalog: Catalog,
        files: ModelFiles,
        downloads: Downloads,
        hold: Callable[[str | None], None],
        note: Callable[[str], None],
        judge: Judge,
    ) -> None:
        self._path = path
        self._catalog = catalog
        self._files = files
        self._downloads = downloads
        self._hold = hold
        self._note = note
        self._judge = judge

    async def run(self) -> None:
        """Fetch everything that is missing; the body of a task, which ends."""
        try:
            planned = await asyncio.to_thread(self._read)
            await self._files.scan()
        except StudioError as error:
            self._fail(f"The manifest of models cannot be used: {error.message}")
            return
        if planned["before"]:
            self._hold("models: those of the manifest are being fetched")
        try:
            first = await self._ask(planned["before"])
            # Once, not until it succeeds: a hub that is away keeps nobody from working.
            for each, download in first.items():
                tried = await self._downloads.tried(download.id)
                if tried.state != "done" and tried.error is not None:
                    log.warning("%s is not there yet: %s", each.where, tried.error.message)
            self._hold(None)
            asked = {**first, **await self._ask(planned["after"])}
            await asyncio.gather(*(self._follow(where, one) for where, one in asked.items()))
        except StudioError as error:
            self._fail(f"The manifest of models was not finished: {error.message}")
        finally:
            self._hold(None)

    async def _ask(self, planned: list[Planned]) -> dict[Planned, Download]:
        """Have fetched what is not there."""
        inventory, asked = Inventory(await self._files.all()), {}
        for each in planned:
            if inventory.has(each.wish):
                continue
            try:
                asked[each] = await self._downloads.add(each.wish, by=OWNER_ID)
            except StudioError as error:
                self._not_fetched(each, error.message)
        return asked

    async def _follow(self, planned: Planned, download: Download) -> None:
        ended = await self._downloads.wait(download.id)
        if ended.state != "done":
            reason = ended.error.message if ended.error else f"it is {ended.state}."
            self._not_fetched(planned, reason)

    def _not_fetched(self, planned: Planned, reason: str) -> None:
        self._fail(f"The manifest's {planned.where} was not fetched: {reason}")

    def _fail(self, sentence: str) -> None:
        log.warning("%s", sentence)
        self._note(sentence)

    def _read(self) -> dict[str, list[Planned]]:
        try:
            data = self._path.read_bytes()
        except OSError as error:
            raise InvalidManifest(f"{self._path.name}: {error.strerror}.") from error
        content = read_document(data).data
        if not isinstance(content, dict) or not content.keys() <= {*_KEYS}:
            raise InvalidManifest("It has lists under “before” and “after”, and nothing else.")
        return {key: self._list(key, content.get(key) or []) for key in _KEYS}

    def _list(self, key: str, listed: object) -> list[Planned]:
        if not isinstance(listed, list):
            raise InvalidManifest(
                f"“{key}” is no list: each model has a line of its own that begins with “-”."
            )
        if len(listed) > MAX_ENTRIES:
            raise InvalidManifest(
                f"“{key}” has {len(listed)} models, and at most {MAX_ENTRIES} are allowed."
            )
        found: list[Planned] = []
        for number, each in enumerate(listed):
            where = f"{key}[{number}]{_title(each)}"
            try:
                found += [Planned(where, wish) for wish in self._wishes(each)]
            except StudioError as error:
                # One that is wrong keeps none of the others away.
                self._fail(f"The manifest's {where} cannot be used: {error.message}")
        return found

    def _wishes(self, each: object) -> list[Wish]:
        if isinstance(each, str):
            return [wish_of(entry) for entry in with_eyes(self._catalog, each)]
        if not isinstance(each, Mapping):
            raise InvalidManifest(
                "It is neither the id of an entry, nor a bundle, nor a reference with its folder."
            )
        if each.keys() == {"bundle"}:
            return [wish_of(entry) for entry in self._catalog.bundle(str(each["bundle"]))[1]]
        if lacking := [name for name in ("reference", "folder") if name not in each]:
            raise InvalidManifest(f"It lacks {' and '.join(lacking)}.")
        if unknown := [clip(str(name), _SHOWN) for name in each if name not in _FIELDS]:
            known = ", ".join(sorted(_FIELDS))
            raise InvalidManifest(f"“{unknown[0]}” is none of its fields: {known}.")
        return [_wish(each, self._judge)]


def _title(each: object) -> str:
    """What an entry calls its model, to find it again: without what may be a secret."""
    if isinstance(each, Mapping):
        named = (each.get(name) for name in ("bundle", "name", "reference"))
        each = next((name for name in named if isinstance(name, str)), None)
    if not isinstance(each, str):
        return ""
    return f" “{clip(_CREDENTIALS.sub('//', without_query(each)), _SHOWN)}”"


def _wish(said: Mapping[str, Any], judge: Judge) -> Wish:
    """A wish in the manifest's own words, checked as an entry of a catalog is."""
    name = str(said.get("name") or "model")
    entry = {
        "id": "manifest",
        "name": "manifest",
        "folder": said["folder"],
        "file": name,
        "reference": said["reference"],
        "sha256": said.get("sha256"),
        "size_bytes": said.get("size_bytes"),
    }
    document = read_catalog({"catalog": 1, "entries": [entry]}, judge)
    checked = complete(document.entries[0])
    return wish_of(
        checked,
        name=name if "name" in said else None,
        allow_pickle=said.get("allow_pickle") is True,
    )
