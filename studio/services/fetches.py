"""What has to be fetched before a job can be sent, as its row remembers it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from studio.graphs.declarations import MODEL_SUFFIXES
from studio.models import Job, fetched_name
from studio.store.model_cache import Place

KEY: Final = "fetches"
"""Where a job's ``extra`` has them."""

_USUAL_SUFFIX: Final = ".safetensors"


@dataclass(frozen=True, slots=True)
class Fetch:
    """One value of a graph that is to be fetched, and the name that it gets for the engine."""

    node_id: str
    path: tuple[str | int, ...]
    folder: str
    name: str
    reference: str
    credential: int | None = None
    """Which of the job's credentials it is fetched with."""

    @property
    def place(self) -> Place:
        return self.folder, self.name

    @property
    def title(self) -> str:
        """What people call it."""
        return fetched_name(self.reference).rpartition("/")[2][:100]


def fetches_of(job: Job) -> list[Fetch]:
    """All of a job's."""
    return [
        Fetch(node_id, tuple(path), folder, name, reference, credential)
        for node_id, path, folder, name, reference, credential in job.extra.get(KEY, ())
    ]


def fetch_records(fetches: Iterable[Fetch]) -> list[list[Any]]:
    """How a job's row remembers them."""
    return [
        [each.node_id, list(each.path), each.folder, each.name, each.reference, each.credential]
        for each in fetches
    ]


def cached_names(fetches: Iterable[Fetch]) -> Mapping[tuple[str, tuple[str | int, ...]], str]:
    """The names that take the place of references, as ``replace_references`` takes them."""
    return {(fetch.node_id, fetch.path): fetch.name for fetch in fetches}


def cached_name(reference: str, mark: bytes | None = None) -> str:
    """The name of a reference's file in the cache: two of them never have the same.

    Args:
        mark: of the credentials that it is fetched with; who has others gets another file.
    """
    digest = mark or hashlib.sha224(reference.encode()).digest()
    return digest.hex() + _suffix(reference)


def _suffix(reference: str) -> str:
    """The ending that a reference shows; where it shows none, that of nearly all models."""
    path = reference.partition("@")[0] if reference.startswith("hf:") else urlsplit(reference).path
    suffix = PurePosixPath(unquote(path)).suffix.lower()
    return suffix if suffix in MODEL_SUFFIXES else _USUAL_SUFFIX
