"""What the documents say is what the code does."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from pathlib import Path

import pytest

from studio.settings import LIMITS, SECRETS
from studio.version import VERSION
from tests.policy.source import ROOT, parse, table_in, walk

READERS = (
    *("studio/settings.py", "studio/model_settings.py", "studio/paths.py"),
    *("boot", "bootstrap.py", "studio/cli"),
)
"""Where variables of the environment are read."""

_NAME = re.compile(r"[A-Z][A-Z0-9]+(?:_[A-Z0-9]+)*")
_READS = frozenset({"get", "_integer", "_folder", "_absolute", "_number", "pop"})
_SOURCES = frozenset({"environ", "given"})


def variables() -> set[str]:
    """Names of every variable that Studio or bootstrap reads."""
    return {
        name
        for folder in READERS
        for path in walk(".py", under=folder)
        for name in variables_of(path)
    } | {*SECRETS, *LIMITS}


def variables_of(path: Path) -> set[str]:
    """Names that one module reads: ``environ.get``, ``environ[...]`` and the settings' helpers."""
    found = set()
    for node in ast.walk(parse(path)):
        constants: list[ast.expr] = []
        if isinstance(node, ast.Call):
            source = ast.unparse(node.func)
            is_get = source.split(".")[-1] in _READS and (
                source.startswith("_") or any(word in source for word in _SOURCES)
            )
            constants = list(node.args) if is_get else []
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            constants = [node.slice]
        for constant in constants:
            value = constant.value if isinstance(constant, ast.Constant) else None
            if isinstance(value, str) and _NAME.fullmatch(value):
                found.add(value)
    return found


def test_the_search_for_variables_finds_them() -> None:
    expected = {"API_KEY", "STUDIO_DIR", "STUDIO_PORT", "COMFYUI_PORT", "XDG_RUNTIME_DIR"}
    assert expected <= variables()


@pytest.mark.parametrize("document", ["docs/configuration.md"])
def test_every_variable_of_the_environment_is_documented(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    assert {name for name in variables() if f"`{name}`" not in text} == set()


def test_no_variable_is_documented_that_nobody_reads() -> None:
    table = re.findall(
        r"^\| `([A-Z][A-Z0-9_]+)`", (ROOT / "docs/configuration.md").read_text(), re.MULTILINE
    )
    everything = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in ("studio", "boot", "bootstrap.py", "start.sh", "scripts")
        for path in walk(".py", ".sh", "", under=folder)
    )
    assert table
    assert {name for name in table if name not in everything} == set()


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?(\d+\.\d+\.\d+[^\]\s]*)", changelog, re.MULTILINE)
    assert newest is not None
    assert json.loads((ROOT / "version.json").read_text())["version"] == project
    assert newest[1] == project
    assert project == VERSION


def test_every_link_inside_the_documents_leads_somewhere() -> None:
    broken = []
    for path in walk(".md"):
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if not re.match(r"[a-z]+:", target) and not (path.parent / target).exists():
                broken.append(f"{path.name}: {target}")
    assert broken == []


def test_the_documents_name_every_route() -> None:
    """docs/api.md lists what the routers have; the OpenAPI page has the details."""
    text = re.sub(r"\{[a-z_:]+\}", "{}", (ROOT / "docs/api.md").read_text(encoding="utf-8"))
    routes = 0
    missing = []
    for path in walk(".py", under="studio/web"):
        source = path.read_text(encoding="utf-8")
        prefixes = re.findall(r'APIRouter\(prefix="([^"]*)"', source) or [""]
        for route in re.findall(r'router\.[a-z]+\(\s*"([^"]*)"', source):
            routes += 1
            names = [re.sub(r"\{[a-z_:]+\}", "{}", prefix + route) for prefix in prefixes]
            if not any(name in text for name in names):
                missing.append(names)
    assert routes > 20
    assert missing == []


def test_every_view_is_pictured_in_light_in_dark_and_on_a_phone() -> None:
    views = table_in("parts.js", "VIEWS")
    assert {"create", "library", "chat"} <= set(views)
    pictures = {path.stem for path in (ROOT / "docs/images").iterdir()}
    wanted = {f"{view}-{look}" for view in views for look in ("light", "dark", "phone")}
    assert wanted - pictures == set()
