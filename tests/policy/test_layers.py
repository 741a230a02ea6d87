"""What may import what: the arrows of docs/architecture.md, written down as tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policy.source import ROOT, imports, module_name, shown, walk

LEAVES = frozenset(
    {"errors", "settings", "logs", "models", "clock", "paths", "media", "version"}
    | {"addresses", "boot_facts", "model_settings", "net", "remote", "tls", "update_settings"}
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    "graphs": LEAVES,
    "store": LEAVES,
    "clients": LEAVES,
    "services": LEAVES | {"store", "clients", "graphs"},
    "web": LEAVES | {"services", "store", "graphs"},
    "embedded": frozenset(),
    "routes": LEAVES | {"accounts", "store", "services", "web"},
    "safety": LEAVES
    | {"accounts", "household", "services", "store", "transfers", "watching", "web"},
    "watching": LEAVES | {"household", "store", "clients", "services", "transfers", "web"},
    "household": LEAVES | {"nodes", "store", "clients", "services", "web"},
    "nodes": LEAVES | {"store", "clients", "services"},
    "accounts": LEAVES | {"store", "services"},
    "hubs": LEAVES | {"household", "store", "clients", "services", "web"},
    "transfers": LEAVES | {"household", "hubs", "store", "clients", "services", "web"},
    "editing": LEAVES | {"accounts", "pipeline", "store", "services", "web", "workshop"},
    "pipeline": LEAVES | {"store", "services"},
    "presets": LEAVES | {"store", "services", "web"},
    "workshop": LEAVES | {"presets", "store", "services", "web"},
    "stock": LEAVES | {"household", "store", "clients", "services", "transfers", "web", "workshop"},
    "updating": LEAVES | {"household", "store", "clients", "services", "web"},
    "gallery": LEAVES | {"store", "clients", "services", "web"},
    "app": LEAVES
    | {"accounts", "editing", "gallery", "household", "pipeline", "routes"}
    | {"safety", "stock", "transfers", "updating", "workshop"}
    | {"store", "clients", "services", "web"},
    "listening": LEAVES,
    "server": LEAVES | {"app", "listening", "store", "web"},
    "cli": LEAVES
    | {"accounts", "server", "stock", "store", "clients", "services", "graphs", "web"},
    "__main__": frozenset({"cli"}),
}
"""For each part of ``studio`` the other parts it may know; leaves are listed below."""

LEAVES_MAY_IMPORT: dict[str, frozenset[str]] = {
    "media": frozenset({"errors", "models"}),
    "addresses": frozenset({"errors", "net"}),
    "net": frozenset({"errors"}),
    "paths": frozenset({"errors"}),
    "remote": frozenset({"models"}),
    "settings": frozenset(
        {"addresses", "boot_facts", "errors", "model_settings", "paths", "update_settings"}
    ),
    "update_settings": frozenset({"errors"}),
}
"""Leaves know almost nothing; those that are missing here know nothing at all."""

SIBLINGS: dict[str, frozenset[str]] = {
    "adoption": frozenset({"engines", "finisher", "on_demand", "queue", "runner"}),
    "assets": frozenset({"references", "stream_staging", "upload_fields"}),
    "auth": frozenset({"tokens"}),
    "machine_metrics": frozenset({"download_work", "pulse", "request_times"}),
    "pulse": frozenset({"queue"}),
    "moving": frozenset({"backups"}),
    "stopping": frozenset({"background", "backups", "download_work", "queue"}),
    "batches": frozenset({"jobs", "order_size", "prompts", "submissions", "workflows"}),
    "boards": frozenset({"library"}),
    "catalog": frozenset({"catalog_entries", "families"}),
    "catalog_search": frozenset({"catalog_entries", "families"}),
    "civitai_gallery": frozenset({"civitai_pictures", "thumbnails"}),
    "civitai_keeper": frozenset({"civitai_gallery", "civitai_pictures", "stream_staging"}),
    "civitai_pictures": frozenset({"civitai_models"}),
    "civitai_recipes": frozenset({"civitai_tools", "presets", "workflows"}),
    "civitai_tools": frozenset(
        {"assets", "civitai_gallery", "civitai_models", "civitai_pictures"}
        | {"remote_references", "sources", "upload_fields"}
    ),
    "collector": frozenset({"engine", "queue", "run", "staging"}),
    "creation": frozenset({"engines", "jobs", "workflows"}),
    "download_line": frozenset({"download_runs"}),
    "download_news": frozenset({"download_line", "downloads", "feed", "news"}),
    "download_runs": frozenset({"model_checks", "shelves"}),
    "download_wishes": frozenset({"download_runs"}),
    "download_work": frozenset({"download_line", "download_runs"}),
    "downloads": frozenset({"download_line", "download_runs", "download_wishes", "download_work"}),
    "diagnostics": frozenset({"settings", "system"}),
    "disk": frozenset({"model_users"}),
    "dispatcher": frozenset({"engines", "queue", "usage"}),
    "editor": frozenset({"editor_queue", "engine", "tokens"}),
    "editor_graphs": frozenset({"assets", "jobs", "workflow_library", "workflows"}),
    "editor_queue": frozenset({"engine"}),
    "editor_runs": frozenset({"engine", "pace", "queue", "runner"}),
    "engine_control": frozenset({"engines", "jobs", "queue"}),
    "engine_lists": frozenset({"engines"}),
    "engine_link": frozenset({"engine", "engine_process", "pace"}),
    "engine_process": frozenset({"engine", "pace"}),
    "engines": frozenset(
        {"background", "engine", "engine_link", "engine_process", "events", "pace"}
    ),
    "feed": frozenset({"news"}),
    "fetch_plans": frozenset(
        {"download_credentials", "downloads", "engines", "fetches", "media_inputs"}
        | {"model_cache", "model_checks"}
    ),
    "fetch_words": frozenset({"download_line"}),
    "finisher": frozenset({"queue", "staging", "usage"}),
    "follower": frozenset({"collector", "engine", "pace", "queue", "run", "watchdog"}),
    "watchdog": frozenset({"engine", "run"}),
    "grid_picture": frozenset({"batches", "label_fonts", "thumbnails"}),
    "health": frozenset({"engines"}),
    "https_source": frozenset({"download_runs"}),
    "hub_search": frozenset({"civitai_models", "needed_models", "sources"}),
    "history": frozenset({"durations", "engines", "jobs", "queue"}),
    "installs": frozenset({"catalog", "catalog_entries", "download_runs"}),
    "job_news": frozenset({"events", "feed", "news", "queue"}),
    "jobs": frozenset({"download_credentials", "finisher", "follower", "queue", "submissions"}),
    "devices": frozenset({"tokens"}),
    "logins": frozenset({"devices", "names", "passwords", "sessions", "throttle", "tokens"}),
    "library": frozenset({"indexer"}),
    "library_zips": frozenset({"library", "zip_stream"}),
    "live": frozenset(
        {"activity", "feed", "health", "job_news", "log_news", "machine_news", "news", "queue"}
        | {"download_news", "downloads", "system", "system_news"}
    ),
    "log_news": frozenset({"feed", "news"}),
    "machine_news": frozenset({"feed", "news"}),
    "media_inputs": frozenset({"assets", "download_credentials", "staging", "upload_fields"}),
    "metrics": frozenset({"engines", "queue"}),
    "known_models": frozenset({"catalog", "catalog_entries", "civitai_models", "model_facts"}),
    "model_actions": frozenset({"catalog", "model_files"}),
    "model_facts": frozenset({"families"}),
    "model_files": frozenset({"families", "model_facts"}),
    "lora_choices": frozenset({"catalog", "families"}),
    "model_manifest": frozenset(
        {"catalog", "catalog_entries", "download_runs", "installs", "model_files"}
    ),
    "model_origins": frozenset({"catalog"}),
    "model_needs": frozenset(
        {"catalog", "engines", "needed_models", "workflow_imports", "workflow_library"}
    ),
    "needed_models": frozenset({"catalog_entries"}),
    "model_uploads": frozenset({"download_runs", "model_checks", "shelves", "upload_fields"}),
    "on_demand": frozenset(
        {"download_credentials", "download_line", "engines", "fetch_plans", "fetch_words"}
        | {"fetches", "finisher", "media_inputs", "queue"}
    ),
    "node_packs": frozenset({"engines", "health", "node_registry", "pack_rescue", "pack_work"}),
    "pack_rescue": frozenset({"engine"}),
    "pack_work": frozenset({"node_registry"}),
    "order_size": frozenset({"submissions"}),
    "packages": frozenset({"assets", "zip_stream"}),
    "people": frozenset({"auth", "names", "sessions", "tokens"}),
    "presets": frozenset({"assets", "preset_fields", "workflows"}),
    "prompts": frozenset({"preset_fields"}),
    "queue": frozenset({"events"}),
    "queue_control": frozenset({"queue"}),
    "retention": frozenset({"library_rules", "uploads", "usage"}),
    "run": frozenset({"engine", "queue"}),
    "runner": frozenset(
        {"collector", "engine", "engines", "finisher", "pace", "queue", "run", "sender"}
    ),
    "sender": frozenset(
        {"assets", "collector", "engine", "engines", "follower", "pace", "queue", "run", "staging"}
    ),
    "sessions": frozenset({"tokens"}),
    "reference_looks": frozenset(
        {"catalog", "catalog_entries", "installs", "model_checks", "model_facts"}
    ),
    "sources": frozenset({"civitai_models", "remote_references"}),
    "staging": frozenset({"assets", "engine", "fetches", "output_batch"}),
    "submissions": frozenset(
        {"download_credentials", "engine", "engines", "fetches", "media_inputs", "on_demand"}
        | {"queue", "staging"}
    ),
    "startup": frozenset({"health"}),
    "system": frozenset({"engines", "gpus", "health", "queue", "startup"}),
    "system_news": frozenset({"feed", "health", "news"}),
    "update_image": frozenset({"update_source"}),
    "update_trial": frozenset({"engine", "engines"}),
    "update_work": frozenset({"update_source"}),
    "updates": frozenset(
        {"health", "update_failure", "update_image", "update_source", "update_work"}
    ),
    "upload_fields": frozenset({"model_checks"}),
    "uploads": frozenset({"assets", "upload_fields"}),
    "workflow_imports": frozenset({"assets", "engines", "workflow_library"}),
    "workflow_library": frozenset({"engines", "workflows"}),
    "workflows": frozenset({"assets", "engines", "jobs", "order_size", "submissions"}),
    "warmup": frozenset({"auth", "engines", "jobs", "queue", "submissions"}),
}
"""Which services know which others. Most meet in queue, events and engines; the chain of one job
(submissions, dispatcher, runner, sender, follower, collector, finisher) knows its next link."""

OUTBOUND = frozenset({"aiohttp", "httpx", "websockets"})

SPEAKS_SQL: frozenset[str] = frozenset({"studio.cli.checks.storage"})
"""Modules outside the store that may import sqlite3; this one asks for its version."""


def part_of(module: str) -> str:
    """The layer of a module of ``studio``."""
    return module.split(".")[1] if "." in module else "studio"


def studio_modules() -> Iterator[tuple[Path, str]]:
    for path in walk(".py", under="studio"):
        module = module_name(path)
        if module != "studio":
            yield path, module


def test_every_layer_imports_only_what_lies_below_it() -> None:
    wrong = []
    for path, module in studio_modules():
        part = part_of(module)
        allowed = MAY_IMPORT.get(part, LEAVES_MAY_IMPORT.get(part, frozenset()))
        for name in imports(path):
            other = part_of(name) if name.startswith("studio.") else part
            if other != part and other not in allowed:
                wrong.append(f"{shown(path)} imports {name}")
    assert wrong == []


def test_every_part_of_studio_is_in_a_table() -> None:
    parts = {part_of(module) for _, module in studio_modules()}
    assert parts == MAY_IMPORT.keys() | LEAVES


def test_services_know_only_the_siblings_they_are_meant_to() -> None:
    wrong = []
    for path, module in studio_modules():
        if part_of(module) != "services" or module.count(".") != 2:
            continue
        own = module.split(".")[2]
        for name in imports(path):
            if name.startswith("studio.services.") and name.count(".") == 2:
                sibling = name.split(".")[2]
                if sibling not in SIBLINGS.get(own, frozenset()):
                    wrong.append(f"{own} imports {sibling}")
    assert sorted(set(wrong)) == []


@pytest.mark.parametrize("folder", ["boot", "bootstrap.py"])
def test_bootstrap_needs_nothing_but_the_standard_library(folder: str) -> None:
    import sys

    wrong = []
    for path in walk(".py", under=folder):
        for name in imports(path):
            top = name.split(".")[0]
            if top != "boot" and top not in sys.stdlib_module_names:
                wrong.append(f"{shown(path)} imports {name}")
    assert wrong == []


def test_the_embedded_engine_stands_alone() -> None:
    wrong = [
        f"{shown(path)} imports {name}"
        for path in walk(".py", under="studio/embedded")
        for name in imports(path)
        if name.startswith("studio.") and not name.startswith("studio.embedded")
    ]
    assert wrong == []


def test_only_the_store_speaks_sql() -> None:
    wrong = {
        module
        for path, module in studio_modules()
        if "sqlite3" in imports(path) and part_of(module) != "store"
    }
    assert wrong == SPEAKS_SQL


def test_only_clients_speak_http_to_others() -> None:
    speaking = {
        module
        for path, module in studio_modules()
        if {name.split(".")[0] for name in imports(path)} & OUTBOUND
        and part_of(module) not in ("clients", "cli", "embedded")
    }
    assert speaking == set()


def test_services_and_stores_know_nothing_of_the_web() -> None:
    web = {"fastapi", "starlette", "uvicorn"}
    wrong = [
        shown(path)
        for path, module in studio_modules()
        if part_of(module) in ("services", "store", "clients", "graphs")
        or part_of(module) in LEAVES
        if {name.split(".")[0] for name in imports(path)} & web
    ]
    assert wrong == []


def test_the_tests_know_the_repositorys_own_root() -> None:
    assert (ROOT / "bootstrap.py").is_file()
    assert len(list(studio_modules())) > 50
