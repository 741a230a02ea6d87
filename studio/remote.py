"""Files elsewhere: what is known of one before it is fetched, and who may be asked about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from studio.models import Identity

MODELS: Final = "models"
LLM: Final = "llm"
CACHE: Final = "cache"
_CACHED: Final = re.compile(r"[0-9a-f]{56}\.[a-z0-9]{1,11}")


def is_cached_name(name: str) -> bool:
    """Whether that is how files are named that were fetched for jobs; no other file is."""
    return len(name) > 56 and _CACHED.fullmatch(name) is not None


def without_query(reference: str) -> str:
    """A reference as clients see it: the query of an address may hold a signature."""
    return reference.split("?")[0]


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a server elsewhere, as a reference was understood."""

    url: str
    """Where the bytes are asked for; never carries a secret."""
    name: str
    """The file's own name."""
    size_bytes: int | None = None
    sha256: str | None = None
    """Lower-case hex, as the hub publishes it."""
    etag: str | None = None
    """A strong validator, if it is known before."""
    token: str | None = None
    """Which token a request may carry: never the token. ``huggingface`` or ``civitai``, or the
    place in the cache of a file that is fetched with credentials of a job's."""
    page: str | None = None
    """A page for people, where a licence can be accepted."""
    license: str | None = None
    trigger_words: tuple[str, ...] = ()
    """Of a LoRA, as its author published them."""
    mirrors: tuple[str, ...] = ()
    """Other places of the same bytes; believed only with ``sha256``."""
    folder: str | None = None
    """ComfyUI's type of model, where its hub says what the file is."""
    about_bytes: int | None = None
    """Roughly how large it is, where its hub rounds."""
    wanted_bytes: int | None = None
    """How large it is to be, in the words of whoever wants it."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to have, and where."""

    reference: str
    """``https://...``, ``hf:owner/repo/path@revision`` or ``civitai:<version>[/<file>]``."""
    folder: str
    """ComfyUI's model type, or ``llm``."""
    name: str | None = None
    """Relative to the folder; else the remote file's own."""
    sha256: str | None = None
    size_bytes: int | None = None
    allow_pickle: bool = False
    """The owner's word for this one file."""
    priority: int = 0
    root: str = MODELS
    """``models``, ``llm`` or ``cache``: which tree of folders it belongs to."""
    replace: bool = False
    """The owner's word that a file of other content may be replaced."""


@dataclass(slots=True)
class Claim:
    """A stretch of a file that somebody fetches."""

    index: int
    start: int
    """The next byte that is missing; moves with each write."""
    end: int | None
    """Where it ends, ``None`` while nobody knows how long the file is."""


class Resolver(Protocol):
    """Understands references."""

    async def resolve(self, reference: str, by: Identity | None) -> RemoteFile:
        """What a reference stands for.

        Raises:
            StudioError: it is none, or who knows it refuses.
        """


class Tokens(Protocol):
    """Keeps each token to the host that it belongs to."""

    def headers(self, remote: RemoteFile, url: str) -> Mapping[str, str]:
        """What a request of ``remote`` to exactly ``url`` may carry; empty for any other host."""

    def address(self, remote: RemoteFile, url: str) -> str:
        """Exactly what is asked for in place of ``url``: a token may be a part of it."""
