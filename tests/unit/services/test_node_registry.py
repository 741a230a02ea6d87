"""The list of node packs: the shipped one is right, the owner's is used, a wrong one is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from studio.nodes import SHIPPED
from studio.services.node_registry import NodeRegistry, read_registry
from studio.store.catalog_files import CatalogFiles

OWN = {
    "name": "own-pack",
    "title": "Own",
    "description": "",
    "url": "https://example.org/own-pack",
    "commit": "1" * 40,
    "license": "MIT",
    "classes": ["OwnNode"],
}


def registry(overlay: Path, content: Any = None) -> NodeRegistry:
    if content is not None:
        (overlay / "nodes.json").write_text(json.dumps(content))
    return read_registry(CatalogFiles(shipped=SHIPPED, overlay=overlay))


def test_every_shipped_pack_is_called_as_its_address_says_and_brings_classes(
    tmp_path: Path,
) -> None:
    packs = registry(tmp_path).packs
    assert packs
    for pack in packs.values():
        assert pack.url.rpartition("/")[2] == pack.name and pack.url.startswith("https://")
        assert pack.classes and list(pack.classes) == sorted(pack.classes)


def test_missing_classes_lead_to_the_packs_that_bring_them(tmp_path: Path) -> None:
    found = registry(tmp_path).providers(["UnetLoaderGGUF", "IPAdapter", "Nobodys"])
    assert found == {"ComfyUI-GGUF": ["UnetLoaderGGUF"], "ComfyUI_IPAdapter_plus": ["IPAdapter"]}


def test_the_owners_list_adds_packs_and_replaces_what_it_names(tmp_path: Path) -> None:
    other = {**OWN, "name": "ComfyUI-GGUF"}
    packs = registry(tmp_path, {"catalog": 1, "packs": [OWN, other]}).packs
    assert packs["own-pack"].classes == ("OwnNode",)
    assert packs["ComfyUI-GGUF"].commit == "1" * 40


def test_a_list_of_the_owners_that_is_wrong_counts_for_nothing(tmp_path: Path) -> None:
    shipped = set(registry(tmp_path).packs)
    wrongs: list[Any] = [[], {"catalog": 2, "packs": []}]
    for wrong in (*wrongs, {"catalog": 1, "packs": [{**OWN, "url": "x"}]}):
        assert set(registry(tmp_path, wrong).packs) == shipped
    hostile = {**OWN, "url": "https://me:secret@example.org/own-pack"}
    assert set(registry(tmp_path, {"catalog": 1, "packs": [hostile]}).packs) == shipped
