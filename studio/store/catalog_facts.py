"""What catalogs say of model files, for questions that the files' own rows do not answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import orjson


@dataclass(frozen=True, slots=True)
class CatalogFact:
    """What a catalog says of the file with an id: its name, and its base model if it has one."""

    id: str
    name: str
    family: str | None


def ids_of(facts: Iterable[CatalogFact]) -> str:
    """The ids as JSON, as SQL takes a list."""
    return orjson.dumps([fact.id for fact in facts]).decode()
