"""Base models under one name each: hubs, trainers and file headers all spell them differently."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_NOISE: Final = re.compile(r"[\W_]+")
_LEAST: Final = 2


@dataclass(frozen=True, slots=True)
class Family:
    """One base model. What was made for another one of its ``architecture`` can be tried on it."""

    id: str
    name: str
    architecture: str


class Families:
    """The table of ``catalogs/families.json``."""

    def __init__(self, listed: Iterable[Mapping[str, Any]]) -> None:
        self._by_id: dict[str, Family] = {}
        self._by_key: dict[str, Family] = {}
        for entry in listed:
            family = Family(entry["id"], entry["name"], entry["architecture"])
            self._by_id[family.id] = family
            for spelling in (family.id, family.name, *entry["aliases"]):
                self._by_key[_key(spelling)] = family

    def __iter__(self) -> Iterator[Family]:
        return iter(self._by_id.values())

    def find(self, spelling: str | None) -> Family | None:
        """The family that a name means, whatever its case, spaces and marks.

        What a header adds after a slash (``stable-diffusion-xl-v1-base/lora``) is no part of it.
        """
        if not spelling:
            return None
        return self._by_key.get(_key(spelling)) or self._by_key.get(
            _key(spelling.rpartition("/")[0])
        )

    def beginning(self, text: str) -> frozenset[str]:
        """The ids of all families of which some spelling begins so; one letter is too little."""
        key = _key(text)
        if len(key) < _LEAST:
            return frozenset()
        return frozenset(each.id for at, each in self._by_key.items() if at.startswith(key))

    def compatible(self, one: str | None, other: str | None) -> bool | None:
        """Whether what belongs to one family works with another; ``None`` if one is unknown."""
        first, second = self.find(one), self.find(other)
        if first is None or second is None:
            return None
        return first.architecture == second.architecture


def _key(spelling: str) -> str:
    return _NOISE.sub("", spelling.casefold())
