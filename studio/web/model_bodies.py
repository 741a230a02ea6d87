"""Model files, entries of catalogs and what a workflow lacks, as the API shows them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from studio.clock import iso
from studio.remote import without_query
from studio.services.catalog import Bundle, Listed
from studio.services.catalog_entries import Entry
from studio.services.families import Families
from studio.services.installs import PRESENT, Inventory, Presence
from studio.services.known_models import Known
from studio.services.model_actions import Dependents
from studio.services.needed_models import Need, Needs, wish_body
from studio.store.model_files import ModelFile


def file_body(
    file: ModelFile, families: Families, known: Known | None, *, writable: bool
) -> dict[str, Any]:
    base_model = file.family or (known.entry.family if known else None)
    family, half = families.find(base_model), known.half if known else None
    return {
        "id": file.id,
        "root": file.root,
        "folder": file.folder,
        "place": file.place,
        "name": file.name,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "checked_at": _time(file.checked_at),
        "expected_sha256": file.expected_sha256,
        "fault": file.fault or None,
        "reference": None if file.reference is None else without_query(file.reference),
        "kind": file.kind,
        "title": file.facts.get("title") or (known.entry.name if known else None),
        "family": base_model,
        "family_name": family.name if family else base_model,
        "belongs_in": file.belongs_in,
        "trigger_words": list(file.trigger_words or (known.entry.trigger_words if known else ())),
        "pair": None if half is None else {"role": half[0], "with": half[1]},
        "facts": file.facts,
        "notes": file.notes,
        "favourite": file.favourite,
        "added_at": iso(file.added_at),
        "used_at": _time(file.used_at),
        "writable": writable,
    }


def dependents_body(found: Dependents) -> dict[str, Any]:
    return {
        "workflows": [{"id": one, "name": name} for one, name in found.workflows],
        "in_use": found.in_use,
    }


def entry_body(listed: Listed, inventory: Inventory, families: Families) -> dict[str, Any]:
    entry = listed.entry
    family = families.find(entry.family)
    return {
        **entry.body(),
        "family_name": family.name if family else entry.family,
        "catalog": listed.catalog,
        "origin": listed.origin,
        **_presence(inventory.presence(entry)),
    }


def bundle_body(bundle: Bundle, entries: list[Entry], inventory: Inventory) -> dict[str, Any]:
    missing = [entry for entry in entries if inventory.presence(entry).state != PRESENT]
    sizes = [entry.size_bytes for entry in missing]
    known = [size for size in sizes if size is not None]
    return {
        "id": bundle.id,
        "name": bundle.name,
        "family": bundle.family,
        "entries": [
            {"id": entry.id, "name": entry.name, **_presence(inventory.presence(entry))}
            for entry in entries
        ],
        "missing": len(missing),
        "missing_bytes": sum(known) if len(known) == len(sizes) else None,
    }


def needs_body(needs: Needs) -> dict[str, Any]:
    return {
        "models": [_need(need) for need in needs.models],
        "missing": len(needs.missing),
        "failures": [{"code": code, "message": message} for code, message in needs.failures],
    }


def _need(need: Need) -> dict[str, Any]:
    found = need.found
    return {
        "file": need.file,
        "folder": need.folder,
        "used_by": [{"class": name, "input": key} for name, key in need.used_by],
        "state": need.state,
        "sha256": need.sha256,
        "found": None
        if found is None
        else {"id": found.id, "folder": found.folder, "name": found.name, "match": need.match},
        "offers": [asdict(offer) for offer in need.offers],
        "install": None if need.install is None else wish_body(need.install),
        "disagree": need.disagree,
    }


def _presence(presence: Presence) -> dict[str, Any]:
    file = presence.file
    return {
        "state": presence.state,
        "present_as": None
        if file is None
        else {"id": file.id, "folder": file.folder, "name": file.name},
    }


def _time(at_ms: int | None) -> str | None:
    return None if at_ms is None else iso(at_ms)
