"""Catalogs: what is shipped is sound, what the owner changes survives, what is wrong is told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from studio.errors import InvalidCatalog, NotFound
from studio.net import Outbound
from studio.services.catalog import Catalog
from studio.services.catalog_entries import FOLDER, SCHEMA, is_reference, read_catalog
from studio.store.catalog_files import CATALOGS, CatalogFiles

SHA = "a" * 64
NAMING = (".json", ".yaml")
"""Kinds of files of a workflow that name models."""
OWN = {
    "id": "my-lora",
    "name": "Mine",
    "folder": "loras",
    "file": "sub/mine.safetensors",
    "reference": "https://example.org/mine.safetensors",
}


async def opened(folder: Path) -> Catalog:
    files = CatalogFiles(shipped=FOLDER, overlay=folder / "catalogs")
    catalog = Catalog(files, Outbound(()).check)
    await catalog.load()
    return catalog


def stored(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "catalogs" / f"{name}.json").read_bytes())
    return content


async def test_the_shipped_catalogs_are_whole_and_agree_with_each_other(tmp_path: Path) -> None:
    catalog = await opened(tmp_path)
    listed = catalog.all()
    assert len(listed) >= 300 and catalog.faults == []
    assert sum(each.entry.sha256 is not None for each in listed) >= 100
    places = [(each.entry.folder, each.entry.file) for each in listed]
    assert len(places) == len(set(places))
    ids = {each.entry.id for each in listed}
    for each in listed:
        assert each.entry.reference.startswith("hf:")
        assert each.entry.file.endswith((".safetensors", ".gguf"))
        if each.entry.family is not None:
            assert catalog.families.find(each.entry.family) is not None
        if each.entry.pair is not None:
            other = catalog.get(each.entry.pair["with"]).entry
            assert other.pair is not None and other.pair["with"] == each.entry.id
            assert {other.pair["role"], each.entry.pair["role"]} == {"high", "low"}
    for bundle in catalog.bundles:
        assert bundle.entries and set(bundle.entries) <= ids
        assert bundle.family is None or catalog.families.find(bundle.family) is not None
    for name in CATALOGS:
        jsonschema.Draft202012Validator(SCHEMA).validate(
            json.loads((FOLDER / f"{name}.json").read_bytes())
        )


def test_the_shipped_bundles_are_as_their_schema_says() -> None:
    schemas = {
        name: json.loads((FOLDER / name).read_bytes())
        for name in ("catalog.schema.json", "bundles.schema.json")
    }
    bundles = json.loads((FOLDER / "bundles.json").read_bytes())
    assert bundles["$schema"] == "bundles.schema.json"
    registry = Registry().with_resources(
        (name, DRAFT202012.create_resource(schema)) for name, schema in schemas.items()
    )
    judge = jsonschema.Draft202012Validator(schemas["bundles.schema.json"], registry=registry)
    assert list(judge.iter_errors(bundles)) == []
    assert list(judge.iter_errors({**bundles, "bundles": [{"id": "../x"}]})) != []


async def test_each_shipped_workflow_has_a_bundle_with_all_of_its_models(tmp_path: Path) -> None:
    catalog = await opened(tmp_path)
    files = {
        bundle.id: {entry.file for entry in catalog.bundle(bundle.id)[1]}
        for bundle in catalog.bundles
    }
    needing = 0
    for workflow in (FOLDER.parent / "workflows").iterdir():
        texts = [path.read_text() for path in workflow.rglob("*") if path.suffix in NAMING]
        needed = {name for text in texts for name in re.findall(r"[\w.-]+\.safetensors", text)}
        needing += bool(needed)
        assert not needed or any(needed <= has for has in files.values()), workflow.name
    assert needing >= 10


@pytest.mark.parametrize(
    ("spelling", "family"),
    [
        ("Flux.1 D", "flux-1"),
        ("FLUX.1-dev", "flux-1"),
        ("black-forest-labs/FLUX.1-dev", "flux-1"),
        ("flux-1-dev/lora", "flux-1"),
        ("SDXL 1.0", "sdxl"),
        ("sdxl_base_v1-0", "sdxl"),
        ("stable-diffusion-xl-v1-base/lora", "sdxl"),
        ("  sd  1.5 ", "sd-1.5"),
        ("Wan Video 2.2 I2V-A14B", "wan-2.2"),
        ("ZImageTurbo", "z-image"),
        ("Other", None),
        ("", None),
    ],
)
async def test_every_spelling_of_a_base_model_means_the_same(
    tmp_path: Path, spelling: str, family: str | None
) -> None:
    found = (await opened(tmp_path)).families.find(spelling)
    assert (found.id if found else None) == family


async def test_what_fits_together_is_known_by_the_architecture(tmp_path: Path) -> None:
    families = (await opened(tmp_path)).families
    assert families.compatible("Pony", "SDXL 1.0") is True
    assert families.compatible("Illustrious", "pony") is True
    assert families.compatible("SD 1.5", "SDXL 1.0") is False
    assert families.compatible("Wan Video 2.2 T2V-A14B", "Wan Video") is True
    assert families.compatible("Wan Video 2.2 TI2V-5B", "Wan Video") is False
    assert families.compatible("Other", "SDXL 1.0") is None


async def test_only_what_the_owner_changed_is_kept_so_the_rest_follows_updates(
    tmp_path: Path,
) -> None:
    catalog = await opened(tmp_path)
    shipped = catalog.get("ae").entry
    await catalog.put({**shipped.body(), "name": "Our VAE", "trigger_words": []})
    assert stored(tmp_path, "models")["entries"] == [{"id": "ae", "name": "Our VAE"}]
    again = await opened(tmp_path)
    assert again.get("ae").origin == "changed"
    assert again.get("ae").entry.name == "Our VAE"
    assert again.get("ae").entry.sha256 == shipped.sha256
    assert (await again.reset("ae")).entry == shipped
    assert (await opened(tmp_path)).get("ae").origin == "shipped"


async def test_an_entry_of_ones_own_comes_goes_and_comes_back(tmp_path: Path) -> None:
    catalog = await opened(tmp_path)
    assert (await catalog.put(OWN)).origin == "own"
    assert [each["id"] for each in stored(tmp_path, "loras")["entries"]] == ["my-lora"]
    await catalog.remove("my-lora")
    await catalog.remove("sd-xl-base-1.0")
    again = await opened(tmp_path)
    for gone in ("my-lora", "sd-xl-base-1.0"):
        with pytest.raises(NotFound):
            again.get(gone)
    assert "sd-xl-base-1.0" not in {entry.id for entry in again.bundle("sdxl")[1]}
    assert (await again.reset("sd-xl-base-1.0")).origin == "shipped"
    with pytest.raises(NotFound):
        await again.reset("my-lora")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        ({"file": "../../etc/cron.d/x"}, "entries[1].file"),
        ({"file": "/abs.safetensors"}, "entries[1].file"),
        ({"file": "a\\b.safetensors"}, "entries[1].file"),
        ({"file": "con.safetensors"}, "entries[1].file"),
        ({"folder": "../loras"}, "entries[1].folder"),
        ({"folder": "custom_nodes"}, "entries[1].folder"),
        ({"reference": "file:///etc/passwd"}, "entries[1].reference"),
        ({"reference": "http://example.org/x"}, "entries[1].reference"),
        ({"reference": "https://anna:pw@example.org/x"}, "entries[1].reference"),
        ({"reference": "https://example.org/x?token=canary"}, "entries[1].reference"),
        ({"reference": "https://169.254.169.254/latest/meta-data"}, "entries[1].reference"),
        ({"reference": "https://[::ffff:10.0.0.1]/x"}, "entries[1].reference"),
        ({"reference": "hf:a/b/../../c"}, "entries[1].reference"),
        ({"reference": "civitai:12x"}, "entries[1].reference"),
        ({"sha256": "ABC"}, "entries[1].sha256"),
        ({"size_bytes": -1}, "entries[1].size_bytes"),
        ({"page": "javascript:alert(1)"}, "entries[1].page"),
        ({"name": "a\u202egnp.exe"}, "entries[1].name"),
        ({"dest": "/etc"}, "entries[1]"),
        ({"id": "Über"}, "entries[1].id"),
        ({"id": "fine"}, "entries[1].id"),
    ],
)
async def test_a_hostile_import_is_refused_whole_and_says_where(
    tmp_path: Path, change: dict[str, Any], where: str
) -> None:
    catalog = await opened(tmp_path)
    before = catalog.export(own=False)
    good = {**OWN, "id": "fine"}
    with pytest.raises(InvalidCatalog) as refused:
        await catalog.take({"catalog": 1, "entries": [good, {**OWN, "id": "bad"} | change]})
    assert refused.value.details is not None
    assert refused.value.details["problems"][0]["path"] == where
    assert "canary" not in str(refused.value.details)
    assert catalog.export(own=False) == before
    assert not (tmp_path / "catalogs").exists()


async def test_an_own_entry_needs_all_that_an_entry_needs(tmp_path: Path) -> None:
    catalog = await opened(tmp_path)
    with pytest.raises(InvalidCatalog) as refused:
        await catalog.put({"id": "bare", "name": "Bare"})
    assert "bare.folder" in str(refused.value)


async def test_two_entries_of_one_place_must_not_disagree(tmp_path: Path) -> None:
    catalog = await opened(tmp_path)
    shipped = catalog.get("sdxl-vae").entry
    twin = {**OWN, "folder": shipped.folder, "file": shipped.file, "sha256": SHA}
    with pytest.raises(InvalidCatalog) as refused:
        await catalog.put(twin)
    assert "another hash" in str(refused.value)


async def test_a_damaged_file_of_the_owners_is_reported_and_not_lost(tmp_path: Path) -> None:
    folder = tmp_path / "catalogs"
    folder.mkdir()
    (folder / "models.json").write_text('{"catalog": 1, "entries": [')
    (folder / "loras.json").write_text(json.dumps({"catalog": 1, "entries": [OWN]}))
    catalog = await opened(tmp_path)
    assert [fault["catalog"] for fault in catalog.faults] == ["models"]
    assert catalog.faults[0]["code"] == "invalid_catalog"
    assert catalog.get("my-lora").origin == "own"
    assert catalog.get("ae").origin == "shipped"
    await catalog.put({"id": "ae", "name": "Ours"})
    assert (folder / "models.json.unreadable").read_text() == '{"catalog": 1, "entries": ['
    assert catalog.faults == []


async def test_an_export_can_be_imported_elsewhere(tmp_path: Path) -> None:
    one, other = await opened(tmp_path / "one"), await opened(tmp_path / "other")
    await one.put(OWN)
    await one.put({"id": "ae", "name": "Ours"})
    exported = json.loads(json.dumps(one.export(own=True)))
    assert len(exported["entries"]) == 2
    assert await other.take(exported) == 2
    assert other.export(own=False) == one.export(own=False)


async def test_an_entry_is_found_by_its_hash_before_its_name(tmp_path: Path) -> None:
    catalog = await opened(tmp_path)
    vae = catalog.get("sdxl-vae").entry
    found = catalog.find("renamed.safetensors", "vae", vae.sha256)
    assert found == (vae, "hash")
    found = catalog.find("sub/SDXL_VAE.safetensors", "vae", None)
    assert found == (vae, "name")
    assert catalog.find(vae.file, "loras", None) is None


@pytest.mark.parametrize(
    "reference",
    [
        "https://example.org/a/b.safetensors?download=true",
        "hf:Comfy-Org/flux1-dev/flux1-dev-fp8.safetensors@main",
        "hf:a/b/c/d.gguf@0123456789abcdef",
        "hf:a/b/c.gguf",
        "civitai:12345",
        "civitai:12345/678",
    ],
)
def test_what_names_a_remote_file_is_a_reference(reference: str) -> None:
    assert is_reference(reference)


def test_a_catalog_is_an_object_of_its_version() -> None:
    for wrong in (b"[]", b'{"catalog": 2, "entries": []}', b'{"entries": []}', b"", b"\xff"):
        with pytest.raises(InvalidCatalog):
            read_catalog(wrong, Outbound(()).check)
