"""Node packs that are known by name: where they are, and which classes they bring.

The list of this release pins each to a commit that somebody looked at. The owner's own list beside
it adds packs, or says something else about one.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import jsonschema

from boot.packs import PackRefused, check_name, check_url
from studio.errors import StorageUnavailable
from studio.store.catalog_files import CatalogFiles

log = logging.getLogger(__name__)

FILE: Final = "nodes"
SCHEMA_FILE: Final = "nodes.schema"


@dataclass(frozen=True, slots=True)
class KnownPack:
    """A pack of the registry; ``name`` is its folder, ``commit`` the one that is installed."""

    name: str
    title: str
    description: str
    url: str
    commit: str
    license: str
    classes: tuple[str, ...]


class NodeRegistry:
    """The packs of both lists."""

    def __init__(self, packs: Iterable[KnownPack]) -> None:
        self.packs: Mapping[str, KnownPack] = {pack.name: pack for pack in packs}
        self._by_class = {name: pack for pack in self.packs.values() for name in pack.classes}

    def provider(self, class_type: str) -> KnownPack | None:
        """The pack that brings a class."""
        return self._by_class.get(class_type)

    def providers(self, classes: Sequence[str]) -> dict[str, list[str]]:
        """Of these classes the ones that a pack brings, by the pack's name."""
        found: dict[str, list[str]] = {}
        for class_type in classes:
            pack = self.provider(class_type)
            if pack is not None:
                found.setdefault(pack.name, []).append(class_type)
        return found


def read_registry(files: CatalogFiles) -> NodeRegistry:
    """Read both lists; what is wrong with the owner's is logged, and it counts for nothing."""
    schema = jsonschema.Draft202012Validator(json.loads(files.shipped(SCHEMA_FILE)))
    packs = _read(json.loads(files.shipped(FILE)), schema)
    try:
        own = files.overlay(FILE)
        packs += [] if own is None else _read(json.loads(own), schema)
    except (StorageUnavailable, ValueError, jsonschema.ValidationError) as error:
        said = error.message if hasattr(error, "message") else str(error)
        log.warning("the owner's list of node packs is not used: %s", said[:300])
    return NodeRegistry(packs)


def _read(said: Any, schema: jsonschema.Draft202012Validator) -> list[KnownPack]:
    schema.validate(said)
    packs = []
    for each in said["packs"]:
        try:
            check_name(each["name"])
            check_url(each["url"])
        except PackRefused as refused:
            raise ValueError(f"{each['name'][:80]}: {refused}") from None
        packs.append(KnownPack(**{**each, "classes": tuple(each["classes"])}))
    return packs
