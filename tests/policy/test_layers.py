"""What may import what: the arrows of docs/architecture.md, written down as tables."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.policy.siblings import SIBLINGS
from tests.policy.source import ROOT, imports, module_name, shown, walk

LEAVES = frozenset(
    {
        "addresses",
        "boot_facts",
        "chat_errors",
        "clock",
        "device_errors",
        "drawing_errors",
        "errors",
        "language_errors",
        "logs",
        "media",
        "model_settings",
        "models",
        "net",
        "outreach_settings",
        "paths",
        "quota_errors",
        "remote",
        "settings",
        "share_errors",
        "telegram_errors",
        "telegram_records",
        "tls",
        "update_settings",
        "version",
        "waits",
        "webhook_events",
        "webhook_signing",
    }
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    "graphs": LEAVES,
    "store": LEAVES,
    "clients": LEAVES,
    "services": LEAVES | {"clients", "graphs", "store"},
    "web": LEAVES | {"graphs", "services", "store"},
    "embedded": frozenset(),
    "routes": LEAVES | {"accounts", "services", "store", "web"},
    "safety": LEAVES
    | {"accounts", "household", "services", "store", "transfers", "watching", "web"},
    "watching": LEAVES | {"clients", "household", "services", "store", "transfers", "web"},
    "household": LEAVES | {"clients", "nodes", "services", "store", "web"},
    "nodes": LEAVES | {"clients", "services", "store"},
    "accounts": LEAVES | {"services", "store"},
    "hubs": LEAVES | {"clients", "household", "services", "store", "web"},
    "transfers": LEAVES | {"clients", "household", "hubs", "services", "store", "web"},
    "editing": LEAVES
    | {"accounts", "household", "pipeline", "services", "store", "web", "workshop"},
    "pipeline": LEAVES | {"services", "store"},
    "presets": LEAVES | {"services", "store", "web"},
    "workshop": LEAVES | {"household", "presets", "services", "store", "web"},
    "stock": LEAVES | {"clients", "household", "services", "store", "transfers", "web", "workshop"},
    "updating": LEAVES | {"clients", "household", "services", "store", "web"},
    "gallery": LEAVES | {"clients", "household", "services", "store", "web"},
    "language": LEAVES
    | {"accounts", "clients", "household", "services", "stock", "store", "transfers", "web"},
    "drawing": LEAVES
    | {"accounts", "household", "pipeline", "presets", "services", "store", "web", "workshop"},
    "membership": LEAVES | {"accounts", "household", "services", "store", "web"},
    "agents": LEAVES
    | {"accounts", "gallery", "pipeline", "services", "stock", "transfers", "web", "workshop"},
    "webhooks": LEAVES
    | {"clients", "household", "pipeline", "services", "store", "transfers", "web"},
    "shares": LEAVES | {"accounts", "gallery", "household", "services", "store", "web", "workshop"},
    "bot": LEAVES | {"graphs", "services", "store"},
    "telegram": LEAVES
    | {"accounts", "bot", "chat", "household", "services", "store", "web", "workshop"},
    "chat": LEAVES | {"accounts", "household", "services", "store", "web", "workshop"},
    "outreach": LEAVES
    | {
        "accounts",
        "agents",
        "chat",
        "clients",
        "drawing",
        "gallery",
        "household",
        "language",
        "membership",
        "pipeline",
        "services",
        "shares",
        "stock",
        "store",
        "telegram",
        "transfers",
        "web",
        "webhooks",
        "workshop",
    },
    "opened": LEAVES | {"accounts", "services", "store", "web"},
    "app": LEAVES
    | {
        "accounts",
        "clients",
        "editing",
        "gallery",
        "household",
        "opened",
        "outreach",
        "pipeline",
        "routes",
        "safety",
        "services",
        "stock",
        "store",
        "transfers",
        "updating",
        "web",
        "workshop",
    },
    "listening": LEAVES,
    "server": LEAVES | {"app", "listening", "opened", "store", "web"},
    "cli": LEAVES
    | {"accounts", "clients", "graphs", "server", "services", "stock", "store", "web"},
    "__main__": frozenset({"cli"}),
}
"""For each part of ``studio`` the other parts it may know; leaves are listed below."""

LEAVES_MAY_IMPORT: dict[str, frozenset[str]] = {
    "addresses": frozenset({"errors", "net"}),
    "chat_errors": frozenset({"errors"}),
    "device_errors": frozenset({"errors"}),
    "drawing_errors": frozenset({"errors"}),
    "language_errors": frozenset({"errors"}),
    "media": frozenset({"errors", "models"}),
    "net": frozenset({"errors"}),
    "outreach_settings": frozenset({"addresses"}),
    "paths": frozenset({"errors"}),
    "quota_errors": frozenset({"errors"}),
    "remote": frozenset({"models"}),
    "settings": frozenset(
        {
            "addresses",
            "boot_facts",
            "errors",
            "model_settings",
            "outreach_settings",
            "paths",
            "update_settings",
        }
    ),
    "share_errors": frozenset({"errors"}),
    "telegram_errors": frozenset({"errors"}),
    "update_settings": frozenset({"errors"}),
    "webhook_events": frozenset({"clock", "models"}),
    "webhook_signing": frozenset({"errors"}),
}
"""Leaves know almost nothing; those that are missing here know nothing at all."""

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
