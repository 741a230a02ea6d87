"""What a reference leads to, before anybody fetches it: the file, and the folder that it is for."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Final
from urllib.parse import unquote, urlsplit

from studio.models import Identity
from studio.remote import RemoteFile, Resolver
from studio.services.catalog import Catalog
from studio.services.catalog_entries import Entry
from studio.services.installs import Inventory
from studio.services.model_checks import PICKLES
from studio.services.model_facts import STANDARD_FOLDERS
from studio.store.model_files import ModelFile, ModelFileStore
from studio.store.model_roots import ALIASES, LLM, is_model_folder

_WORDS: Final[tuple[tuple[str, re.Pattern[str]], ...]] = (
    # What names of files and repositories tell, the surest first.
    ("loras", re.compile(r"(?<![a-z])lo(?:ra|con|kr)s?(?![a-z])")),
    ("controlnet", re.compile(r"control[-_ ]?(?:net|lora)|(?<![a-z])t2i[-_]?adapter")),
    ("clip_vision", re.compile(r"clip[-_ ]?vision|image[-_]?encoder")),
    (
        "text_encoders",
        re.compile(r"text[-_ ]?encoder|(?<![a-z])(?:t5(?:xxl|gemma)?|umt5|clip[-_][gl])(?![a-z])"),
    ),
    ("vae", re.compile(r"(?<![a-z])(?:tae|vae)(?![a-z])")),
    ("upscale_models", re.compile(r"esrgan|upscale|(?<![0-9a-z])[248]x[-_]")),
    ("embeddings", re.compile(r"(?<![a-z])embeddings?(?![a-z])|textual[-_ ]inversion")),
)
_GGUF: Final = ".gguf"


@dataclass(frozen=True, slots=True)
class Look:
    """What a reference leads to.

    ``folder`` is where the file belongs and ``told_by`` who says so: ``catalog``, ``hub``, or
    ``name``, which is a guess. ``here`` is the file when its bytes are there already.
    """

    remote: RemoteFile
    folder: str | None
    told_by: str | None
    entry: Entry | None
    here: ModelFile | None
    is_pickle: bool


class ReferenceLooks:
    """Asks where a file is, and guesses where it goes.

    Args:
        reach: raises when nobody answers at an address.
    """

    def __init__(
        self,
        *,
        resolver: Resolver,
        reach: Callable[[str], Awaitable[None]],
        catalog: Catalog,
        files: ModelFileStore,
    ) -> None:
        self._resolver = resolver
        self._reach = reach
        self._catalog = catalog
        self._files = files

    async def look(self, identity: Identity, reference: str) -> Look:
        """What a reference leads to.

        Raises:
            StudioError: it is none, there is no such file, or it may not be had.
        """
        remote = await self._resolver.resolve(reference.strip(), identity)
        if remote.token is None:
            # A hub was asked just now; of an address nobody knows yet whether it leads anywhere.
            await self._reach(remote.url)
        inventory = Inventory(await self._files.all())
        known = self._catalog.find(remote.name, None, remote.sha256)
        entry = known[0] if known is not None and known[1] == "hash" else None
        folder, told_by = self._folder(remote, reference, entry)
        return Look(
            remote,
            folder,
            told_by,
            entry,
            inventory.by_hash(remote.sha256),
            PurePosixPath(remote.name.lower()).suffix in PICKLES,
        )

    def _folder(
        self, remote: RemoteFile, reference: str, entry: Entry | None
    ) -> tuple[str | None, str | None]:
        if entry is not None:
            return entry.folder, "catalog"
        if remote.folder is not None:
            return remote.folder, "hub"
        guess = guessed_folder(f"{_path(reference)}/{remote.name}")
        return guess, None if guess is None else "name"


def guessed_folder(place: str) -> str | None:
    """The folder that a file's path at its source speaks for, ``None`` when it says nothing."""
    parts = [part.lower() for part in place.split("/") if part]
    for part in reversed(parts[:-1]):
        folder = ALIASES.get(part, part)
        if folder in STANDARD_FOLDERS and is_model_folder(folder):
            return folder
    for part in reversed(parts):
        for folder, pattern in _WORDS:
            if pattern.search(part):
                return folder
    return LLM if parts and parts[-1].endswith(_GGUF) else None


def _path(reference: str) -> str:
    if "://" in reference:
        return unquote(urlsplit(reference.strip()).path)
    return reference.strip().partition(":")[2].partition("@")[0]
